"""Types of what is typed on the command line, each bounded by what the program can do with it."""

from __future__ import annotations

import math
import os
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # a path is made of what was given, and nothing was for --help
    from pathlib import Path

    from click.shell_completion import CompletionItem

_LARGEST = 2**63 - 1
"""SQLite holds no larger number."""


class _Whole(click.IntRange):
    """A whole number that the catalog and the journal can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        number = int(super().convert(number, param, ctx))
        if number > _LARGEST:
            self.fail(f"{number} is too large", param, ctx)
        return number


COUNT = _Whole(min=0)
"""How many."""

NUMBER = _Whole(min=1)
"""A number that something has: of a change, of a row, of the most to show."""


_POSIX_ZONE = re.compile(r"(<[^<>]+>|[A-Za-z]{3,})[+-]?\d")
_ZONE_FOLDERS = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo")


def is_zone(zone: str) -> bool:
    """Tell whether a value of TZ names a time zone; the C library takes any other for UTC."""
    name = zone.removeprefix(":")
    if not name or name in {"UTC", "GMT", "UTC0", "GMT0"} or _POSIX_ZONE.match(name):
        return True
    folders = (os.environ.get("TZDIR"), *_ZONE_FOLDERS)
    return any(os.path.exists(os.path.join(folder, name)) for folder in folders if folder)  # noqa: PTH110, PTH118 - pathlib is slow to import


def _is_filled(value: Any) -> bool:
    return not isinstance(value, str | os.PathLike) or bool(str(value).strip())


_EMPTY = "it is empty; leave it out if nothing is meant"
"""What a variable of a script that is not set comes to: it must not widen what is done."""


class _Text(click.types.StringParamType):
    """Text that can be said on the wire and in the catalog: UTF-8, as the terminal sent it.

    Args:
        can_be_empty: An empty one is a value, too.
    """

    def __init__(self, *, can_be_empty: bool) -> None:
        self._can_be_empty = can_be_empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text: str = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            self.fail(f"{shown} is not UTF-8 text", param, ctx)
        if not (self._can_be_empty or _is_filled(text)):
            self.fail(_EMPTY, param, ctx)
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


class _Folder(click.ParamType["Path"]):
    """A path that is not looked at: a stat of a mount that hangs would never come back."""

    name = "path"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        from pathlib import Path

        from coexplorer.config.paths import check_relative

        if not _is_filled(value):
            self.fail(_EMPTY, param, ctx)
        return check_relative(Path(value))

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - likewise
        incomplete: str,
    ) -> list[CompletionItem[str]]:
        """Let the shell complete folders."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="dir")]


class FilledPath(click.Path):
    """A path that is not empty: as such it would be the folder that one is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is empty; return a `pathlib.Path`."""
        from pathlib import Path

        from coexplorer.config.paths import check_relative

        if not _is_filled(value):
            self.fail(_EMPTY, param, ctx)
        check_relative(Path(os.fsdecode(value)))
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class SamplesDate(click.ParamType[str]):
    """The day on which sample data end: ``today``, or a day as 2026-11-20."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is no day, and days that the institute of the samples has not seen."""
        try:
            moment = find_last_moment(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2026-11-20, or today", param, ctx)
        if not _FIRST_DAY_S <= moment < _LAST_DAY_S:
            self.fail(f"{value} is not between 2020 and 2099", param, ctx)
        return str(value)


_FIRST_DAY_S, _LAST_DAY_S = 1_577_836_800, 4_102_444_800
_TIME_OF_DAY_S = 37_440
"""10:24 UTC, as in `coexplorer.demo.samples.CLOCK`."""


def find_last_moment(day: str) -> int:
    """Return when the samples of a day end, epoch seconds; today's end now.

    Raises:
        ValueError: It is no day.
    """
    if day == "today":
        return int(time.time())
    midnight = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    return int(midnight.timestamp()) + _TIME_OF_DAY_S


class OneOf(click.Choice[str]):
    """One of a few words; a mistyped one is told what it may have been meant to be."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word as it is known.

        Raises:
            click.BadParameter: It is none of them.
        """
        if value not in self.choices:
            from coexplorer.text import guess_word

            guess = guess_word(str(value), self.choices)
            self.fail(f"{value!r} is not one of {', '.join(self.choices)}{guess}", param, ctx)
        return str(value)


FOLDER = _Folder()
TEXT = _Text(can_be_empty=True)
_FILLED_TEXT = _Text(can_be_empty=False)
SECONDS = _Seconds(min=0)


def check_texts(command: click.Command) -> click.Command:
    """Let a command, and those below it, refuse text that is not UTF-8; file names may be so.

    The value of an option must not be empty either, unless it is of type `TEXT` from the beginning.
    """
    if isinstance(command, click.Group):
        for each in command.commands.values():
            check_texts(each)
    for parameter in command.params:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = _FILLED_TEXT if isinstance(parameter, click.Option) else TEXT
    return command
