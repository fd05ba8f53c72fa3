"""Rows of cells ↔ bytes, for the frame that the next start opens with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from coexplorer.tui.last_screen import LastScreen, ListLook
from coexplorer.tui.quickstart.first_frame import Frame
from coexplorer.tui.terminal.cells import Cell, Pen, Row
from coexplorer.tui.terminal.diff import Capabilities, ScreenModel

_Run = tuple[int, list[str]]


class _Stored(msgspec.Struct):
    pens: list[Pen]
    rows: list[list[_Run]]


def encode_rows(rows: Sequence[Row]) -> bytes:
    """Return rows as bytes: each look once, each row as runs of one look."""
    pens: dict[Pen, int] = {}
    stored: list[list[_Run]] = []
    for row in rows:
        runs: list[_Run] = []
        for pen, cells in groupby(row, key=lambda cell: cell.pen):
            runs.append((pens.setdefault(pen, len(pens)), [cell.text for cell in cells]))
        stored.append(runs)
    return msgspec.json.encode(_Stored(list(pens), stored))


def decode_rows(data: bytes) -> list[Row]:
    """Return the rows that `encode_rows` was given.

    Raises:
        ValueError: The bytes are not such rows.
    """
    stored = msgspec.json.decode(data, type=_Stored)
    try:
        return [
            tuple(Cell(text, stored.pens[pen]) for pen, texts in runs for text in texts)
            for runs in stored.rows
        ]
    except IndexError as error:
        raise ValueError("a look is missing") from error


def encode_look(look: ListLook) -> bytes:
    """Return a look as bytes of one line."""
    return msgspec.json.encode(look)


def build_frame(last: LastScreen) -> Frame:
    """Return the frame that the next start opens with."""
    capture = last.capture
    return Frame(
        capture.size,
        encode_rows(capture.rows),
        build_painting(capture.rows, capture.size, capture.terminal),
        look=encode_look(last.look),
        catalog=last.catalog,
        change=last.change,
    )


def build_painting(rows: Sequence[Row], size: tuple[int, int], terminal: Capabilities) -> bytes:
    """Return what to write on an empty screen so that it shows the rows."""
    model = ScreenModel(*size, terminal._replace(scrolls=False))
    return model.render(dict(enumerate(rows))).encode()
