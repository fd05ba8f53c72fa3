"""The search: its text, what it finds, its mistake at its place, and its choices below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from coexplorer.errors import QueryError
from coexplorer.text import clean, cut, width
from coexplorer.tui.present import Line, Role
from coexplorer.tui.widgets.choices import Choices
from coexplorer.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from coexplorer.tui.widgets.field import Field


class SearchLine(Vertical):
    """One line while nothing is typed; its field comes when it is first needed."""

    DEFAULT_CSS = """
    SearchLine { height: auto; }
    SearchLine Horizontal { height: 1; }
    SearchLine #search-sign { width: 2; height: 1; }
    SearchLine #search-text { width: 1fr; height: 1; }
    SearchLine #search-found { width: auto; height: 1; }
    SearchLine Field { width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._text = ""

    def compose(self) -> ComposeResult:
        """Lay out the line and its choices."""
        with Horizontal():
            yield Lines(id="search-sign")
            yield Lines(id="search-text")
            yield Lines(id="search-found")
        yield Choices(id="search-choices")

    def on_mount(self) -> None:
        """Show the sign that the key is."""
        self.query_one("#search-sign", Lines).show([(("/ ", Role.LABEL),)])

    def on_key(self, event: events.Key) -> None:
        """Keep Tab in the field."""
        if event.key in ("tab", "shift+tab"):
            event.stop()

    @property
    def typing(self) -> bool:
        """Whether the field is open."""
        return self.has_class("typing")

    async def open_field(self, text: str) -> Field:
        """Open the field with the cursor at the end of `text`."""
        # Fields are imported when one is first needed, not before the first frame.
        from coexplorer.tui.widgets.field import Field  # noqa: PLC0415

        found = list(self.query(Field))
        if found:
            field = found[0]
        else:
            field = Field("search", self.query_one(Choices))
            field.id = "search-field"
            await self.query_one(Horizontal).mount(field, after="#search-sign")
        field.display = True
        self.query_one("#search-text").display = False
        with field.prevent(Field.Changed):
            field.value = text
        field.cursor_position = len(text)
        self.add_class("typing")
        self.screen.set_focus(field)  # at once: keys typed ahead follow
        return field

    def close_field(self) -> None:
        """Show the text as it is in force."""
        self.query_one(Choices).offer(())
        self.remove_class("typing")
        self.query_one("#search-field").display = False
        self.query_one("#search-text").display = True

    def show_text(self, text: str) -> None:
        """Show the text that is in force."""
        self._text = text
        self.query_one("#search-text", Lines).show([((clean(text), Role.ACCENT),)])

    def show_found(self, found: str, fault: QueryError | None) -> None:
        """Show how many there are, or what is wrong."""
        line: Line = ((f" {found}", Role.DIM),)
        if fault is not None:
            room = max(10, self.size.width - width(found) - 24)
            line = ((f" {cut(clean(fault.message), room)}", Role.BAD), *line)
        widget = self.query_one("#search-found", Lines)
        cells = sum(width(text) for text, _ in line)
        if widget.styles.width is None or widget.styles.width.value != cells:
            widget.styles.width = cells
        widget.show([line])
