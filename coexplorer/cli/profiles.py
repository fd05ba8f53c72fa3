"""``profiles``: what config.toml has, and whether its tokens still work."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from coexplorer.cli import exits
from coexplorer.cli.exits import leave
from coexplorer.cli.narration import note, warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.row_kinds import Values
from coexplorer.cli.schema import PROFILE
from coexplorer.cli.table import Column
from coexplorer.config import find_paths, load_settings
from coexplorer.config.domain import parse_domain
from coexplorer.config.file import Profile, load_config_file
from coexplorer.config.settings import find_default, keyring_account
from coexplorer.config.tokens import KeyringToken, is_vain
from coexplorer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coexplorer.cli.account import Checked


@click.command("profiles")
@click.option("--check", is_flag=True, help="Ask each platform who you are; takes a moment.")
@format_options(PROFILE, columns=True)
def profiles_command(*, check: bool, columns: tuple[str, ...], style: Format) -> None:
    """List the profiles of config.toml (never their tokens).

    With --check, the exit code says whether all of them work.
    """
    paths = find_paths()
    config = load_config_file(paths.config_file)
    for warning in config.warnings:
        warn(warning)
    default = find_default(config)
    if default is None and config.default_profile is not None:
        warn(
            f"default_profile is {config.default_profile!r}, and there is no such profile; choose"
            " one: coexplorer config set default_profile NAME"
        )
    checked = {name: _check_profile(name) for name in config.profiles} if check else {}
    rows: list[Values] = [
        {
            "profile": profile.name,
            "domain": parse_domain(profile.domain).domain,
            "token": _where(profile),
            "default": profile.name == default,
            "works": None if result is None else result.works,
            "user": None if result is None else result.user,
        }
        for profile in config.profiles.values()
        for result in (checked.get(profile.name),)
    ]
    if style is not Format.TABLE or columns:
        print_rows(PROFILE, rows, style, columns)
    elif not rows:
        print_line("no profiles yet; sign in: coexplorer login DOMAIN")
    else:
        _print_profiles(rows, check=check)
        if default is None and config.default_profile is None:
            note("none of them is the default: coexplorer config set default_profile NAME")
        note(f"kept in {paths.config_file}")
    failures = [exits.code_of(each.error) for each in checked.values() if each.error is not None]
    leave(exits.of_outcomes(failures, any_done=len(failures) < len(checked)))


def _print_profiles(rows: Sequence[Values], *, check: bool) -> None:
    cells: list[tuple[str, ...]] = [
        ("*" if row["default"] else "", str(row["profile"]), str(row["domain"]), str(row["token"]))
        for row in rows
    ]
    head = [
        Column(""),
        Column("PROFILE", flexible=True, keeps=True),
        Column("DOMAIN", flexible=True),
        Column("TOKEN FROM"),
    ]
    if check:
        head += [Column("WORKS"), Column("USER", flexible=True)]
        works = {True: "yes", False: "no", None: "?"}
        for at, row in enumerate(rows):
            cells[at] = (
                *cells[at],
                works[cast("bool | None", row["works"])],
                str(row["user"] or ""),
            )
    print_table(head, cells)


def _check_profile(name: str) -> Checked:
    from coexplorer.cli.account import Checked, check_token

    try:
        checked = check_token(load_settings(profile=name))
    except ConfigError as error:
        checked = Checked(works=None, error=error)
    if checked.error is not None:
        warn(f"{name}: {checked.error.message}")
    return checked


def _where(profile: Profile) -> str:
    if profile.token_command:
        return "token_command"
    if profile.token is not None:
        return "config.toml"
    account = keyring_account(profile.name, parse_domain(profile.domain).domain)
    return "none" if is_vain(KeyringToken(account)) else "keyring"
