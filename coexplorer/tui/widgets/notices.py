"""Keeps notices beside what is being edited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.errors import NoWidget
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets._toast import ToastRack

from coexplorer.tui.notice_place import NoticePlace, find_place
from coexplorer.tui.widgets.choices import Choices


class NoticeKeeper:
    """Moves the notices of a screen.

    Args:
        screen: The screen.
        keeps_clear: Selects what no notice may cover, beside the fields that keys go to.
    """

    def __init__(self, screen: Screen[Any], keeps_clear: str) -> None:
        self._screen = screen
        self._keeps_clear = keeps_clear
        self._place: NoticePlace | None = None

    def follow(self) -> None:
        """Stand beside what is edited now, if there are notices."""
        if any(rack.display for rack in self._screen.query_children(ToastRack)):
            self.place()

    def place(self) -> None:
        """Stand beside what is edited now; notices that come next find their place so."""
        screen = self._screen
        cursor = getattr(screen.focused, "cursor_screen_offset", None)
        height = screen.size.height
        line = cursor.y if cursor is not None else height
        place = find_place(height, self._iter_edited(), line)
        if place != self._place:
            self._place = place
            for rack in screen.query_children(ToastRack):
                rack.styles.margin = (0, 0, place.below, 0)
                rack.styles.max_height = place.lines

    def _iter_edited(self) -> Iterator[tuple[int, int]]:
        screen = self._screen
        kept: list[Widget] = [*screen.query(self._keeps_clear)] if self._keeps_clear else []
        if getattr(screen.focused, "takes_keys", False):
            kept += [each for each in screen.query() if getattr(each, "takes_keys", False)]
            kept += screen.query(Choices)
        for widget in kept:
            try:
                region = screen.find_widget(widget).visible_region
            except NoWidget:
                continue  # it is hidden
            if region:
                yield region.y, region.bottom
