"""A one-line field with completion: the search box, tags, and every question asked in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Input

from coexplorer.text import clean
from coexplorer.tui.messages import FieldLeft, HistoryWanted, TextAbandoned, TextEntered, TextTyped
from coexplorer.tui.widgets.choices import Choice, Choices
from coexplorer.tui.widgets.editing import edit_at_once, map_actions

_ACTIONS = {key: action for key, action in map_actions(Input.BINDINGS).items() if key != "enter"}


FORM_PARTS = "Field, DescriptionArea, Toggle"
"""What takes keys of its own; all else is looked at, not filled in."""


LONGEST_WAIT_S = 1.0
"""A Tab waits so long for choices, if they never come."""


class Field(Input):
    """A line of text. Up and down go through the choices, Tab takes one, Enter enters, Esc leaves.

    It posts `TextTyped`, `TextEntered` and `TextAbandoned`, and is answered with `offer`.

    Args:
        name: Which field it is, for the messages.
        choices: Where its choices are shown.
        value: What is in it at first.
        leaves: Whether Esc is its own; otherwise the screen decides.
        separator: Stands at the end while keys go to the field, so that what is typed there is
            another item, not more of the last one.
    """

    takes_keys = True
    # A longer text scrolls within the field: nothing else is laid out anew at each key.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0))
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    Field, Field:focus {
        height: 1; border: none; padding: 0; background: $surface; color: $text;
    }
    """

    def __init__(
        self,
        name: str,
        choices: Choices | None = None,
        *,
        value: str = "",
        leaves: bool = True,
        separator: str = "",
    ) -> None:
        super().__init__(value=_one_line(value), name=name, select_on_focus=False, compact=True)
        self.cursor_blink = False
        self.field_name = name
        self._choices = choices
        self._leaves = leaves
        self._separator = separator
        self._span = (0, 0)
        self._offered = value
        self._waits = False
        self._left = 0

    def enter(self) -> None:
        """Go to the end of the text: the focus comes here, and keys that were typed ahead."""
        if self.value and not self.value.endswith(self._separator):
            self._put(self.value + self._separator)
        self.cursor_position = len(self.value)

    def on_click(self) -> None:
        """A click behind the text comes here as the keys do."""
        if self.cursor_position == len(self.value):
            self.enter()

    def on_blur(self) -> None:
        """Show the text alone."""
        sign = self._separator.strip()
        if sign and self.value.rstrip().endswith(sign):
            self._put(self.value.rstrip().removesuffix(sign))

    def _put(self, value: str) -> None:
        """Change the text where nobody typed: there is nothing to be offered for it."""
        with self.prevent(Input.Changed):
            self.value = value
        self._offered = value

    def use_choices(self, choices: Choices) -> None:
        """Show its choices there."""
        self._choices = choices

    def offer(
        self,
        choices: Sequence[Choice],
        *,
        of: str | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Offer choices.

        Args:
            choices: What goes on from the text.
            of: The text that they are for; nothing is offered when it is another one by now.
            span: What taking one replaces; all of the text without it.
        """
        if of is not None and of != self.value:
            return
        self._span = span or (0, len(self.value))
        self._offered = self.value
        if self._choices is not None:
            self._choices.offer(choices)
        if self._waits:
            self._waits = False
            self._press_tab(back=False)
            self._stop_waiting()

    def on_field_left(self, event: FieldLeft) -> None:
        """What follows a Tab waits for the choices that it is to take one of."""
        if self._waits:
            event.stop()
            self._left = event.turn

    def _stop_waiting(self) -> None:
        self._waits = False
        if self._left:
            self.post_message(FieldLeft(self._left))
            self._left = 0

    def step_choice(self, by: int) -> None:
        """Highlight the next choice, or the one before."""
        if self._choices is not None:
            self._choices.step(by)

    def take(self, choice: Choice) -> None:
        """Put a choice in its place in the text."""
        start, end = self._span
        self.value = self.value[:start] + choice.value + self.value[end:]
        self.cursor_position = start + len(choice.value)
        self.offer(())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what was typed."""
        event.stop()
        self._tell()

    def _tell(self) -> None:
        self.post_message(TextTyped(self.field_name, self.value, self.cursor_position))

    async def on_key(self, event: events.Key) -> None:
        """Handle the keys that leave the field or go through its choices."""
        choices = self._choices
        match event.key:
            case "up" if choices is None or choices.at < 0:
                self.post_message(HistoryWanted(self.field_name))
            case "up" | "down" if choices is not None and choices.choices:
                choices.step(1 if event.key == "down" else -1)
            case "tab" | "shift+tab":
                self._press_tab(back=event.key == "shift+tab")
            case "enter":
                if choices is not None and choices.chosen is not None and self._is_fresh:
                    self.take(choices.chosen)
                self.post_message(TextEntered(self.field_name, self.value))
            case "escape" if self._leaves:
                self.post_message(TextAbandoned(self.field_name))
            case _:
                await edit_at_once(self, _ACTIONS, event)
                return
        event.stop()
        event.prevent_default()

    @property
    def _is_fresh(self) -> bool:
        return self._offered == self.value

    def _press_tab(self, *, back: bool) -> None:
        """Take a choice; without any, go to the next field. A question keeps the focus."""
        choices = self._choices
        if choices is not None and not back and not self._is_fresh:
            self._waits = True  # what is offered is for an earlier text
            self.set_timer(LONGEST_WAIT_S, self._stop_waiting)
        elif choices is not None and choices.choices and not back:
            if choices.chosen is None:
                choices.step(1)
            if choices.chosen is not None:
                self.take(choices.chosen)
        elif not self._leaves:
            go_on(self, back=back)

    def _on_paste(self, event: events.Paste) -> None:
        event.text = _one_line(event.text)
        super()._on_paste(event)


def go_on(widget: Widget, *, back: bool) -> None:
    """Go to the next thing of a form, or the one before: round, and never out of it."""
    screen = widget.screen
    part = screen.focus_previous(FORM_PARTS) if back else screen.focus_next(FORM_PARTS)
    if isinstance(part, Field):
        part.enter()


def _one_line(text: str) -> str:
    """Return foreign text as an input may hold it: one line, nothing a terminal would obey."""
    return clean(text)
