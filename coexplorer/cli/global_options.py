"""The global options once more, behind the command: ``ls tag:raw --profile demo``.

People add them at the end of a line that they have typed before. There they are hidden: the help of
``coexplorer`` itself shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from coexplorer.cli.quiet import be_quiet
from coexplorer.cli.values import FilledPath
from coexplorer.spelling import choose

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

GLOBAL = ("profile", "domain", "token_file")
"""Names of these options in `Invocation`."""


def accept_everywhere(command: click.Command) -> click.Command:
    """Let a command, and those below it, take the global options too."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            accept_everywhere(each)
    names = {parameter.name for parameter in command.params}
    command.params += [_build_option(name) for name in GLOBAL if f"global_{name}" not in names]
    if "global_quiet" not in names:
        command.params.append(_build_quiet())
    if "global_debug" not in names:
        command.params.append(_build_debug())
    return command


def complete_profile(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the name of a profile; nothing is imported for it before that is asked."""
    from coexplorer.cli.completion import complete_profiles

    return complete_profiles(ctx, parameter, incomplete)


def _build_quiet() -> click.Option:
    return click.Option(
        ["-q", "--quiet", "global_quiet"],
        is_flag=True,
        hidden=True,
        expose_value=False,
        callback=_take_quiet,
    )


def _build_debug() -> click.Option:
    return click.Option(
        ["--debug", "global_debug"],
        is_flag=True,
        hidden=True,
        expose_value=False,
        callback=_take_debug,
    )


def _take_debug(ctx: click.Context, _option: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing and not ctx.obj.debug:
        from coexplorer.cli.log_file import start_log
        from coexplorer.config import find_paths

        ctx.obj.debug = True
        start_log(find_paths().log_file)


def _take_quiet(_ctx: click.Context, _option: click.Parameter, value: Any) -> None:
    if value:
        be_quiet(quiet=True)


def _build_option(name: str) -> click.Option:
    return click.Option(
        [f"--{name.replace('_', '-')}", f"global_{name}"],
        type=FilledPath() if name == "token_file" else str,
        hidden=True,
        expose_value=False,
        callback=_take,
        shell_complete=complete_profile if name == "profile" else None,
    )


def _take(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Put what was given into this run's options.

    Raises:
        click.UsageError: Something else was given before.
    """
    if value is None:
        return
    name = str(option.name).removeprefix("global_")
    if ctx.resilient_parsing:  # a shell asks what may follow
        ctx.meta.setdefault("global", {})[name] = value
        return
    before = getattr(ctx.obj, name)
    if before not in {None, value}:
        raise click.UsageError(f"{option.opts[0]} is given twice: {before} and {value}")
    setattr(ctx.obj, name, value)
    choose({each: getattr(ctx.obj, each) for each in GLOBAL})
