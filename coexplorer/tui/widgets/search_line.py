"""The search line: its text, what it finds, where its mistake is, and completions below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.reactive import reactive

from coexplorer.errors import QueryError
from coexplorer.spelling import spell
from coexplorer.text import clean, width
from coexplorer.tui.columns import Line, Role, wrap
from coexplorer.tui.widgets.choices import Choices
from coexplorer.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from coexplorer.tui.widgets.field import Field


SIGN_CELLS = 2
"""Cells of the slash and its blank."""

_SPARE = 12
"""Cells that the count may leave unused."""


class Below(Vertical):
    """As high as what is in it; it never scrolls, so one layout is enough when that changes."""

    virtual_size = reactive(Size(0, 0))


class SearchLine(Vertical):
    """One line; its field comes when it is first needed.

    What is below it, a mistake and the choices, lies over the list, which stays where it is.
    """

    DEFAULT_CSS = """
    SearchLine { height: auto; }
    SearchLine Horizontal { height: 1; }
    SearchLine #search-sign { width: 2; height: 1; }
    SearchLine #search-text { width: 1fr; height: 1; }
    SearchLine #search-found { width: auto; height: 1; }
    SearchLine Field { width: 1fr; }
    SearchLine #search-below { height: auto; overlay: screen; constrain: none inside; }
    SearchLine #search-mistake { height: auto; display: none; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self.typing = False
        self.field: Field | None = None
        self.choices = Choices()
        self._room = 0
        self._line = Horizontal()
        self._sign = Lines(id="search-sign")
        self._text = Lines(id="search-text")
        self._found = Lines(id="search-found")
        self._below = Below(id="search-below")
        self._mistake = Lines(id="search-mistake")

    def compose(self) -> ComposeResult:
        """Lay out the line and its choices."""
        with self._line:
            yield self._sign
            yield self._text
            yield self._found
        with self._below:
            yield self._mistake
            yield self.choices

    def on_mount(self) -> None:
        """Show the sign that the key is."""
        self._sign.show([(("/ ", Role.LABEL),)])

    async def open_field(self, text: str) -> None:
        """Open the field with the cursor at the end of `text`."""
        # Fields are imported when one is first needed, not before the first frame.
        from coexplorer.tui.widgets.field import Field  # noqa: PLC0415

        if self.field is None:
            self.field = Field("search", self.choices)
            self.field.is_filter = True
            self.field.id = "search-field"
            await self._line.mount(self.field, after=self._sign)
        field = self.field
        field.display, self._text.display = True, False
        with field.prevent(Field.Changed):
            field.value = text
        field.cursor_position = len(text)
        self.typing = True
        self.screen.set_focus(field)  # at once: keys typed ahead follow

    def close_field(self) -> None:
        """Show the text as it is in force."""
        self.typing = False
        self.choices.offer(())
        self._text.display = True
        if self.field is not None:
            self.field.display = False

    def show_text(self, text: str) -> None:
        """Show the text that is in force."""
        self._text.show([((clean(text), Role.ACCENT),)])

    def show_mistake(self, fault: QueryError | None, text: str) -> None:
        """Show what is wrong with `text`."""
        if self._mistake.display != (fault is not None):
            self._mistake.display = fault is not None
        if fault is not None:
            self._mistake.show(build_mistake(fault, text, self.size.width))

    def show_found(self, found: str) -> None:
        """Show how many assets are found."""
        line: Line = ((f" {found}", Role.DIM),)
        cells = sum(width(text) for text, _ in line)
        # The count keeps its place while it is about as long: another width is another layout.
        room = self._room if cells <= self._room <= cells + _SPARE else cells
        if room != self._room:
            self._room = room
            self._found.styles.width = room
        self._found.show([((" " * (room - cells), Role.DIM), *line)])


def build_mistake(fault: QueryError, text: str, cells: int) -> list[Line]:
    """Return the lines below a search that point at its mistake, name it, and say what to write."""
    place = SIGN_CELLS + width(clean(text[: fault.start]))
    marks = "^" * max(1, width(clean(text[fault.start : fault.end])))
    message = clean(fault.message)
    room = max(1, cells - SIGN_CELLS)
    parts = wrap(spell(clean(fault.hint)), room) if fault.hint else []
    remedy: list[Line] = [((f"  {part}", Role.DIM),) for part in parts]
    if place + width(marks) + 1 + width(message) <= cells:
        return [((" " * place, Role.TEXT), (f"{marks} {message}", Role.BAD)), *remedy]
    pointer: Line = ((" " * place, Role.TEXT), (marks, Role.BAD))
    told: list[Line] = [((f"  {part}", Role.BAD),) for part in wrap(message, room)]
    return [pointer, *told, *remedy]
