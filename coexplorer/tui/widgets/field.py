"""A one-line field with completion: the search box, tags, and every question asked in place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from coexplorer.config.domain import is_token
from coexplorer.text import show_signs, width
from coexplorer.tui.messages import (
    FieldLeft,
    HistoryWanted,
    TextAbandoned,
    TextEntered,
    TextRefused,
    TextTyped,
)
from coexplorer.tui.terminal.bursts import find_word
from coexplorer.tui.widgets.choices import Choice, Choices
from coexplorer.tui.widgets.editing import edit_at_once, map_actions
from coexplorer.written import is_text, join_lines

_ACTIONS = {key: action for key, action in map_actions(Input.BINDINGS).items() if key != "enter"}


FORM_PARTS = "Field, DescriptionArea, Toggle"
"""What takes keys of its own; all else is looked at, not filled in."""


LONGEST_WAIT_S = 5.0
"""A Tab waits so long for choices, if they never come: a disk may be slow, or the machine busy."""
MOST_CHARACTERS = 1 << 20
"""A field takes no more than this, as a file of the mount does."""


class Field(Input):
    """A line of text. Up and down go through the choices, Tab takes one, Enter enters, Esc leaves.

    What is in it is what was typed and pasted, or what the platform has, sign for sign; only what
    is drawn is made safe (`show_signs`). Control characters can't be typed or pasted into it.

    It posts `TextTyped`, `TextEntered` and `TextAbandoned`, and is answered with `offer`.

    Args:
        name: Which field it is, for the messages.
        choices: Where its choices are shown.
        value: What is in it at first.
        leaves: Whether Esc is its own; otherwise the screen decides.
        separator: Stands at the end while keys go to the field, so that what is typed there is
            another item, not more of the last one.
        paste: Makes what is pasted into one line.

    Attributes:
        find_hidden: Finds the parts of the text that are drawn as dots; all of it where `password`
            is set. What is pasted replaces such a text: nobody sees what stands there.
        is_filter: Whether its text only narrows what is shown, and is not saved.
    """

    takes_keys = True
    # A longer text scrolls within the field: nothing else is laid out again at each key.
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
        paste: Callable[[str], str] = join_lines,
    ) -> None:
        self._shown: tuple[str, list[str], list[int]] = ("", [], [0])
        self.find_hidden: Callable[[str], Sequence[tuple[int, int]]] = lambda _: ()
        super().__init__(value=value, name=name, select_on_focus=False, compact=True)
        self.cursor_blink = False
        self.field_name = name
        self._choices = choices
        self.leaves = leaves
        self._separator = separator
        self._paste = paste
        self._span = (0, 0)
        self._offered = value
        self._waits = False
        self._left = 0
        self._joined = ""
        self.is_filter = False

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
        if self._choices is not None and not self.leaves:
            self._choices.offer(())
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
        nothing: str = "",
    ) -> None:
        """Offer choices.

        Args:
            choices: What goes on from the text.
            of: The text that they are for; nothing is offered when it is another one by now.
            span: What taking one replaces; all of the text without it.
            nothing: What is said where there are none.
        """
        if of is not None and of != self.value:
            return
        self._span = span or (0, len(self.value))
        self._offered = self.value
        if self._choices is not None:
            # In a form the other fields are only looked at.
            is_used = self.leaves or (self.is_attached and self.screen.focused is self)
            self._choices.offer(choices if is_used else (), nothing=nothing)
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
            turn, self._left = self._left, 0
            # Made in a turn of its own: whoever offers choices is the sender of what is made now,
            # and a message goes up to its sender and no further (Textual).
            self.call_later(self._tell_left, turn)

    def _tell_left(self, turn: int) -> None:
        self.post_message(FieldLeft(turn))

    def step_choice(self, by: int) -> None:
        """Highlight the next choice, or the one before."""
        if self._choices is not None:
            self._choices.step(by)

    def take(self, choice: Choice) -> bool:
        """Put a choice in its place in the text, or say why it can't be chosen; tell whether."""
        if choice.reason:
            self.post_message(TextRefused(choice.reason))
            return False
        start, end = self._span
        self.value = self.value[:start] + choice.value + self.value[end:]
        self.cursor_position = start + len(choice.value)
        self.offer(())
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what was typed."""
        event.stop()
        self._tell()

    def _tell(self) -> None:
        self.post_message(TextTyped(self.field_name, self.value, self.cursor_position))

    async def on_key(self, event: events.Key) -> None:
        """Handle the keys that leave the field or go through its choices."""
        if self.password and is_token(find_word(event)):
            self.select_all()  # pasted without brackets
        choices = self._choices
        match event.key:
            case "up" if choices is None or choices.at < 0:
                self.post_message(HistoryWanted(self.field_name))
            case "up" | "down" if choices is not None and choices.choices:
                choices.step(1 if event.key == "down" else -1)
            case "tab" | "shift+tab":
                self._press_tab(back=event.key == "shift+tab")
            case "enter":
                chosen = choices.chosen if choices is not None and self._is_fresh else None
                if chosen is None or self.take(chosen):
                    self.post_message(TextEntered(self.field_name, self.value))
            case "escape" if self.leaves:
                self.post_message(TextAbandoned(self.field_name))
            case _ if await edit_at_once(self, _ACTIONS, event):
                return
            case _ if event.character is not None and is_text(event.character):
                self.put_in(event.character)
            case _:
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
        elif choices is not None and self._goes_on and not back:
            if choices.chosen is None:
                choices.step(1)
            if choices.chosen is not None:
                self.take(choices.chosen)
        elif not self.leaves:
            go_on(self, back=back)

    @property
    def _goes_on(self) -> bool:
        """Whether there is a choice that Tab takes, instead of going to the next field.

        In a form that is one that was chosen, or goes on from what is typed: not any that holds it.
        """
        choices = self._choices
        if choices is None or not choices.choices:
            return False
        if self.leaves or choices.chosen is not None:
            return True
        start, end = self._span
        typed = self.value[start:end].strip().casefold()
        return choices.choices[0].value.casefold().startswith(typed)

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]  # it may wait
        """Put what is pasted in at the cursor; Textual's own handler would do it once more."""
        event.stop()
        event.prevent_default()
        if self.password:
            self.select_all()
        self.put_in(self._paste(event.text))

    def replace_all(self, text: str) -> None:
        """Put a text in the place of all that is there, with the cursor behind it."""
        self.value = text
        self.cursor_position = len(text)

    def add_lines(self, text: str) -> bool:
        """Put in lines that came behind an Enter, as if all had been pasted at once.

        What came before the Enter may still be on its way here: this follows it.

        Returns:
            Whether they are joined by blanks, in a text that may be saved.
        """
        added = self._paste(f"x\n{text}")[1:]
        self.call_later(self.put_in, added)
        is_saved = not self.is_filter and not self.password
        self._joined = added if is_saved and self._paste is join_lines else ""
        return bool(self._joined)

    @property
    def has_joined(self) -> bool:
        """Whether the lines that `add_lines` joined are still in the text."""
        return bool(self._joined) and self._joined in self.value

    def put_in(self, text: str) -> None:
        """Put a text in the place of what is selected, or at the cursor."""
        if len(self.value) + len(text) > MOST_CHARACTERS:
            self.post_message(TextRefused(f"that is too long: {len(text):,} characters"))
        elif text:
            self.replace(text, *sorted(self.selection))

    # What is drawn

    def _find_shown(self) -> tuple[list[str], list[int]]:
        """Return how each character is drawn, and the cell at which each begins, and the end."""
        value, pieces, cells = self._shown
        if value != self.value or len(pieces) != len(self.value):
            value = self.value
            pieces = ["•"] * len(value) if self.password else show_signs(value)
            for start, end in self.find_hidden(value):
                pieces[start:end] = ["•"] * (end - start)
            cells = [0, *accumulate(map(width, pieces))]
            self._shown = value, pieces, cells
        return pieces, cells

    def _position_to_cell(self, position: int) -> int:
        cells = self._find_shown()[1]
        return cells[min(position, len(cells) - 1)]

    def _cell_offset_to_index(self, offset: int) -> int:
        cells = self._find_shown()[1]
        at = bisect_right(cells, offset + self.scroll_offset.x) - 1
        return max(0, min(at, len(self.value)))

    @property
    def content_width(self) -> int:
        """Cells of the text, and of a cursor behind it."""
        return self._find_shown()[1][-1] + 1

    def render_line(self, y: int) -> Strip:
        """Draw what can be seen of it (Textual's Line API)."""
        room = self.scrollable_content_region.width
        base = self.rich_style
        if y != 0:
            return Strip.blank(room, base)
        pieces, cells = self._find_shown()
        left = self.scroll_offset.x
        first = max(0, bisect_right(cells, left) - 1)
        last = min(len(pieces), bisect_right(cells, left + room))
        styles = {"": base}
        if self.has_focus:
            styles["selection"] = base + self.get_component_rich_style("input--selection")
            styles["cursor"] = base + self.get_component_rich_style("input--cursor")
        start, end = sorted(self.selection)
        cursor = self.cursor_position if self.has_focus and self._cursor_visible else -1
        segments = []
        for at in range(first, last + 1):
            piece = pieces[at] if at < len(pieces) else " "
            name = "selection" if self.has_focus and start <= at < end else ""
            segments.append(Segment(piece, styles["cursor" if at == cursor else name]))
        strip = Strip(Segment.simplify(segments)).crop(left - cells[first])
        return strip.extend_cell_length(room, base).crop(0, room).apply_style(base)


def go_on(widget: Widget, *, back: bool) -> None:
    """Go to the next thing of a form, or the one before: round, and never out of it."""
    screen = widget.screen
    part = screen.focus_previous(FORM_PARTS) if back else screen.focus_next(FORM_PARTS)
    if isinstance(part, Field):
        part.enter()
