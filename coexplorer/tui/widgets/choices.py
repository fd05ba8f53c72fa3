"""A short list to choose from, beside a field: completions, history, menus."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual import events
from textual.geometry import Offset
from textual.message import Message

from coexplorer.text import clean, fit
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.widgets.lines import Lines

MOST = 8
"""Choices that are visible at once, where there is room: a third of the screen."""
LEAST = 3
NOTHING = "nothing fits"


class Choice(msgspec.Struct, frozen=True):
    """Something to choose.

    Attributes:
        value: What is chosen.
        text: How it is shown; the value itself when empty.
        help: Said beside it.
        key: One key that chooses it in a menu.
        reason: Why it can't be chosen, which is said to whoever tries; empty: it can.
    """

    value: str
    text: str = ""
    help: str = ""
    key: str = ""
    reason: str = ""


class Choices(Lines):
    """A few choices around the highlighted one; nothing at all when there are none.

    Args:
        fills: They take all the height that there is, instead of a few lines.
    """

    DEFAULT_CSS = """
    Choices { height: auto; background: $surface; display: none; }
    """

    class Clicked(Message):
        """A choice was clicked."""

        def __init__(self, choice: Choice) -> None:
            self.choice = choice
            super().__init__()

    def __init__(self, *, fills: bool = False, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._fills = fills
        self.choices: Sequence[Choice] = ()
        self.at = -1
        self._nothing = ""

    def offer(self, choices: Sequence[Choice], *, at: int = -1, nothing: str = "") -> None:
        """Offer these; `at` is highlighted, -1 for none; `nothing` is said where there are none."""
        self.choices = tuple(choices)
        self._nothing = nothing
        self.at = min(at, len(self.choices) - 1)
        self._draw()

    def step(self, by: int) -> None:
        """Highlight the next or the one before, round the ends."""
        if self.choices:
            self.at = (
                (self.at + by) % len(self.choices)
                if self.at >= 0 or by > 0
                else len(self.choices) - 1
            )
            self._draw()

    @property
    def chosen(self) -> Choice | None:
        """The highlighted one."""
        return self.choices[self.at] if 0 <= self.at < len(self.choices) else None

    @property
    def chosen_place(self) -> Offset:
        """Where on the screen the highlighted one is: see `TerminalApp.find_cursor`."""
        return self.region.offset + Offset(0, max(0, self.at - self._first))

    def on_resize(self) -> None:
        """Fit to the width."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Choose what is under the mouse."""
        index = self._first + event.y
        if index < len(self.choices):
            self.post_message(self.Clicked(self.choices[index]))

    @property
    def _first(self) -> int:
        return max(0, min(self.at - self._most // 2, len(self.choices) - self._most))

    @property
    def _most(self) -> int:
        if self._fills:
            return max(1, self.size.height)
        return max(LEAST, min(MOST, self.app.size.height // 3))

    def _draw(self) -> None:
        self.display = bool(self.choices or self._nothing)
        cells = max(1, self.size.width or self.app.size.width)
        shown = self.choices[self._first : self._first + self._most]
        lines = [self._line(self._first + y, choice, cells) for y, choice in enumerate(shown)]
        self.show(lines or [((f"    {self._nothing}", Role.DIM),)])

    def _line(self, index: int, choice: Choice, cells: int) -> Line:
        at = index == self.at
        pointer = "▸ " if at else "  "
        key = f"{choice.key}  " if choice.key else ""
        text = clean(choice.text or choice.value)
        role = Role.DIM if choice.reason else Role.ACCENT if at else Role.TEXT
        if not choice.help or cells < 50:  # noqa: PLR2004  no room for two columns
            return ((fit(f"  {pointer}{key}{text}", cells), role),)
        half = min(44, cells // 2)
        return (
            (fit(f"  {pointer}{key}{text}", half), role),
            (fit(f" {clean(choice.help)}", cells - half), Role.DIM),
        )
