"""Types of what is typed on the command line, each bounded by what the program can do with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

_LARGEST = 2**63 - 1
"""SQLite holds no larger number."""


class _Whole(click.IntRange):
    """A whole number that the catalog and the journal can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = int(super().convert(value, param, ctx))
        if number > _LARGEST:
            self.fail(f"{number} is too large", param, ctx)
        return number


COUNT = _Whole(min=0)
"""How many."""

NUMBER = _Whole(min=1)
"""A number that something has: of a change, of a row, of the most to show."""


class _Text(click.types.StringParamType):
    """Text that can be said on the wire and in the catalog: UTF-8, as the terminal sent it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text: str = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            self.fail(f"{shown} is not UTF-8 text", param, ctx)
        return text


class _Seconds(click.FloatRange):
    """A number of seconds that ends."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


class _Folder(click.ParamType[Path]):
    """A path that is not looked at: a stat of a mount that hangs would never come back."""

    name = "path"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002 - likewise
    ) -> Path:
        return Path(value)


FOLDER = _Folder()
TEXT = _Text()
SECONDS = _Seconds(min=0)


def check_texts(command: click.Command) -> click.Command:
    """Let a command, and those below it, refuse text that is not UTF-8; file names may be so."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            check_texts(each)
    for parameter in command.params:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = TEXT
    return command
