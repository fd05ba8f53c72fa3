"""Each option that takes a value gets one, and not the next option instead.

click gives an option whatever follows it, so that a variable of a script that is not set, as in
``ls --owner $WHO -o json``, would make the next option its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click

_LONG = re.compile(r"--[A-Za-z]")

_TERM = re.compile(r'-("|[A-Za-z_][A-Za-z0-9_.-]*:)')
"""A negated field or a negated quote; a field that there is not is told by the query's parser."""


class MayStandAlone(click.Option):
    """An option whose value may be left out."""


def check_values(command: click.Command, ctx: click.Context, args: Sequence[str]) -> None:
    """Check a command line, and what it has of commands below that command.

    Raises:
        click.BadOptionUsage: An option has no value, or another option for one.
    """
    takes = _find_options(command, ctx)
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            return
        if isinstance(command, click.Group) and not arg.startswith("-"):
            below = command.get_command(ctx, arg)
            if below is not None:
                check_values(below, ctx, [*rest])
                return
        option = _find_open(arg, takes)
        if option:
            _check_value(option, rest, takes, ctx)


def _find_options(command: click.Command, ctx: click.Context) -> dict[str, bool]:
    """Return the name of each option, and whether it takes a value."""
    return {
        name: isinstance(each, click.Option)
        and not (each.is_flag or each.count or isinstance(each, MayStandAlone))
        for each in command.get_params(ctx)
        for name in (*each.opts, *each.secondary_opts)
        if name.startswith("-")
    }


def _find_open(arg: str, takes: dict[str, bool]) -> str:
    """Return the option in a word whose value is the next one; empty: none (pure)."""
    if arg.startswith("--"):
        return arg if takes.get(arg) else ""
    if not arg.startswith("-"):
        return ""
    for at, letter in enumerate(arg[1:], start=1):
        if takes.get(f"-{letter}"):
            return f"-{letter}" if at == len(arg) - 1 else ""
        if f"-{letter}" not in takes:
            return ""
    return ""


def _check_value(
    option: str, rest: Iterator[str], takes: dict[str, bool], ctx: click.Context
) -> None:
    value = next(rest, None)
    if value is None or value == "--":
        raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.", ctx)
    name = value.partition("=")[0]
    if name in takes or _LONG.match(value):
        written = f"{option}={value}" if option.startswith("--") else f"{option}{value}"
        raise click.BadOptionUsage(
            option,
            f"Option {option!r} requires an argument, but an option follows: {value}. If that is"
            f" the value, write {written}",
            ctx,
        )


def is_negated(word: str) -> bool:
    """Tell whether an argument that begins with a dash is a negated term of a query (pure)."""
    return _TERM.match(word) is not None
