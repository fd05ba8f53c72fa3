"""The virtualised list: a cursor over windows of rows, never a widget or an object per row.

It draws the visible rows that are loaded; for others it posts `RowsMissed` and leaves blanks until
they come. Moving the cursor draws two lines.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Offset, Region
from textual.strip import Strip

from coexplorer.models import AssetId, Row
from coexplorer.tui.columns import Role, build_head, build_layout, build_row
from coexplorer.tui.messages import RowChosen, RowHighlighted, RowsMissed
from coexplorer.tui.terminal.plain import PlainLines
from coexplorer.tui.terminal.styles import LazyStyles
from coexplorer.tui.widgets.lines import build_strip
from coexplorer.tui.windows import Windows

HEAD = 1
"""Lines above the rows."""
WHEEL_ROWS = 3


class AssetList(PlainLines, LazyStyles, can_focus=True):
    """The assets that the search finds.

    Attributes:
        windows: The rows at hand.
        cursor: The row that it is on.
        moved: By how many rows it was moved since the beginning, other lists apart.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"role--{role}" for role in Role),
        "list--head",
        "list--cursor",
        "list--cursor-blurred",
        "list--marked",
    }
    DEFAULT_CSS = """
    AssetList {
        background: $background;
    }
    AssetList .list--head { color: $text-muted; text-style: bold; background: $panel; }
    AssetList .list--cursor {
        color: $block-cursor-foreground; background: $block-cursor-background; text-style: bold;
    }
    AssetList .list--cursor-blurred { color: $text; background: $block-cursor-blurred-background; }
    AssetList .list--marked { color: $text-warning; text-style: bold; }
    AssetList .role--text { color: $text; }
    AssetList .role--dim { color: $text-muted; }
    AssetList .role--tag { color: $text-accent; }
    AssetList .role--good { color: $text-success; }
    AssetList .role--warn { color: $text-warning; }
    AssetList .role--bad { color: $text-error; text-style: bold; }
    """

    def __init__(self, *, columns: Sequence[str] = (), id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self.windows = Windows()
        self.cursor = 0
        self.moved = 0
        self._top = 0
        self._columns = tuple(columns)
        self._layout = build_layout(80, self._columns)
        self._marked: Collection[AssetId] = frozenset()
        self._unsent: Collection[AssetId] = frozenset()
        self._sort = ("", False)
        self._asked: tuple[int, int] | None = None
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._styles: dict[str, Style] = {}
        self._note = ""

    # What is shown

    @property
    def current(self) -> Row | None:
        """The row under the cursor, when there is one and it is at hand."""
        return self.windows.find(self.cursor)

    @property
    def page_rows(self) -> int:
        """How many rows are visible."""
        return max(1, self.size.height - HEAD)

    def show_list(
        self,
        count: int,
        rows: Sequence[Row],
        *,
        offset: int = 0,
        cursor: int | None = None,
        note: str = "",
    ) -> None:
        """Show another list.

        Args:
            count: How many rows it has.
            rows: Those from `offset` on.
            offset: A block's start.
            cursor: Where the cursor goes; None leaves it where it is, as far as the list goes.
            note: What to say instead of the rows when there are none.
        """
        self.windows.reset(count, rows, offset)
        self._asked = None
        self._note = note
        wanted = self.cursor if cursor is None else cursor
        self.cursor = max(0, min(wanted, count - 1))
        self._scroll_into_view()
        self._redraw()
        self.post_message(RowHighlighted(self.cursor))

    def show_count(self, count: int) -> None:
        """Tell how many rows the list has, when its first ones are shown already."""
        before, self.windows.count = self.windows.count, count
        if self.cursor >= count:
            self.move_to(count - 1)
        if min(before, count) < self._top + self.page_rows:
            self._redraw()

    def supply(self, offset: int, rows: Sequence[Row]) -> None:
        """Take rows that were missed."""
        self._asked = None
        self.windows.put(offset, rows)
        self._redraw()
        if offset <= self.cursor < offset + len(rows):
            self.post_message(RowHighlighted(self.cursor))

    def show_marks(self, marked: Collection[AssetId]) -> None:
        """Show these assets as marked."""
        self._marked = marked
        self._redraw()

    def show_unsent(self, unsent: Collection[AssetId]) -> None:
        """Show that these assets have changes which the platform does not have."""
        if unsent != self._unsent:
            self._unsent = unsent
            self._redraw()

    def show_sort(self, field: str, *, descending: bool) -> None:
        """Show in the head what the list is sorted by."""
        if self._sort != (field, descending):
            self._sort = (field, descending)
            self.refresh(Region(0, 0, self.size.width, HEAD))

    def show_columns(self, columns: Sequence[str]) -> None:
        """Show these columns; empty: the ones that fit the width."""
        self._columns = tuple(columns)
        self._lay_out()

    @property
    def columns(self) -> tuple[str, ...]:
        """Ids of the columns that are shown."""
        return tuple(column.id for column, _ in self._layout.columns)

    def redraw_rows(self) -> None:
        """Draw all rows again: what they look like changed."""
        self._redraw()

    # Moving

    @property
    def chosen_place(self) -> Offset:
        """Where on the screen the chosen row is: see `TerminalApp.find_cursor`."""
        return self.region.offset + Offset(0, self.cursor - self._top + HEAD)

    def move_to(self, index: int) -> None:
        """Put the cursor on row `index`, or on the last one."""
        index = max(0, min(index, self.windows.count - 1))
        before, self.cursor = self.cursor, index
        self.moved += index - before
        if self._scroll_into_view():
            self.refresh(Region(0, HEAD, self.size.width, self.page_rows))
        elif before != index:
            self._refresh_row(before)
            self._refresh_row(index)
        if before != index:
            self.post_message(RowHighlighted(index))

    def move_by(self, rows: int) -> None:
        """Move the cursor by a number of rows."""
        self.move_to(self.cursor + rows)

    def _scroll_into_view(self) -> bool:
        page = self.page_rows
        top = min(self._top, max(0, self.windows.count - page))
        top = min(max(top, self.cursor - page + 1), self.cursor)
        moved, self._top = top != self._top, max(0, top)
        return moved

    def _refresh_row(self, index: int) -> None:
        self.refresh(Region(0, index - self._top + HEAD, self.size.width, 1))

    # Drawing

    def on_resize(self) -> None:
        """Lay the columns out again."""
        self._lay_out()

    def on_focus(self) -> None:
        """Show the cursor as active."""
        self._redraw_cursor()

    def on_blur(self) -> None:
        """Show the cursor as inactive."""
        self._redraw_cursor()

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colors."""
        self._strips.clear()
        self._styles.clear()
        super().notify_style_update()

    def on_click(self, event: events.Click) -> None:
        """Move to the clicked row; a double click opens it."""
        if event.y >= HEAD and (index := event.y - HEAD + self._top) < self.windows.count:
            self.move_to(index)
            if event.chain > 1:
                self.post_message(RowChosen())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down."""
        event.stop()
        self.move_by(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up."""
        event.stop()
        self.move_by(-WHEEL_ROWS)

    def _lay_out(self) -> None:
        self._layout = build_layout(max(1, self.size.width), self._columns)
        self._scroll_into_view()
        self._redraw()

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def _redraw_cursor(self) -> None:
        self._strips.clear()
        self._refresh_row(self.cursor)

    def render_line(self, y: int) -> Strip:
        """Draw one line (Textual's Line API)."""
        if y < HEAD:
            field, descending = self._sort
            head = build_head(self._layout, sort=field, descending=descending)
            style = self.find_style("list--head")
            return build_strip(((head, Role.TEXT),), self.size.width, style, lambda _role: style)
        index = y - HEAD + self._top
        key = (index, index == self.cursor)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._draw_row(index)
            if self.windows.find(index) is not None:
                self._strips[key] = strip
        return strip

    def _draw_row(self, index: int) -> Strip:
        cells, base = self.size.width, self.find_style("")
        if index >= self.windows.count:
            if index == 0 and self._note:
                note = ((f"    {self._note}", Role.DIM),)
                return build_strip(note, cells, base, self._role)
            return Strip.blank(cells, base)
        row = self.windows.find(index)
        if row is None:
            self._miss()
            return Strip.blank(cells, base)
        marked = row.id in self._marked
        pieces = build_row(
            row,
            self._layout,
            marked=marked,
            in_flight=row.id in self.windows.ahead,
            unsent=row.id in self._unsent,
        )
        if index == self.cursor:
            name = "list--cursor" if self.has_focus else "list--cursor-blurred"
            style = self.find_style(name)
            # One style for the whole row: a change of color costs bytes on a slow link.
            return build_strip(tuple(pieces), cells, style, lambda _role: style)
        if marked:
            style = self.find_style("list--marked")
            return build_strip(tuple(pieces), cells, style, lambda _role: style)
        return build_strip(tuple(pieces), cells, base, self._role)

    def _role(self, role: Role) -> Style:
        return self.find_style(f"role--{role}")

    def find_style(self, name: str) -> Style:
        """Return the colors of a part; without a name, of the list itself."""
        style = self._styles.get(name)
        if style is None:
            style = self.get_component_rich_style(name) if name else self.rich_style
            self._styles[name] = style
        return style

    def _miss(self) -> None:
        """Ask once for the visible rows and the page before and after them."""
        page = self.page_rows
        wanted = self.windows.missing(self._top - page, self._top + 2 * page)
        if wanted is not None and wanted != self._asked:
            self._asked = wanted
            self.post_message(RowsMissed(*wanted))
