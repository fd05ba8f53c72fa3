"""Answers on standard output, in the format that was asked for.

A table is for people: cleaned, and fitted to a terminal. JSON, JSON lines, TSV and ids are for
programs: exact data. What a terminal could obey is written as a JSON escape, which is the same
data; TSV escapes tabs, line ends, backslashes and a quote that begins a cell.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, TypeVar, cast

import click
import msgspec

from coexplorer.cli.narration import terminal_width
from coexplorer.cli.table import Column, render_table
from coexplorer.models import Asset, Membership, Record
from coexplorer.text import clean

Command = TypeVar("Command", bound=Callable[..., Any])


_UNICODE = {"utf-8", "utf8", "ascii"}
"""Encodings that need no escapes; click writes UTF-8 where Python would write ASCII."""


_OPENS_QUOTE = re.compile(r'^( *)"')


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    JSON_LINES = "json-lines"
    TSV = "tsv"
    IDS = "ids"


_HELP = {
    Format.JSON: "Print a JSON array.",
    Format.JSON_LINES: "Print one JSON object a line.",
    Format.TSV: "Print tab-separated values with a line of titles.",
    Format.IDS: "Print only the ids, one a line.",
}


def format_options(*formats: Format) -> Callable[[Command], Command]:
    """Add ``--json`` and its like to a command, which gets the chosen one as ``style``."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def choose(*args: Any, **options: Any) -> Any:
            chosen = [each for each in formats if options.pop(f"as_{each.name.lower()}")]
            if len(chosen) > 1:
                raise click.UsageError(f"give only one of --{' and --'.join(chosen)}")
            return command(*args, style=chosen[0] if chosen else Format.TABLE, **options)

        for each in reversed(formats):
            option = click.option(
                f"--{each}", f"as_{each.name.lower()}", is_flag=True, help=_HELP[each]
            )
            choose = option(choose)
        return cast("Command", choose)

    return decorate


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for people: fitted to a terminal, whole in a pipe."""
    fitted = terminal_width() if sys.stdout.isatty() else None
    head, *lines = render_table(columns, rows, max_width=fitted)
    click.echo(click.style(head, bold=True))
    for line in lines:
        click.echo(line)


def print_tsv(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print tab-separated values; None is empty, a list is a JSON array."""
    show = clean if sys.stdout.isatty() else str
    click.echo("\t".join(titles))
    for row in rows:
        click.echo("\t".join(show(_tsv_cell(value)) for value in row))


def print_json(items: Iterable[bytes], style: Format) -> None:
    """Print encoded JSON objects as an array or as lines."""
    with JsonWriter(style) as writer:
        writer.write(items)


class JsonWriter(contextlib.AbstractContextManager["JsonWriter"]):
    """Prints encoded JSON objects as they come, as an array or as lines."""

    def __init__(self, style: Format) -> None:
        self._lines = style is Format.JSON_LINES
        self._between = "["

    def write(self, items: Iterable[bytes]) -> None:
        """Print some more."""
        for item in items:
            if self._lines:
                click.echo(escape_json(item))
            else:
                click.echo(f"{self._between}\n{escape_json(item)}", nl=False)
                self._between = ","

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        # An array that is cut off by an error stays open: nobody shall take it for whole.
        if kind is None and not self._lines:
            click.echo("[]" if self._between == "[" else "\n]")


def print_line(text: str) -> None:
    """Print a line for people, with strangers' text in it made harmless."""
    click.echo(clean(text))


def encode_asset(asset: Asset, membership: Membership | None) -> bytes:
    """Return the platform's own object, each value exactly as it came, with what we know of it.

    ``_coexplorer`` holds what only a search says (`Membership`); ``serve --import`` reads it.
    """
    members = msgspec.json.decode(asset.raw, type=dict[str, msgspec.Raw])
    if membership is not None:
        members["_coexplorer"] = msgspec.Raw(msgspec.json.encode(membership))
    return msgspec.json.encode(members)


def encode_record(record: Record) -> bytes:
    """Return `encode_asset` of a record."""
    return encode_asset(record.asset, record.membership)


def escape_json(encoded: bytes) -> str:
    """Return JSON with characters that a terminal could obey as JSON escapes: the same data."""
    text = encoded.decode("utf-8", "replace")
    if text.isprintable() and (text.isascii() or sys.stdout.encoding.lower() in _UNICODE):
        return text
    return "".join(char if _is_sayable(char) else _json_escape(char) for char in text)


def _is_sayable(char: str) -> bool:
    """Tell whether a terminal can show a character and obeys nothing by it."""
    if char.isascii() or sys.stdout.encoding.lower() in _UNICODE:
        return char.isprintable()
    try:
        char.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return char.isprintable()


def _json_escape(char: str) -> str:
    # Outside the basic plane JSON wants a pair of surrogates, which is what UTF-16 is made of.
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _tsv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return _escape_tsv(msgspec.json.encode(value).decode())
    return _escape_tsv(str(value))


def _escape_tsv(text: str) -> str:
    for char, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(char, escape)
    # A quote at the beginning would make most readers take what follows for one cell.
    return _OPENS_QUOTE.sub(r'\1\\"', text)
