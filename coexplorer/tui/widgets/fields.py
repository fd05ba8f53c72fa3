"""An asset's editable fields, edited where they are shown and saved together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import TextArea

from coexplorer.errors import InvalidField
from coexplorer.fields import (
    PLAIN,
    EditableField,
    FieldKind,
    Fields,
    Value,
    field_named,
    replace_values,
)
from coexplorer.library.validate import tidy_fields
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.text import clean, fit
from coexplorer.tui.columns import Role
from coexplorer.tui.facts import LABEL
from coexplorer.tui.messages import (
    FieldLeft,
    FieldsEntered,
    FieldsTyped,
    TextEntered,
    TextRefused,
    TextTyped,
)
from coexplorer.tui.metadata_text import list_keys, offer_values, read_key, show_key
from coexplorer.tui.tag_text import format_tags, join_pasted, parse_tags
from coexplorer.tui.widgets.choices import Choice, Choices
from coexplorer.tui.widgets.editing import edit_at_once, map_actions
from coexplorer.tui.widgets.field import MOST_CHARACTERS, Field, go_on
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.mistakes import Mistakes, find_mistake
from coexplorer.written import is_text, join_lines, read_lines

_ACTIONS = map_actions(TextArea.BINDINGS) | {
    "ctrl+underscore": "undo",
    "ctrl+home": "go_to_start",
    "ctrl+end": "go_to_end",
}
"""Ctrl-Z is the shell's, here as everywhere; Ctrl-_ is what line editors undo with."""


class DescriptionArea(TextArea):
    """Markdown as it is written. Foreign controls in it are kept, and shown harmless."""

    takes_keys = True
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    DescriptionArea, DescriptionArea:focus {
        height: auto; min-height: 3; max-height: 12; border: none; padding: 0;
        background: $surface; scrollbar-size: 1 1;
    }
    """

    async def on_key(self, event: events.Key) -> None:
        """Edit, or go on to the next field, at once."""
        if event.key in ("tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            go_on(self, back=event.key == "shift+tab")
        else:
            if await edit_at_once(self, _ACTIONS, event):
                return
            char = event.character
            if char is not None and not event.is_printable and is_text(char):
                event.stop()
                event.prevent_default()
                self.put_in(char)  # what joins emoji and letters is no printable key to Textual

    def action_go_to_start(self) -> None:
        """Go to the first character."""
        self.move_cursor((0, 0))

    def action_go_to_end(self) -> None:
        """Go behind the last character."""
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        """Put what is pasted in at the cursor, with its lines, as text alone."""
        event.stop()
        event.prevent_default()
        self.put_in(read_lines(event.text))

    def put_in(self, text: str) -> None:
        """Put a text in the place of what is selected, or at the cursor."""
        if len(self.text) + len(text) > MOST_CHARACTERS:
            self.post_message(TextRefused(f"that is too long: {len(text):,} characters"))
        elif text:
            self.move_cursor(self.replace(text, *self.selection).end_location)


class FieldsEditor(Vertical):
    """All editable fields, each as its kind is edited.

    Args:
        base: The fields as they were shown.
        mine: What to start from, when it is not `base` (a draft, an unsent edit).
        first: The field that gets the focus.
    """

    DEFAULT_CSS = """
    FieldsEditor { height: auto; max-height: 100%; overflow: hidden auto; scrollbar-size: 1 1; }
    FieldsEditor Horizontal { height: auto; }
    FieldsEditor .label { width: 13; height: 1; }
    FieldsEditor Field { width: 1fr; }
    """

    def __init__(
        self,
        base: Fields,
        *,
        mine: Fields | None = None,
        first: str = "name",
        schema: MetadataSchema = UNKNOWN,
    ) -> None:
        super().__init__(id="fields")
        self.base = base
        self._schema = schema
        keys = {key.name: key for side in (base, mine or base) for key in list_keys(side, schema)}
        self._rows = (*PLAIN, *keys.values())
        names = {row.name for row in self._rows}
        keys_of = [row.name for row in self._rows if row.name.startswith(f"{first}.")]
        first = first if first in names else next(iter(keys_of), "name")  # of a map the first key
        self._start = mine or base
        self._first = first
        self._shown = self._show(self._start)
        # Held, not looked up: they may be asked for before they are there, and once they are gone.
        self._choices = {row.name: Choices() for row in self._rows if self._is_completed(row)}
        self._widgets = {row.name: self._build_field(row) for row in self._rows}
        self._mistakes = Mistakes(self._find_mistake, self._text, indent=LABEL)

    @staticmethod
    def _is_completed(row: EditableField) -> bool:
        return row.name == "tags" or row.kind is FieldKind.KEY

    def _show(self, fields: Fields) -> dict[str, str]:
        return {row.name: self._show_row(row, fields) for row in self._rows}

    def _show_row(self, row: EditableField, fields: Fields) -> str:
        if row.kind is FieldKind.SET:
            return format_tags(row.set_of(fields))
        if row.kind is FieldKind.KEY:
            return show_key(row, fields, self._schema)
        return row.text_of(fields)

    def _id_of(self, name: str) -> str:
        """Return the id of a field's widget: a key can be any text."""
        if "." not in name:
            return f"field-{name}"
        return f"field-key-{[row.name for row in self._rows].index(name)}"

    def compose(self) -> ComposeResult:
        """Lay the fields out as the details show them."""
        for field in self._rows:
            with Horizontal():
                label = Lines()
                label.add_class("label")
                label.show([((fit(clean(field.title), LABEL - 1) + " ", Role.LABEL),)])
                yield label
                yield self._widgets[field.name]
            yield self._mistakes.add(field.name)
            if field.name in self._choices:
                yield self._choices[field.name]

    def _build_field(self, of: EditableField) -> Field | DescriptionArea:
        name = of.name
        if of.kind is FieldKind.TEXT:
            area = DescriptionArea(self._shown[name], id=self._id_of(name), compact=True)
            area.cursor_blink = False
            # The area has line ends of one kind: where nobody typed, nothing has changed.
            self._shown[name] = area.text
            return area
        is_set = of.kind is FieldKind.SET
        field = Field(
            name,
            self._choices.get(name),
            value=self._shown[name],
            leaves=False,
            separator=", " if is_set else "",
            paste=join_pasted if is_set else join_lines,
        )
        field.id = self._id_of(name)
        return field

    def on_mount(self) -> None:
        """Put the cursor into the wanted field."""
        self.focus_field(self._first)

    def on_resize(self) -> None:
        """Keep the field with the cursor in sight."""
        self._mistakes.fit()
        self.call_after_refresh(self._show_cursor)

    def _show_cursor(self) -> None:
        if self.is_attached:
            self._widgets[self.at].scroll_visible(animate=False, immediate=True)

    def offer_tags(self, choices: Sequence[Choice], *, of: str, span: tuple[int, int]) -> None:
        """Offer tags; see `Field.offer`."""
        self._offer("tags", choices, of=of, span=span)

    def _offer(
        self, name: str, choices: Sequence[Choice], *, of: str, span: tuple[int, int]
    ) -> None:
        field = self._widgets[name]
        if isinstance(field, Field):
            field.offer(choices, of=of, span=span)

    def focus_field(self, name: str) -> None:
        """Go to a field; at the end of its text."""
        if not self.is_attached or not self.display:
            return  # closed before it was there
        widget = self._widgets[name]
        self.screen.set_focus(widget)  # at once: keys typed ahead follow
        if isinstance(widget, Field):
            widget.enter()

    @property
    def at(self) -> str:
        """The field that has the cursor, or had it last."""
        focused = self.screen.focused if self.is_attached else None
        for name in self._shown:
            if focused is not None and focused.id == self._id_of(name):
                self._first = name
        return self._first

    @property
    def mine(self) -> Fields:
        """The fields as they are now; what was not touched is as it was."""
        text = {name: self._text(name) for name in self._shown}
        touched = {name for name in self._shown if text[name] != self._shown[name]}
        rows = (row for row in self._rows if row.name in touched)
        return replace_values(
            self._start, {row.name: self._read(row, text[row.name]) for row in rows}
        )

    def _read(self, row: EditableField, text: str) -> Value:
        if row.kind is FieldKind.KEY:
            return read_key(row, text, self._start, self._schema)
        return parse_tags(text) if row.kind is FieldKind.SET else text

    @property
    def typed(self) -> bool:
        """Whether anything differs from what was shown at first."""
        return self.is_mounted and not tidy_fields(self.mine, self.base).same_as(self.base)

    def _text(self, name: str) -> str:
        widget = self._widgets[name]
        return widget.text if isinstance(widget, DescriptionArea) else widget.value

    def save(self) -> None:
        """Say that the fields are to be saved, if they can be."""
        if self.check():
            self.post_message(FieldsEntered(self.mine))

    def check(self) -> bool:
        """Tell whether the fields can be sent; mark each that can't, until it is right."""
        wrong = self._mistakes.check()
        if wrong:
            self.focus_field(wrong)
        return not wrong

    def show_mistake(self, error: InvalidField) -> bool:
        """Show what somebody else found wrong, at its field; tell whether there is that field."""
        return self._mistakes.tell(error.field, error.reason)

    def _find_mistake(self, name: str) -> str:
        text = self._text(name)
        row = field_named(name)
        is_as_shown = text == self._shown[name]
        if is_as_shown and row.value_of(self._start) == row.value_of(self.base):
            return ""  # nobody touched it
        value = row.value_of(self._start) if is_as_shown else self._read(row, text)
        return find_mistake(row, text, value, self.base, self._schema)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Keep the draft."""
        event.stop()
        self._mistakes.look_again()
        self.post_message(FieldsTyped(self.mine))

    def on_text_typed(self, event: TextTyped) -> None:
        """Keep the draft; tags are completed by the screen."""
        self._mistakes.look_again()
        if event.field != "tags":
            event.stop()
            self._offer_values(event)
        self.post_message(FieldsTyped(self.mine))

    def _offer_values(self, event: TextTyped) -> None:
        """Offer the values that the schema allows for a key."""
        row = field_named(event.field)
        if row.kind is FieldKind.KEY:
            of_schema = self._schema.find(row.part or "")
            choices, span = offer_values(of_schema, event.text, event.cursor)
            self._offer(event.field, choices, of=event.text, span=span)

    def on_field_left(self, event: FieldLeft) -> None:
        """Follow what is posted instead of a field's own messages."""
        if not event.followed:
            event.stop()
            self.post_message(FieldLeft(event.turn, followed=True))

    def on_text_entered(self, event: TextEntered) -> None:
        """Enter in a one-line field saves all of them."""
        event.stop()
        self.save()
