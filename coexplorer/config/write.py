"""Changes to ``config.toml`` that keep everything else in it, comments included.

tomlkit is the one well-maintained TOML writer that keeps comments and order; only this module
imports it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tomllib
from collections.abc import Callable, Iterator, Sequence

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import Table

from coexplorer.config.file import (
    DEMO,
    OTHER_FOLDER,
    ConfigFile,
    Profile,
    Setting,
    check_profile_name,
    load_config_file,
    parse_config,
)
from coexplorer.config.locking import open_lock
from coexplorer.config.paths import Paths, ensure_private_dir, write_private
from coexplorer.config.settings import Settings
from coexplorer.errors import ConfigError, FileTrouble

_MARK = "\ufeff"
"""The byte order mark, which some editors of Windows put before everything."""

_HEADER = "coexplorer's settings. Only you may read this file: it can hold tokens."


def save_profile(paths: Paths, profile: Profile, *, make_default: bool = False) -> None:
    """Add or renew the sign-in of a profile; its views and mount folder stay.

    The only profile so far stays the default: it was, as long as it was the only one.

    The old token and token_command go when the new profile has none: they belong to the old domain.

    Raises:
        ConfigError: When the file can't be read or written, or the name can't be a profile's.
    """
    check_profile_name(profile.name)
    if profile.name == DEMO:
        raise ConfigError("the name demo belongs to the embedded server", hint="use another name")
    with _edit(paths) as document:
        profiles = _ensure_table(document, "profiles", is_super=True)
        if len(profiles) == 1 and profile.name not in profiles:
            document.setdefault("default_profile", next(iter(profiles)))
        table = _ensure_table(profiles, profile.name)
        table["domain"] = profile.domain
        for key, value in (
            ("token", None if profile.token is None else profile.token.reveal()),
            ("token_command", profile.token_command),
            ("dialect", None if profile.dialect is None else str(profile.dialect)),
        ):
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        if make_default:
            document["default_profile"] = profile.name


def remove_profile(paths: Paths, name: str) -> None:
    """Forget a profile and its token.

    Raises:
        ConfigError: When there is none of this name, or the file can't be written.
    """
    with _edit(paths) as document:
        profiles = document.get("profiles")
        if not isinstance(profiles, dict) or name not in profiles:
            raise ConfigError(f"there is no profile {name!r}")
        _forget_profile(document, name)


def _forget_profile(document: TOMLDocument, name: str) -> None:
    profiles = document["profiles"]
    if isinstance(profiles, Table):
        del profiles[name]
    if document.get("default_profile") == name:
        del document["default_profile"]


def save_view(settings: Settings, name: str, query: str | None) -> None:
    """Save a search of the profile under a name, or forget it (None).

    Raises:
        ConfigError: When the profile is not in the file, or the file can't be written.
    """
    if not settings.saved:
        raise ConfigError(
            f"profile {settings.profile} is not in config.toml, so it can't keep a view",
            hint="sign in with coexplorer login first",
        )
    with _edit(settings.paths) as document:
        profiles = _ensure_table(document, "profiles", is_super=True)
        views = _ensure_table(_ensure_table(profiles, settings.profile), "views")
        if query is None:
            views.pop(name, None)
        else:
            views[name] = query


def save_columns(paths: Paths, columns: Sequence[str]) -> None:
    """Keep the list's columns.

    Raises:
        ConfigError: When the file can't be read or written.
    """
    with _edit(paths) as document:
        document["columns"] = list(columns)


def change_setting(
    paths: Paths,
    setting: Setting,
    value: str | tuple[str, ...] | None,
    *,
    check: Callable[[ConfigFile], None],
) -> None:
    """Set a value, or remove it (None), if the file is right afterwards; else nothing is written.

    Args:
        paths: The program's folders.
        setting: Where the value stands.
        value: The new one.
        check: Looks at the whole of the new settings, and raises what is wrong with them.

    Raises:
        ConfigError: When the file can't be read or written, or would be wrong.
    """
    *tables, key = setting.place
    with _edit(paths) as document:
        table: TOMLDocument | Table = document
        for depth, name in enumerate(tables):
            table = _ensure_table(table, name, is_super=name == "profiles" and depth == 0)
        if value is None:
            table.pop(key, None)
            if tables[:1] == ["profiles"] and not document["profiles"][tables[1]]:
                _forget_profile(document, tables[1])
        else:
            table[key] = value if isinstance(value, str) else list(value)
        check(parse_config(tomllib.loads(tomlkit.dumps(document))))


@contextlib.contextmanager
def _edit(paths: Paths) -> Iterator[TOMLDocument]:
    """Read, let the caller change, write: under a lock, so that two programs don't lose changes."""
    path = paths.config_file
    load_config_file(path)  # a wrong or open file is not made worse
    try:
        with _locked(paths):
            exists = path.exists()
            text = path.read_bytes().decode("utf-8") if exists else ""
            mark = _MARK if text.startswith(_MARK) else ""  # tomlkit can't read one
            document = tomlkit.parse(text.removeprefix(_MARK)) if exists else tomlkit.document()
            if not exists:
                document.add(tomlkit.comment(_HEADER))
            yield document
            write_private(path, mark + tomlkit.dumps(document))
    except OSError as error:
        raise FileTrouble.of(path, "written", error, hint=OTHER_FOLDER) from None


@contextlib.contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    ensure_private_dir(paths.config_dir)
    descriptor = open_lock(paths.config_dir / ".lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _ensure_table(parent: TOMLDocument | Table, key: str, *, is_super: bool = False) -> Table:
    found = parent.get(key)
    if isinstance(found, Table):
        return found
    if found is not None:
        raise ConfigError(f"config.toml: {key} is written in a way that can't be changed here")
    table = tomlkit.table(is_super_table=is_super)
    parent[key] = table
    return table
