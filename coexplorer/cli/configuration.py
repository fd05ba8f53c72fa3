"""``config``: the settings of ``config.toml``, one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import click

from coexplorer.cli.completion import complete_settings
from coexplorer.cli.narration import warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows
from coexplorer.cli.row_kinds import Values
from coexplorer.cli.schema import SETTING
from coexplorer.config import find_paths
from coexplorer.config.domain import parse_domain
from coexplorer.config.environment import explain_missing, find_credentials
from coexplorer.config.file import (
    ConfigFile,
    Setting,
    find_setting,
    list_settings,
    load_config_file,
    read_setting,
)
from coexplorer.errors import ConfigError, FileTrouble, NotFound
from coexplorer.text import guess_word

_HIDDEN = "(set)"


@click.group("config")
def config_command() -> None:
    """Read and change the settings in config.toml; your comments stay.

    KEY is a path such as default_profile, columns, keys.asset.archive, actions.K,
    profiles.acme.mount_folder or profiles.acme.views.NAME. docs/config.md explains all of them.
    """


@config_command.command("path")
def path_command() -> None:
    """Print where config.toml is."""
    click.echo(find_paths().config_file)


@config_command.command("list")
@format_options(SETTING, columns=True)
def list_command(*, columns: tuple[str, ...], style: Format) -> None:
    """List all settings that are set; tokens are not shown."""
    config = load_config_file(find_paths().config_file)
    for warning in config.warnings:
        warn(warning)
    if style is not Format.TABLE or columns:
        print_rows(SETTING, _list_values(config), style, columns)
        return
    _tell_environment()
    for row in _list_values(config):
        value = row["value"]
        print_line(f"{row['key']} = {', '.join(value) if isinstance(value, tuple) else value}")


def _tell_environment() -> None:
    """Say what signs in although it is no setting."""
    try:
        given = find_credentials(os.environ)
        host = given and parse_domain(given.domain).domain
    except ConfigError as error:
        warn(error.message)
        return
    if given is not None:
        names = f"{given.domain_from} and {given.token_from}"
        print_line(f"# without --profile, {names} of the environment sign in to {host}")
    elif lack := explain_missing(os.environ):
        print_line(f"# {lack}: it is not used")


def _list_values(config: ConfigFile) -> Iterator[Values]:
    for key, value in list_settings(config):
        yield {"key": key, "value": (value,) if isinstance(value, str) else value}


@config_command.command("get")
@click.argument("key", shell_complete=complete_settings)
def get_command(key: str) -> None:
    """Print the value of KEY: one line, or one for each part of a list."""
    setting = _find(key)
    value = read_setting(load_config_file(find_paths().config_file), setting)
    if value is None:
        raise NotFound(f"{key} is not set", hint="coexplorer config list shows what is")
    for line in (value,) if isinstance(value, str) else value:
        print_line(line)


@config_command.command("set")
@click.argument("key", shell_complete=complete_settings)
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
def set_command(key: str, values: tuple[str, ...]) -> None:
    """Set KEY to VALUE; for a list, give several values or one separated by commas."""
    from coexplorer.config.write import change_setting

    setting = _find(key)
    if len(values) > 1 and not setting.is_list:
        raise click.UsageError(f"{key} takes one value; put it in quotes")
    several = tuple(
        each.strip() or each[:1]
        for value in values
        for each in (value.split(",") if value.strip(",") else value[:1])
    )
    value = tuple(filter(None, several)) if setting.is_list else values[0]
    if setting.is_list and not value:
        raise click.UsageError(f"{key} needs a value; {_tell_unset(key)}")
    check = _refuse_new_faults()  # a file that was wrong before is no mistake of this call
    try:
        change_setting(find_paths(), setting, value, check=check)
    except FileTrouble:
        raise
    except ConfigError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise click.UsageError(f"{error.message}{hint}") from None


def _tell_unset(key: str) -> str:
    return f"coexplorer config unset {key} lets the default apply"


def _refuse_new_faults() -> Callable[[ConfigFile], None]:
    """Return a check that raises what is wrong with settings and was not before.

    What stands in the file already keeps nobody from changing something else.
    """
    from coexplorer.doctor.settings import find_faults

    before = {each.message for each in find_faults(load_config_file(find_paths().config_file))}

    def check(config: ConfigFile) -> None:
        for fault in find_faults(config):
            if fault.message not in before:
                raise fault

    return check


@config_command.command("unset")
@click.argument("key", shell_complete=complete_settings)
def unset_command(key: str) -> None:
    """Remove KEY, so that the default applies again.

    The last key of a profile takes the profile with it; coexplorer logout forgets all of one.
    """
    from coexplorer.config.write import change_setting

    config = load_config_file(find_paths().config_file)
    name = key.removeprefix("profiles.")
    if name != key and name in config.profiles:
        raise click.UsageError(f"to forget all of it: coexplorer logout --profile {name}")
    setting = _find(key)
    if read_setting(config, setting) is None:
        raise NotFound(f"{key} is not set", hint="coexplorer config list shows what is")
    change_setting(find_paths(), setting, None, check=_refuse_new_faults())


def _find(key: str) -> Setting:
    """Return the setting of a path.

    Raises:
        click.UsageError: There is none, or it is a token.
    """
    setting = find_setting(key)
    if setting is None:
        known = (
            "default_profile",
            "columns",
            "keys.COMMAND",
            "actions.KEY",
            "profiles.NAME.domain",
        )
        raise click.UsageError(
            f"there is no setting {key!r}{guess_word(key, known)}; docs/config.md lists all"
        )
    if setting.is_secret:
        raise click.UsageError("tokens are neither shown nor given here: use coexplorer login")
    return setting
