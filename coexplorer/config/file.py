"""``config.toml`` → plain data (reading only; `coexplorer.config.write` changes it).

default_profile = "acme"
columns = ["name", "size", "tags"]

[keys]                       # action = key or keys
"asset.archive" = "x"

[actions]                    # key = what it does
K = "+keep"

[files]
cache_size = "10GB"          # what is kept on this disk of the files of assets

[profiles.acme]
domain = "codeocean.acme.com"
token = "cop_…"              # or token_command, or in the keyring
token_command = "pass show codeocean"
dialect = "current"          # assumed until the platform was asked
mount_folder = "~/data"
s3_endpoint = "https://…"    # where external assets are, if not in AWS

[profiles.acme.views]
"My raw" = "tag:raw is:mine"
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from coexplorer.errors import ConfigError, FileTrouble
from coexplorer.models import Dialect, Secret

DEMO = "demo"
"""The profile of the embedded server; it exists while that server does, and never in the file."""

OTHER_FOLDER = "or set XDG_CONFIG_HOME to another folder"
"""What helps where the file can't be read or written."""

_TOP_KEYS = {"default_profile", "columns", "keys", "actions", "files", "profiles"}
_FILES_KEYS = {"cache_size"}
_S3_KEYS = {"s3_endpoint", "s3_addressing", "s3_region", "aws_profile", "requester_pays"}
_PROFILE_KEYS = {"domain", "token", "token_command", "dialect", "mount_folder", "views", *_S3_KEYS}
_LISTS = {"columns", "keys"}
_TABLES = {"keys", "actions"}
"""Settings whose names are the user's own."""

_PLACE = re.compile(r"\(((?:'[^']*'(?:, )?)+),?\)")
_PART = re.compile(r"'([^']*)'")
"""How Python names a table: as a tuple of its names."""

_WEB_ADDRESS = re.compile(r"https?://[^\s/@?#]+(?:/[^\s?#]*)?")
_REGION = re.compile(r"[a-z0-9-]{2,40}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class S3Settings(msgspec.Struct, frozen=True):
    """How the buckets of external assets are read.

    Attributes:
        endpoint: Address of a storage like S3; empty: what AWS's own settings say, or AWS.
        addressing: ``path`` or ``virtual``: whether a bucket is named in the path or in the host;
            empty: in the host at AWS, in the path elsewhere.
        region: Of the buckets; empty: it is found out.
        aws_profile: Profile of AWS's configuration; empty: AWS_PROFILE, or the default.
        requester_pays: The user pays for what is read of buckets whose owners don't.
        is_anonymous: No credentials are used.
    """

    endpoint: str = ""
    addressing: str = ""
    region: str = ""
    aws_profile: str = ""
    requester_pays: bool = False
    is_anonymous: bool = False


class Profile(msgspec.Struct, frozen=True):
    """One ``[profiles.NAME]``."""

    name: str
    domain: str
    token: Secret | None = None
    token_command: str | None = None
    dialect: Dialect | None = None
    mount_folder: str | None = None
    s3: S3Settings = S3Settings()
    views: dict[str, str] = {}


class FileSettings(msgspec.Struct, frozen=True):
    """``[files]``: how the files of assets are read.

    Attributes:
        cache_size: What may be kept of them on this disk, such as ``10GB``; None: not said.
        cache_bytes: The same in bytes.
    """

    cache_size: str | None = None
    cache_bytes: int = 10 * 1000**3


class ConfigFile(msgspec.Struct, frozen=True):
    """All of ``config.toml``.

    Attributes:
        warnings: A sentence for each key that nothing here knows.
    """

    default_profile: str | None = None
    columns: tuple[str, ...] = ()
    keys: dict[str, tuple[str, ...]] = {}
    actions: dict[str, str] = {}
    profiles: dict[str, Profile] = {}
    files: FileSettings = FileSettings()
    warnings: tuple[str, ...] = ()


def load_config_file(path: Path) -> ConfigFile:
    """Read ``config.toml``; one that does not exist is an empty one.

    Raises:
        FileTrouble: It can't be read.
        ConfigError: Others can read or replace it, it is no TOML, or a value is wrong.
    """
    try:
        # A named pipe must not let the program wait for somebody who writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            content = file.read() if stat.S_ISREG(mode) else b""
    except FileNotFoundError:
        return ConfigFile()
    except OSError as error:
        raise FileTrouble.of(path, "read", error, hint=OTHER_FOLDER) from None
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{path} is not a regular file", hint="put a text file in its place")
    if mode & 0o077:
        raise ConfigError(
            f"{path} is open to others, and it may hold tokens", hint=f"run: chmod 600 {path}"
        )
    for folder in {path.parent, Path(os.path.realpath(path)).parent}:
        if _get_mode(folder) & 0o022:
            raise ConfigError(
                f"others can replace {path}",
                hint=f"run: chmod go-w {folder}",
            )
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text", hint="fix it in an editor") from None
    except tomllib.TOMLDecodeError as error:
        said = _PLACE.sub(lambda found: f"[{'.'.join(re.findall(_PART, found[1]))}]", str(error))
        raise ConfigError(f"{path} is not valid TOML: {said}", hint="correct it there") from None
    return parse_config(table)


def _get_mode(folder: Path) -> int:
    try:
        return folder.stat().st_mode
    except OSError as error:
        raise FileTrouble.of(folder, "read", error, hint=OTHER_FOLDER) from None


def parse_config(table: Mapping[str, object]) -> ConfigFile:
    """Check every value of a parsed ``config.toml``.

    Raises:
        ConfigError: Naming the key whose value is wrong.
    """
    reader = _Reader()
    reader.note_unknown(table, _TOP_KEYS, "")
    profiles = {
        name: _parse_profile(name, reader.table(profile, f"profiles.{name}"), reader)
        for name, profile in reader.table(table.get("profiles", {}), "profiles").items()
    }
    default = reader.optional_text(table, "default_profile", "")
    keys = reader.table(table.get("keys", {}), "keys")
    return ConfigFile(
        default_profile=default,
        columns=reader.texts(table.get("columns", []), "columns"),
        keys={action: reader.texts(value, f"keys.{action}") for action, value in keys.items()},
        actions=reader.text_table(table.get("actions", {}), "actions"),
        profiles=profiles,
        files=_parse_files(reader.table(table.get("files", {}), "files"), reader),
        warnings=tuple(reader.warnings),
    )


class Setting(msgspec.Struct, frozen=True):
    """Where one value stands in ``config.toml``.

    Attributes:
        place: The keys that lead to it.
        is_list: It is a list of texts.
        is_secret: It is a token.
    """

    place: tuple[str, ...]
    is_list: bool = False
    is_secret: bool = False

    @property
    def key(self) -> str:
        """Its path, as people write it."""
        return ".".join(self.place)


def find_setting(path: str) -> Setting | None:
    """Return the setting that a path such as ``profiles.acme.domain`` leads to (pure).

    Names hold dots, too: ``keys.asset.archive``, ``profiles.my.lab.views.my.raw``.
    """
    first, _, rest = path.partition(".")
    rest = rest.strip('"')
    if first in _TABLES:
        return Setting((first, rest), is_list=first in _LISTS) if rest else None
    if first == "profiles":
        name, views, view = rest.partition(".views.")
        if views:
            return Setting((first, name, "views", view.strip('"'))) if name and view else None
        name, _, key = rest.rpartition(".")
        known = name and key in _PROFILE_KEYS - {"views"}
        return Setting((first, name, key), is_secret=key == "token") if known else None
    if first == "files":
        return Setting((first, rest)) if rest in _FILES_KEYS else None
    return Setting((first,), is_list=first in _LISTS) if path in _TOP_KEYS else None


def read_setting(config: ConfigFile, setting: Setting) -> str | tuple[str, ...] | None:
    """Return the value of a setting; None where it is not set."""
    return dict(list_settings(config)).get(setting.key)


def list_settings(config: ConfigFile) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield the path and the value of everything that is set; of a token only that it is there."""
    if config.default_profile is not None:
        yield "default_profile", config.default_profile
    if config.columns:
        yield "columns", config.columns
    for action, keys in config.keys.items():
        yield f"keys.{action}", keys
    for key, action in config.actions.items():
        yield f"actions.{key}", action
    if config.files.cache_size is not None:
        yield "files.cache_size", config.files.cache_size
    for name, profile in config.profiles.items():
        values = {
            "domain": profile.domain,
            "token": "(set)" if profile.token is not None else None,
            "token_command": profile.token_command,
            "dialect": profile.dialect and str(profile.dialect),
            "mount_folder": profile.mount_folder,
            "s3_endpoint": profile.s3.endpoint or None,
            "s3_addressing": profile.s3.addressing or None,
            "s3_region": profile.s3.region or None,
            "aws_profile": profile.s3.aws_profile or None,
            "requester_pays": "yes" if profile.s3.requester_pays else None,
        }
        for key, value in values.items():
            if value is not None:
                yield f"profiles.{name}.{key}", value
        for view, query in profile.views.items():
            yield f"profiles.{name}.views.{view}", query


def list_possible(config: ConfigFile) -> list[str]:
    """Return the paths of what is set, and of what has a name already and could be (pure)."""
    fixed = sorted(_TOP_KEYS - _TABLES - {"files", "profiles"})
    fixed += [f"files.{key}" for key in sorted(_FILES_KEYS)]
    of_profiles = [
        f"profiles.{name}.{key}"
        for name in config.profiles
        for key in sorted(_PROFILE_KEYS - {"token", "views"})
    ]
    known = [key for key, _ in list_settings(config) if not key.endswith(".token")]
    return list(dict.fromkeys([*fixed, *of_profiles, *known]))


def check_profile_name(name: str) -> str:
    """Return the name of a profile if it can be one: it becomes part of files' names.

    Raises:
        ConfigError: When it can't.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} can't be a profile's name",
            hint="use up to 64 letters, digits, dots, dashes and underscores",
        )
    return name


def _parse_profile(name: str, table: Mapping[str, object], reader: _Reader) -> Profile:
    where = f"profiles.{name}"
    check_profile_name(name)
    if name == DEMO:
        raise ConfigError(
            "profiles.demo: this name belongs to the embedded server", hint="choose another name"
        )
    reader.note_unknown(table, _PROFILE_KEYS, f"{where}.")
    domain = reader.optional_text(table, "domain", where)
    if not domain:
        raise ConfigError(
            f"{where}.domain is missing",
            hint=f"add it; coexplorer logout --profile {name} forgets a whole profile",
        )
    token = reader.optional_text(table, "token", where)
    dialect = reader.optional_text(table, "dialect", where)
    if dialect is not None and dialect not in set(Dialect):
        raise ConfigError(
            f"{where}.dialect: expected legacy or current", hint="without it, the platform is asked"
        )
    return Profile(
        name=name,
        domain=domain,
        token=None if token is None else Secret(token),
        token_command=reader.optional_text(table, "token_command", where),
        dialect=None if dialect is None else Dialect(dialect),
        mount_folder=reader.optional_text(table, "mount_folder", where),
        s3=_parse_s3(table, where, reader),
        views=reader.text_table(table.get("views", {}), f"{where}.views"),
    )


def _parse_s3(table: Mapping[str, object], where: str, reader: _Reader) -> S3Settings:
    """Read how the buckets of external assets are read."""
    endpoint = reader.optional_text(table, "s3_endpoint", where) or ""
    if endpoint and not _WEB_ADDRESS.fullmatch(endpoint):
        raise _wrong(f"{where}.s3_endpoint", 'an address such as "https://s3.example.org"')
    addressing = reader.optional_text(table, "s3_addressing", where) or ""
    if addressing not in {"", "path", "virtual"}:
        raise _wrong(f"{where}.s3_addressing", '"path" or "virtual"')
    region = reader.optional_text(table, "s3_region", where) or ""
    if region and not _REGION.fullmatch(region):
        raise _wrong(f"{where}.s3_region", 'a region such as "eu-west-1"')
    pays = table.get("requester_pays", False)
    if pays not in (True, False, "yes", "no"):
        raise _wrong(f"{where}.requester_pays", '"yes" or "no"')
    return S3Settings(
        endpoint.rstrip("/"),
        addressing,
        region,
        reader.optional_text(table, "aws_profile", where) or "",
        requester_pays=pays in (True, "yes"),
    )


def _parse_files(table: Mapping[str, object], reader: _Reader) -> FileSettings:
    reader.note_unknown(table, _FILES_KEYS, "files.")
    text = reader.optional_text(table, "cache_size", "files")
    if text is None:
        return FileSettings()
    from coexplorer.query.values import parse_size  # noqa: PLC0415 # seldom set

    size_bytes = parse_size(text.replace(" ", ""))
    if size_bytes is None:
        raise _wrong("files.cache_size", 'a size such as "10GB", or "0" to keep nothing')
    return FileSettings(text, size_bytes)


class _Reader:
    """Typed looks into parsed TOML; every complaint names the key, none shows the value."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def note_unknown(self, table: Mapping[str, object], known: set[str], prefix: str) -> None:
        """Warn of keys that are not known; an older or newer program may know them."""
        self.warnings += [
            f"config.toml: {prefix}{key} is not a setting and has no effect"
            for key in table
            if key not in known
        ]

    def optional_text(self, table: Mapping[str, object], key: str, where: str) -> str | None:
        value = table.get(key)
        if value is None or isinstance(value, str):
            return value
        raise _wrong(f"{where}.{key}" if where else key, "a text in quotes")

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        """Take a text, or a list of texts."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise _wrong(where, "a list of texts in quotes")

    def table(self, value: object, where: str) -> Mapping[str, object]:
        if isinstance(value, dict):
            return value
        raise _wrong(where, "a table")

    def text_table(self, value: object, where: str) -> dict[str, str]:
        """Take a table whose values are texts; its order is kept."""
        table = self.table(value, where)
        return {key: self.optional_text(table, key, where) or "" for key in table}


def _wrong(where: str, expected: str) -> ConfigError:
    return ConfigError(f"config.toml: {where}: expected {expected}", hint="fix that line")
