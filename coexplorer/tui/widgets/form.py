"""Rows of a form: a label with a field or a switch."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from coexplorer.text import fit
from coexplorer.tui.columns import Role
from coexplorer.tui.messages import Switched
from coexplorer.tui.widgets.field import Field
from coexplorer.tui.widgets.lines import Lines
from coexplorer.written import join_lines

LABEL_CELLS = 22


class Toggle(Lines, can_focus=True):
    """``[x] text``; space switches it."""

    takes_keys = True
    DEFAULT_CSS = """
    Toggle { height: 1; }
    Toggle:focus { background: $surface; text-style: bold; }
    """

    def __init__(self, name: str, text: str, *, on: bool = False) -> None:
        super().__init__()
        self.switch_name = name
        self._text = text
        self.on = on

    def on_mount(self) -> None:
        """Show it."""
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:  # noqa: FBT001  Textual's own
        """Show whether it has the focus, once it does: its messages come before that."""
        super().watch_has_focus(has_focus)
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """Switch it."""
        if event.key == "space":
            event.stop()
            self._switch()

    def on_click(self) -> None:
        """Switch it, unless the form was sent."""
        if self.can_focus:
            self._switch()

    def _switch(self) -> None:
        self.on = not self.on
        self._draw()
        self.post_message(Switched(self.switch_name, on=self.on))

    def _draw(self) -> None:
        pointer = "▸ " if self.has_focus else "  "
        role = Role.ACCENT if self.has_focus else Role.TEXT
        label = " " * (LABEL_CELLS - 2)
        self.show([((f"{label}{pointer}[{'x' if self.on else ' '}] {self._text}", role),)])


class FormField(Horizontal):
    """A label and a one-line field."""

    DEFAULT_CSS = """
    FormField { height: 1; }
    FormField .form-label { width: 22; height: 1; }
    FormField Field { width: 1fr; }
    """

    def __init__(
        self,
        name: str,
        label: str,
        *,
        value: str = "",
        secret: bool = False,
        paste: Callable[[str], str] = join_lines,
    ) -> None:
        super().__init__()
        self.label = Lines()
        self.label.add_class("form-label")
        self.label.show([((fit(label, LABEL_CELLS), Role.LABEL),)])
        self.field = Field(name, value=value, leaves=False, paste=paste)
        self.field.password = secret

    def compose(self) -> ComposeResult:
        """Label and field beside each other."""
        yield self.label
        yield self.field

    @property
    def value(self) -> str:
        """What was typed."""
        return self.field.value
