"""Questions asked in place: a line above the footer, with choices above it. Never a dialog.

`ask` waits for a text, `choose` for one of a menu; both give None when the user leaves with Esc.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Offset
from textual.widget import Widget

from coexplorer.text import clean, width
from coexplorer.tui.columns import Role
from coexplorer.tui.messages import FieldLeft, TextAbandoned, TextEntered, TextRefused, TextTyped
from coexplorer.tui.terminal.bursts import Unpaused
from coexplorer.tui.widgets.choices import NOTHING, Choice, Choices
from coexplorer.tui.widgets.lines import Lines
from coexplorer.written import join_lines

if TYPE_CHECKING:
    from coexplorer.tui.widgets.field import Field

Complete = Callable[[str], Sequence[Choice]]
"""Gives the choices that fit what is typed."""


class Prompt(Vertical, can_focus=True):
    """One question at a time; it takes no room while there is none."""

    takes_keys = True
    DEFAULT_CSS = """
    Prompt { height: auto; display: none; background: $surface; }
    Prompt Horizontal { height: 1; }
    Prompt #prompt-title { width: auto; height: 1; background: $surface; }
    Prompt Field { width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._answer: asyncio.Future[str | None] | None = None
        self._complete: Complete | None = None
        self._menu = False
        self._first = False
        self._left = 0
        self._unwanted = Unpaused()
        self._before: Widget | None = None
        self._field: Field | None = None
        self._choices = Choices()
        self._line = Horizontal()
        self._title = Lines(id="prompt-title")

    def compose(self) -> ComposeResult:
        """Choices above, the question below; the field itself comes when it is needed."""
        yield self._choices
        with self._line:
            yield self._title

    @property
    def any_key_leaves(self) -> bool:
        """Whether any key may choose: a menu's choices have keys of their own."""
        return self._menu

    @property
    def asking(self) -> bool:
        """Whether a question is open."""
        return self._answer is not None

    async def ask(
        self,
        title: str,
        *,
        value: str = "",
        complete: Complete | None = None,
        secret: bool = False,
        first: bool = False,
        paste: Callable[[str], str] = join_lines,
    ) -> str | None:
        """Ask for a line of text.

        Args:
            title: The question, cleaned here.
            value: What is in the field at first.
            complete: Gives choices for what is typed.
            secret: Show dots in its place.
            first: The first choice is highlighted from the start: Enter takes it.
            paste: See `Field`.
        """
        self._menu, self._complete, self._first = False, complete, first
        # Fields are imported when one is first needed, not before the first frame.
        from coexplorer.tui.widgets.field import Field  # noqa: PLC0415

        await self._drop_field()
        choices_of = self._choices if complete else None
        self._field = field = Field("prompt", choices_of, value=value, paste=paste)
        field.password = secret
        field.id = "prompt-field"
        await self._line.mount(field)
        choices = list(complete(value)) if complete else []
        return await self._wait(title, field, choices, at=0 if first else -1)

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """Ask for one of a few choices: by its key, or with the arrows and Enter."""
        self._menu, self._complete = True, None
        return await self._wait(title, self, choices, at=0)

    async def confirm(self, question: str, *, yes: str, no: str = "no") -> bool:
        """Ask a question of yes or no; Esc is no."""
        choices = [Choice("n", no, key="n"), Choice("y", yes, key="y")]
        return await self.choose(question, choices) == "y"

    def cancel(self) -> None:
        """Give the question up, as Esc does."""
        self._settle(None)

    async def _wait(
        self, title: str, focus: Widget, choices: Sequence[Choice], *, at: int = -1
    ) -> str | None:
        self.cancel()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()
        self._answer = answer
        self._before = self.screen.focused
        text = f" {clean(title)} "
        self._title.styles.width = width(text)
        self._title.show([((text, Role.LABEL),)])
        self.display = True
        self._choices.offer(choices, at=at)
        self.screen.set_focus(focus)  # at once: keys typed ahead follow
        try:
            return await answer
        finally:
            if self._answer is answer:  # not another question's by now
                await self._close()
                self._answer = None

    @property
    def chosen_place(self) -> Offset:
        """Where the highlighted choice is, while keys go to the choices alone."""
        return self._choices.chosen_place

    async def _close(self) -> None:
        self.display = False
        self._choices.offer(())
        before, self._before = self._before, None
        await self._drop_field()
        if before is not None and before.is_attached:
            self.screen.set_focus(before)
        if self._left:
            self.post_message(FieldLeft(self._left))
            self._left = 0

    async def _drop_field(self) -> None:
        field, self._field = self._field, None
        if field is not None:
            await field.remove()

    def _settle(self, answer: str | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _take(self, choice: Choice) -> None:
        """Answer with a choice, or say why it can't be chosen and go on asking."""
        if choice.reason:
            self.post_message(TextRefused(choice.reason))
        else:
            self._settle(choice.value)

    def on_field_left(self, event: FieldLeft) -> None:
        """What was typed after an answer waits until the question is gone."""
        if self._answer is not None and self._answer.done():
            event.stop()
            self._left = event.turn

    def on_text_typed(self, event: TextTyped) -> None:
        """Offer what fits."""
        event.stop()
        self._offer(event.text)

    def offer_again(self) -> None:
        """Offer what fits what is typed once more: there is more to choose from by now."""
        if self.asking and self._field is not None:
            self._offer(self._field.value)

    def _offer(self, text: str) -> None:
        if self._complete is not None and self._field is not None:
            nothing = NOTHING if self._first else ""
            self._field.offer(list(self._complete(text)), of=text, nothing=nothing)
            if self._first:
                self._field.step_choice(1)

    def on_text_entered(self, event: TextEntered) -> None:
        """Answer with the text."""
        event.stop()
        found = self._complete(event.text) if self._complete and self._first else ()
        meant = next((each for each in found if each.value == event.text), None)
        if meant is None and found:
            meant = found[0]  # the field may have been left before its choices came
        if meant is None:
            self._settle(event.text)
        else:
            self._take(meant)

    def on_text_abandoned(self, event: TextAbandoned) -> None:
        """Answer with nothing."""
        event.stop()
        self._settle(None)

    def on_choices_clicked(self, event: Choices.Clicked) -> None:
        """A click chooses."""
        event.stop()
        self._take(event.choice)

    def on_key(self, event: events.Key) -> None:
        """Go through a menu."""
        if not self._menu or self._answer is None:
            return
        event.stop()
        event.prevent_default()
        choices = self._choices
        match event.key:
            case "escape" | "ctrl+c":
                self._settle(None)
            case _ if self._unwanted.has(event):
                # Typed for something else, without a look: no letter of it is an answer.
                self._unwanted.begin(event.time)
            case "enter" if choices.chosen is not None:
                self._take(choices.chosen)
            case "down" | "tab" | "j":
                choices.step(1)
            case "up" | "shift+tab" | "k":
                choices.step(-1)
            case _:
                found = [c for c in choices.choices if c.key and c.key == event.character]
                if found:
                    self._take(found[0])
                else:
                    self._unwanted.begin(event.time)
                    self.post_message(TextRefused(self._tell_keys()))

    def _tell_keys(self) -> str:
        """Return which keys a menu knows."""
        own = "".join(
            f"{c.key} {clean(c.text or c.value)}, " for c in self._choices.choices if c.key
        )
        no = next((c for c in self._choices.choices if c.key == "n"), None)
        leaves = f"Esc means n {clean(no.text)}" if no is not None and no.text else "Esc leaves"
        return f"this asks first: {own}↑ and ↓ choose, Enter takes what is marked ▸, {leaves}"
