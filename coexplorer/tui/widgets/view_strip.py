"""The strip of views under the header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events

from coexplorer.tui.messages import ViewClicked
from coexplorer.tui.views import View, build_strip_line
from coexplorer.tui.widgets.lines import Lines


class ViewStrip(Lines):
    """Views with their counts; the one in force stands in brackets."""

    DEFAULT_CSS = "ViewStrip { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._views: Sequence[View] = ()
        self._counts: Mapping[str, int] = {}
        self._query = ""
        self._part = False
        self._places: list[tuple[int, int]] = []

    def show_views(
        self,
        views: Sequence[View] | None = None,
        counts: Mapping[str, int] | None = None,
        query: str | None = None,
        *,
        part: bool | None = None,
    ) -> None:
        """Show these, see `build_strip_line`; what is None stays as it is."""
        self._part = self._part if part is None else part
        self._views = self._views if views is None else views
        self._counts = self._counts if counts is None else counts
        self._query = self._query if query is None else query
        self._lay_out()

    def on_resize(self) -> None:
        """Fit the strip to the width."""
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        """Open the view under the mouse."""
        for number, (start, end) in enumerate(self._places, 1):
            if start <= event.x < end:
                self.post_message(ViewClicked(number))

    def _lay_out(self) -> None:
        line, self._places = build_strip_line(
            self._views, self._counts, self._query, self.size.width, part=self._part
        )
        self.show([line])
