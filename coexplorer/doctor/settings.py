"""The settings: are they right, and which platform and user do they name?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from coexplorer.config import Paths, ReadOnce, Settings, find_paths, load_settings
from coexplorer.config.domain import parse_domain
from coexplorer.config.environment import DOMAINS, explain_missing
from coexplorer.config.file import ConfigFile, load_config_file
from coexplorer.doctor.findings import CheckState, Finding, pass_check, skip_check, tell_error
from coexplorer.errors import CoexplorerError, ConfigError, NoProfile, QueryError
from coexplorer.query import parse_query
from coexplorer.text import guess_word
from coexplorer.tui.columns import COLUMN_BY_ID
from coexplorer.tui.keys import build_keymap

_NAMED = 3


class Asked(msgspec.Struct, frozen=True):
    """What the command line gives.

    Attributes:
        profile: ``--profile``.
        domain: ``--domain``.
        token_file: ``--token-file``.
    """

    profile: str | None = None
    domain: str | None = None
    token_file: Path | None = None


class Subject(msgspec.Struct):
    """What there is to look at, as far as the settings tell.

    Attributes:
        paths: The program's folders; None: there is no home.
        settings: The profile's; None: none can be found.
        base_url: The platform's address; it may be known without a profile.
    """

    paths: Paths | None = None
    settings: Settings | None = None
    base_url: str = ""


def look_at_settings(
    subject: Subject, asked: Asked, environment: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Read the settings, and put into `subject` what they lead to."""
    try:
        subject.paths = find_paths()
    except ConfigError as error:
        yield tell_error("settings", error)
    named = next((environment[name] for name in DOMAINS if environment.get(name)), "")
    subject.base_url = _find_address(asked.domain or named)
    if subject.paths is None:
        yield skip_check("profile", "without settings it is not clear who is meant")
        return
    try:
        config = load_config_file(subject.paths.config_file)
    except CoexplorerError as error:
        yield tell_error("settings", error)
        yield skip_check("profile", "fix the settings first")
        return
    yield _judge_config(config, subject.paths.config_file)
    if lack := explain_missing(environment):
        hint = "set both a platform and a token there, or neither"
        yield Finding("settings", CheckState.WARNING, f"{lack}: it is not used", hint)
    yield from _look_at_profile(subject, asked)


def _look_at_profile(subject: Subject, asked: Asked) -> Iterator[Finding]:
    try:
        settings = load_settings(
            profile=asked.profile, domain=asked.domain, token_file=asked.token_file
        )
    except NoProfile as error:
        yield tell_error("profile", error, CheckState.WARNING)
        return
    except CoexplorerError as error:
        yield tell_error("profile", error)
        return
    once = ReadOnce(settings.token_source)
    subject.settings = msgspec.structs.replace(settings, token_source=once)
    subject.base_url = settings.base_url
    named = f" (from {settings.domain_from})" if settings.domain_from else ""
    yield pass_check(
        "profile",
        f"{settings.profile}: {settings.base_url}{named}, token from {settings.token_source.label}",
    )


def _find_address(domain: str) -> str:
    try:
        return parse_domain(domain).base_url if domain else ""
    except ConfigError:  # told where the profile is looked for
        return ""


def _judge_config(config: ConfigFile, path: Path) -> Finding:
    faults = list(find_faults(config))
    told = [each.message for each in faults] + list(config.warnings)
    if told:
        more = len(told) - _NAMED
        hints = [*dict.fromkeys(each.hint for each in faults if each.hint)]
        return Finding(
            "settings",
            CheckState.WARNING,
            (f"{path}: " if faults else "")
            + "; ".join(told[:_NAMED])
            + (f"; and {more} more" if more > 0 else ""),
            "; ".join(hints[:_NAMED]) or "docs/config.md lists all settings",
        )
    there = "can be read" if path.exists() else "is not there, so all settings have their defaults"
    return pass_check("settings", f"{path} {there}")


def find_faults(config: ConfigFile) -> Iterator[CoexplorerError]:
    """Yield what would have no effect, as only the whole program knows.

    That goes for profiles, columns, commands, keys and queries.
    """
    if config.default_profile is not None and config.default_profile not in config.profiles:
        known = ", ".join(config.profiles) or "none yet"
        yield ConfigError(
            f"there is no profile {config.default_profile!r}", hint=f"profiles: {known}"
        )
    for column in config.columns:
        if column not in COLUMN_BY_ID:
            guess = guess_word(column, COLUMN_BY_ID)
            yield ConfigError(
                f"there is no column {column!r}{guess}", hint=f"columns: {', '.join(COLUMN_BY_ID)}"
            )
    for problem in build_keymap(config.keys, config.actions).problems:
        yield ConfigError(problem, hint="docs/keys.md lists commands and their keys")
    for profile in config.profiles.values():
        try:
            parse_domain(profile.domain)
        except ConfigError as error:
            yield error
        for name, query in profile.views.items():
            try:
                parse_query(query)
            except QueryError as error:
                yield ConfigError(f"view {name!r} is no query: {error.message}", hint=error.hint)
