"""Turns what the library knows into cells on the screen. Pure: no widget, no clock, no I/O.

All untrusted text becomes cells here, through `clean`. A piece of a line is ``(text, role)``;
the widgets give roles their colors, and meaning is never carried by a role alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

import msgspec

from coexplorer.models import Row
from coexplorer.text import UNTOLD, clean, cut, fit, width


class Role(StrEnum):
    """What a piece of text is, for the colors."""

    TEXT = "text"
    DIM = "dim"
    TAG = "tag"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    LABEL = "label"
    TITLE = "title"
    ACCENT = "accent"


Piece = tuple[str, Role]
Line = tuple[Piece, ...]

NOTHING_FITS = "Nothing matches the search. {key} clears it."
"""The key is the field's own Esc while a search is typed, `find.clear` afterwards."""
NOTHING_YET = "Nothing yet: the assets are still being read."
NOTHING_READ = "Nothing read so far matches."
"""Shown instead of rows when a search finds nothing."""

MARK, FLIGHT, UNSENT, STAR = "●", "↑", "!", "★"


def cut_middle(text: str, cells: int) -> str:
    """Return cleaned `text` in at most `cells` cells, cut before its end.

    Derived assets carry their source's name and differ in what follows it.
    """
    if width(text) <= cells:
        return text
    wanted = max(0, (cells - 1) * 2 // 5)
    tail, used = "", 0
    for char in reversed(text):
        used += width(char)
        if used > wanted:
            break
        tail = char + tail
    # A mark must not lose the character that it sits on.
    while tail and not width(tail[0]):
        tail = tail[1:]
    return cut(text, cells - width(tail)) + tail


class ListColumn(msgspec.Struct, frozen=True):
    """A column of the list.

    Attributes:
        id: Its name in the config file.
        title: Its head.
        cells: Width; for a growing column the least one.
        grows: Share of what is left of the line; 0 for a fixed width.
        right: Numbers are aligned there.
        from_width: Least width of the screen at which it is shown.
        text: The cell's text.
        role: What it is.
        sort: The query's name to sort by it.
    """

    id: str
    title: str
    cells: int
    text: Callable[[Row], str]
    grows: int = 0
    right: bool = False
    from_width: int = 0
    role: Role = Role.TEXT
    sort: str = ""


def show_size(size_bytes: int | None) -> str:
    """Return a size in at most six cells, in the platform's units of 1,000: ``412GB``."""
    if size_bytes is None:
        return ""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 999.5 or unit == "PB":  # noqa: PLR2004  rounds to 1000, which is the next unit's 1
            digits = 1 if size < 9.95 and unit != "B" else 0  # noqa: PLR2004  rounds to 10
            return f"{size:.{digits}f}{unit}"
        size /= 1000
    raise AssertionError


def show_date(epoch_s: float | None, *, never: str = "", zone: tzinfo = UTC) -> str:
    """Return a day, ``2023-04-03``; `never` for 0, nothing when unknown or beyond the calendar."""
    if epoch_s is None:
        return ""
    if epoch_s == 0:
        return never
    try:
        return datetime.fromtimestamp(epoch_s, tz=zone).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return ""


def show_time(epoch_s: float | None, zone: tzinfo | None = None) -> str:
    """Return ``2023-04-03 18:17``; nothing when unknown."""
    if not epoch_s:
        return ""
    try:
        return datetime.fromtimestamp(epoch_s, tz=zone or UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return ""


def _state(row: Row) -> str:
    state = "" if row.state == "ready" else row.state or UNTOLD
    return clean(f"{state} archived".strip() if row.archived else state)


COLUMNS: tuple[ListColumn, ...] = (
    ListColumn("name", "Name", 16, lambda r: clean(r.name), grows=8, sort="name"),
    ListColumn(
        "type",
        "Type",
        8,
        lambda r: clean(r.type) or UNTOLD,
        from_width=70,
        role=Role.DIM,
        sort="type",
    ),
    ListColumn("state", "State", 8, _state, from_width=200, role=Role.WARN, sort="state"),
    ListColumn(
        "size",
        "Size",
        6,
        lambda r: show_size(r.size_bytes),
        right=True,
        from_width=50,
        sort="size",
    ),
    ListColumn(
        "files",
        "Files",
        7,
        lambda r: "" if r.files is None else str(r.files),
        right=True,
        from_width=200,
        sort="files",
    ),
    ListColumn(
        "created", "Created", 10, lambda r: show_date(r.created), from_width=60, sort="created"
    ),
    ListColumn(
        "used",
        "Last used",
        10,
        lambda r: show_date(r.last_used, never="never"),
        from_width=150,
        role=Role.DIM,
        sort="used",
    ),
    ListColumn(
        "tags",
        "Tags",
        10,
        lambda r: " ".join(clean(tag) for tag in r.tags),
        grows=3,
        from_width=76,
        role=Role.TAG,
    ),
    ListColumn("owner", "Owner", 16, lambda r: clean(r.owner), from_width=180, role=Role.DIM),
    ListColumn("mount", "Mount", 16, lambda r: clean(r.mount or ""), grows=2, from_width=240),
    ListColumn("id", "Id", 36, lambda r: clean(r.id), from_width=260, role=Role.DIM),
)
COLUMN_BY_ID = {column.id: column for column in COLUMNS}

NAME_CELLS = 36
"""What most names need: the longest ones of raw data are this long."""
GUTTER = 4
"""Cells before the name: the mark, a blank, the star, a blank."""


class Layout(msgspec.Struct, frozen=True):
    """Which columns are shown, each with its width in cells; all of a line together."""

    columns: tuple[tuple[ListColumn, int], ...]
    width: int


def build_layout(cells: int, chosen: Sequence[str] = ()) -> Layout:
    """Share the width of the list among columns.

    Args:
        cells: Width of the list.
        chosen: Ids in the user's order; empty for our own choice, by the width. Unknown ones are
            left out, and so are ones that no longer fit.
    """
    if chosen:
        columns = [COLUMN_BY_ID[name] for name in dict.fromkeys(chosen) if name in COLUMN_BY_ID]
    else:
        columns = [column for column in COLUMNS if column.from_width <= cells]
    if COLUMN_BY_ID["name"] not in columns:
        columns.insert(0, COLUMN_BY_ID["name"])
    while len(columns) > 1 and _least(columns) > cells:
        columns.remove(next(c for c in reversed(columns) if c.id != "name"))
    spare = max(0, cells - _least(columns))
    # A name says which asset it is: the others get more only when most names can be read.
    wanted = min(spare, NAME_CELLS - COLUMN_BY_ID["name"].cells)
    spare -= wanted
    shares = sum(column.grows for column in columns) or 1
    widths = [column.cells + spare * column.grows // shares for column in columns]
    widths[columns.index(COLUMN_BY_ID["name"])] += cells - _total(widths)
    return Layout(tuple(zip(columns, (max(1, w) for w in widths), strict=True)), cells)


def _least(columns: Sequence[ListColumn]) -> int:
    return _total([column.cells for column in columns])


def _total(widths: Sequence[int]) -> int:
    return GUTTER + sum(widths) + len(widths) - 1


def build_head(layout: Layout, *, sort: str = "", descending: bool = False) -> str:
    """Return the head of the list, with an arrow at the column that it is sorted by."""
    heads = []
    for column, cells in layout.columns:
        title = column.title
        if sort and column.sort == sort:
            title = f"{title}{'↓' if descending else '↑'}"
        heads.append(fit(title, cells, right=column.right))
    return fit(" " * GUTTER + " ".join(heads), layout.width)


def build_row(
    row: Row,
    layout: Layout,
    *,
    marked: bool = False,
    in_flight: bool = False,
    unsent: bool = False,
) -> list[Piece]:
    """Return the pieces of one row, together exactly as wide as the layout.

    Neighbors of one role are one piece: each change of color costs bytes on a slow link.
    """
    mark = MARK if marked else " "
    star = FLIGHT if in_flight else UNSENT if unsent else STAR if row.favorite else " "
    pieces: list[Piece] = [(f"{mark} {star} ", Role.TEXT)]
    troubled = trouble_role(row)
    # The state stands in the place of the type where it has no column of its own.
    note = "" if any(column.id == "state" for column, _ in layout.columns) else trouble_note(row)
    for column, cells in layout.columns:
        text, role = column.text(row), column.role
        if column.id == "name":
            text = cut_middle(text, cells)
        text = fit(text, cells, right=column.right)
        if column.id == "type" and note:
            text, role = fit(note, cells), troubled
        _append(pieces, text, role if role is not Role.TEXT or column.id != "name" else troubled)
        _append(pieces, " ", pieces[-1][1])
    text, role = pieces[-1]
    pieces[-1] = (text[:-1], role)
    rest = layout.width - sum(width(text) for text, _ in pieces)
    if rest > 0:
        _append(pieces, " " * rest, role)
    return pieces


def trouble_note(row: Row) -> str:
    """Return the word that replaces the type of an asset that is not simply there."""
    if row.state != "ready":
        return clean(row.state) or UNTOLD
    return "archived" if row.archived else ""


def trouble_role(row: Row) -> Role:
    """Return the role of an asset's name by its state."""
    if row.state == "failed":
        return Role.BAD
    if row.state != "ready":
        return Role.WARN
    return Role.DIM if row.archived else Role.TEXT


def _append(pieces: list[Piece], text: str, role: Role) -> None:
    last_text, last_role = pieces[-1]
    if last_role is role or text.isspace():
        pieces[-1] = (last_text + text, last_role)
    else:
        pieces.append((text, role))


def wrap(text: str, cells: int) -> list[str]:
    """Break cleaned text into pieces of `cells` cells, at blanks if it can; nothing is hidden."""
    parts: list[str] = []
    while True:
        head = cut(text, cells)
        if head == text:
            return [*parts, text]
        head = head[:-1] or text[:1]
        blank = head.rfind(" ")
        if blank > 0 and not text[len(head) :].startswith(" "):
            head = head[: blank + 1]
        parts.append(head)
        text = text[len(head) :].removeprefix(" ")


def show_count(shown: int, total: int | None, *, plus: bool = False) -> str:
    """Return ``38 of 40,213``; ``at least 10,000`` where nobody knows the whole."""
    if total is None or shown == total:
        return f"at least {shown:,}" if plus else f"{shown:,}"
    return f"{shown:,} of {'at least ' if plus else ''}{total:,}"
