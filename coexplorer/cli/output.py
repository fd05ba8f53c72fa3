"""Answers on standard output, in the format that was asked for.

A table is for people: cleaned, and fitted to a terminal. JSON, JSON lines, CSV, TSV and ids are
for programs: exact data, with the keys of `coexplorer.cli.schema`. What a terminal could obey is
written as an escape, which is the same data, whether a terminal reads it or not; TSV escapes tabs,
line ends, backslashes and a quote that begins a cell, too; CSV is for spreadsheets, which must not
take a name for a formula: see `coexplorer.cells`.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar, cast

import click
import msgspec

from coexplorer.cli.asset_keys import ASSET, OF_METADATA, asset_values, metadata_values
from coexplorer.cli.completion import complete_names
from coexplorer.cli.format import size_text
from coexplorer.cli.row_kinds import Holds, RowKind, Values, encode
from coexplorer.cli.screen import terminal_width
from coexplorer.cli.table import Column, render_table
from coexplorer.cli.values import OneOf
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import Asset, Membership, Record
from coexplorer.spelling import spell
from coexplorer.text import clean, guess_word

Command = TypeVar("Command", bound=Callable[..., Any])


_LINES_AT_ONCE = 1000
"""To print each line by itself takes a third of the time of a long list."""


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    JSON_LINES = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    IDS = "ids"


_FLAGS = {
    "--json": Format.JSON,
    "--json-lines": Format.JSON_LINES,
    "--csv": Format.CSV,
    "--tsv": Format.TSV,
    "--ids": Format.IDS,
}
"""Other names of formats; they work and are not in the help."""


def format_options(kind: RowKind, *, columns: bool = False) -> Callable[[Command], Command]:
    """Add ``--output`` and its synonyms to a command, which gets the chosen one as ``style``.

    Args:
        kind: What rows it prints.
        columns: Add ``--columns`` as well; the command gets the names of keys as ``columns``.
    """
    formats = [each for each in Format if each is not Format.IDS or kind.id_key]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def choose(*args: Any, **options: Any) -> Any:
            style = _take_format(options)
            if columns:
                options["columns"] = read_columns(kind, options["columns"])
            return command(*args, style=style, **options)

        for option in reversed(_build_options(kind, formats, columns=columns)):
            choose = option(choose)
        return cast("Command", choose)

    return decorate


def _take_format(options: dict[str, Any]) -> Format:
    """Take the format out of a command's options.

    Raises:
        click.UsageError: Two different ones are asked for.
    """
    given = {Format(each): f"-o {each}" for each in options.pop("output")}
    for flag, each in _FLAGS.items():
        if options.pop(_attribute(flag), False):
            given.setdefault(each, flag)
    if len(given) > 1:
        raise click.UsageError(f"give only one of {' and '.join(given.values())}")
    return next(iter(given), Format.TABLE)


def _build_options(
    kind: RowKind, formats: Sequence[Format], *, columns: bool
) -> list[Callable[[Any], Any]]:
    names = [each.value for each in formats]
    options = [
        click.option(
            "-o",
            "--output",
            multiple=True,
            type=OneOf(names),
            metavar="FORMAT",
            help=f"Print as {', '.join(names[:-1])} or {names[-1]}.",
        ),
        *(
            click.option(flag, _attribute(flag), is_flag=True, hidden=True)
            for flag, each in _FLAGS.items()
            if each in formats
        ),
    ]
    if columns:
        told = f"Show only these columns, in any format: {', '.join(kind.names)}."
        options.append(
            click.option(
                "--columns",
                metavar="A,B,…",
                help=told,
                shell_complete=complete_names(kind.names),
            )
        )
    return options


def _attribute(flag: str) -> str:
    return f"as_{flag.lstrip('-').replace('-', '_')}"


def raw_option(command: Command) -> Command:
    """Add ``--raw`` to a command, which makes its format of it with `choose_raw`."""
    return click.option(
        "--raw",
        is_flag=True,
        help="Print the platform's own objects as JSON; serve --import reads them.",
    )(command)


def choose_raw(style: Format, *, raw: bool, columns: str | None) -> Format:
    """Return the format of an answer, which is JSON lines for ``--raw`` alone.

    Raises:
        click.UsageError: Another format, or columns, are asked for as well.
    """
    if not raw:
        return style
    if columns is not None:
        raise click.UsageError("--raw prints whole objects; leave --columns out")
    if style is Format.TABLE:
        return Format.JSON_LINES
    if style not in {Format.JSON, Format.JSON_LINES}:
        raise click.UsageError(f"--raw prints JSON; give -o json or -o jsonl, not {style}")
    return style


def read_columns(
    kind: RowKind, text: str | None, more: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the names of keys that ``--columns`` asks for; none when it was not given.

    Args:
        kind: What rows have these keys.
        text: The option's value.
        more: Other names that are known: name → key.

    Raises:
        click.UsageError: There is no such key.
    """
    if text is None:
        return ()
    names = {**{name: name for name in kind.names}, **(more or {})}
    chosen: dict[str, None] = {}
    for each in text.split(","):
        name = each.strip()
        if kind is ASSET and name.startswith(OF_METADATA) and name != OF_METADATA:
            chosen[name] = None
            continue
        name = name.lower()
        if not name:
            continue
        if name not in names:
            raise click.UsageError(
                f"--columns: there is no column {name!r}{guess_word(name, names)};"
                f" choose from {', '.join(names)}"
            )
        chosen[names[name]] = None
    if not chosen:
        raise click.UsageError(f"--columns: expected some of {', '.join(names)}")
    return tuple(chosen)


def show_columns(
    found: Record | Asset, columns: Sequence[str], schema: MetadataSchema, style: Format
) -> Values:
    """Return an asset with the columns ``metadata.KEY`` that are asked for."""
    whole = style in {Format.JSON, Format.JSON_LINES}
    asset, known = (found.asset, found.membership) if isinstance(found, Record) else (found, None)
    return asset_values(asset, known) | metadata_values(asset, columns, schema, whole=whole)


def print_rows(
    kind: RowKind, rows: Iterable[Values], style: Format, columns: Sequence[str] = ()
) -> None:
    """Print rows in one of the formats."""
    with RowWriter(kind, style, columns) as writer:
        writer.write(rows)


class RowWriter(contextlib.AbstractContextManager["RowWriter"]):
    """Prints rows as they come.

    Args:
        kind: What they are.
        style: The format.
        columns: Only these keys; none: those that the format has by itself.
    """

    def __init__(self, kind: RowKind, style: Format, columns: Sequence[str] = ()) -> None:
        whole = style in {Format.JSON, Format.JSON_LINES}
        self._kind, self._style = kind, style
        self._names = tuple(columns) or (kind.names if whole else kind.flat_names)
        self._json = JsonWriter(style)
        self._table: list[Sequence[str]] = []
        if style is Format.TSV:
            click.echo("\t".join(self._names))
        elif style is Format.CSV:
            print_csv([self._names])

    def write(self, rows: Iterable[Values]) -> None:
        """Print some more."""
        names = self._names
        match self._style:
            case Format.IDS:
                for row in rows:
                    if row[self._kind.id_key]:
                        click.echo(row[self._kind.id_key])
            case Format.TSV:
                print_tsv([row[name] for name in names] for row in rows)
            case Format.CSV:
                print_csv([row[name] for name in names] for row in rows)
            case Format.TABLE:
                self._table += [[self._tell(name, row[name]) for name in names] for row in rows]
            case _:
                self._json.write(encode(row, names) for row in rows)

    def _tell(self, name: str, value: object) -> str:
        key = self._kind.find_key(name)
        return tell_value(value, Holds.TEXT if key is None else key.holds)

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is not None:
            return
        if self._style is Format.TABLE:
            print_table([build_column(self._kind, name) for name in self._names], self._table)
        elif self._style is Format.JSON:
            self._json.__exit__(kind)


def print_object(kind: RowKind, values: Values, style: Format) -> None:
    """Print the one object of a command that answers with one; in JSON no array is around it."""
    from coexplorer.cli.cells import escape_json

    if style is Format.JSON:
        click.echo(escape_json(encode(values, kind.names)))
    else:
        print_rows(kind, [values], style)


def build_column(kind: RowKind, name: str) -> Column:
    """Return the table's column of a key."""
    if name.startswith(OF_METADATA):
        return Column(clean(name.removeprefix(OF_METADATA)).upper(), flexible=True)
    key = kind.find_key(name)
    if key is None:
        raise AssertionError
    right = key.holds in {Holds.NUMBER, Holds.BYTES}
    return Column(
        key.title or name.replace("_", " ").upper(),
        right=right,
        flexible=not right and key.holds not in {Holds.TIME, Holds.FLAG} and name != kind.id_key,
        keeps=name == "name",
    )


def tell_value(value: object, holds: Holds) -> str:
    """Return a value of a row for people (pure)."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case int() if holds is Holds.BYTES:
            text = size_text(value)
        case int():
            text = f"{value:,}"
        case str():
            text = value.replace("T", " ").removesuffix("Z") if holds is Holds.TIME else value
        case tuple() | list() if all(isinstance(each, str) for each in value):
            text = " ".join(value)
        case _:
            text = msgspec.json.encode(value).decode()
    return text


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for people: fitted to a terminal, whole in a pipe."""
    fitted = terminal_width() if sys.stdout.isatty() else None
    head, *lines = render_table(columns, rows, max_width=fitted)
    click.echo(click.style(head, bold=True))
    for start in range(0, len(lines), _LINES_AT_ONCE):
        click.echo("\n".join(lines[start : start + _LINES_AT_ONCE]))


def print_tsv(rows: Iterable[Sequence[object]]) -> None:
    """Print lines of tab-separated values; None is empty, a list or an object is JSON."""
    from coexplorer.cli.cells import tsv_cell

    for row in rows:
        click.echo("\t".join(tsv_cell(value) for value in row))


def print_csv(rows: Iterable[Sequence[object]]) -> None:
    """Print records of RFC 4180; None is empty, a list of texts is a record of its own.

    What a spreadsheet would take for a formula begins with an apostrophe: see `write_text`.
    """
    from coexplorer.cells import write_row
    from coexplorer.cli.cells import csv_cell

    end = "\n" if sys.stdout.isatty() else "\r\n"
    for row in rows:
        click.echo(write_row([csv_cell(value) for value in row]) + end, nl=False)


def print_json(items: Iterable[bytes], style: Format) -> None:
    """Print encoded JSON objects as an array or as lines."""
    with JsonWriter(style) as writer:
        writer.write(items)


class JsonWriter(contextlib.AbstractContextManager["JsonWriter"]):
    """Prints encoded JSON objects as they come, as an array or as lines."""

    def __init__(self, style: Format) -> None:
        self._lines = style is not Format.JSON
        self._between = "["

    def write(self, items: Iterable[bytes]) -> None:
        """Print some more."""
        from coexplorer.cli.cells import escape_json

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
    click.echo(spell(clean(text)))


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
