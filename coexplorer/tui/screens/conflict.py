"""A conflict: the common base, theirs and mine side by side, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import TextArea

from coexplorer.errors import EditConflict
from coexplorer.fields import (
    EditableField,
    FieldKind,
    Fields,
    Value,
    field_named,
    replace_values,
    tell_fields,
)
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.text import clean, clean_lines, fit, width
from coexplorer.tui.columns import Line, Role, cut_middle, wrap
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.keys import key_of
from coexplorer.tui.messages import TextAbandoned, TextEntered, TextTyped
from coexplorer.tui.metadata_text import read_key, show_key
from coexplorer.tui.screens.base import HERE, CommandScreen
from coexplorer.tui.tag_text import format_tags, join_pasted, parse_tags
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.picker import Picker
from coexplorer.written import join_lines

if TYPE_CHECKING:
    from coexplorer.tui.widgets.field import Field
    from coexplorer.tui.widgets.fields import DescriptionArea

BESIDE_CELLS = 90
"""Width from which the three versions stand beside each other."""
Keep: TypeAlias = Callable[[str, Mapping[str, Value]], None]
"""Takes the field that is being written, and the third versions as they are by now."""
WRITING = ("conflict.save", "screen.close")
"""Commands whose keys are no text."""
NOTHING = "—"
MOST_LINES = 40
RULE_CELLS = 6
"""What a title has around it."""
LEAST_NAME = 12
"""Cells of the asset's name that are shown in any case."""


class ConflictScreen(CommandScreen[dict[str, Value] | None]):
    """Gives the chosen value of every field in conflict, or None; then `written` is to be kept.

    Args:
        name: The asset's.
        conflict: What is to be decided.
        keep: Keeps what is being written as it is typed.
        schema: Says how custom metadata are shown and read.
    """

    scope: ClassVar[Scope] = Scope.CONFLICT
    tells_keys: ClassVar[bool] = True
    keeps_clear: ClassVar[str] = "#fields-in-conflict, #merge"
    DEFAULT_CSS = """
    ConflictScreen #fields-in-conflict { height: auto; max-height: 4; }
    ConflictScreen #versions { height: 1fr; }
    ConflictScreen #merge { height: auto; max-height: 10; }
    """

    def __init__(
        self, name: str, conflict: EditConflict, keep: Keep, schema: MetadataSchema = UNKNOWN
    ) -> None:
        super().__init__()
        self._schema = schema
        self._asset_name = name
        self._conflict = conflict
        self._keep = keep
        self._chosen: dict[str, Value] = {}
        self._written: dict[str, str] = {}
        self._opened = ""
        self._editor: Field | DescriptionArea | None = None
        self._rule = Rule()
        self._fields = Picker(id="fields-in-conflict")
        self._versions = Lines(id="versions")
        self._merge = Vertical(id="merge")
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """The fields, the versions of one of them, a place to write a third, the keys."""
        yield self._rule
        yield self._fields
        yield self._versions
        yield self._merge
        yield self._footer

    def on_mount(self) -> None:
        """Take the focus."""
        self.set_focus(self._fields)
        self._show_keys()

    def _show_keys(self) -> None:
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def iter_footer(self) -> list[Command]:
        """Offer the keys that work: most of them are text while a third version is written."""
        commands = super().iter_footer()
        if self._editor is None:
            return commands
        return [command for command in commands if command.id in WRITING]

    @property
    def written(self) -> dict[str, Value]:
        """The third versions that were typed, finished or not."""
        return {name: self._read(name, text) for name, text in self._written.items()}

    def on_resize(self) -> None:
        """Fit to the width."""
        self._show()

    @property
    def _field(self) -> str:
        return self._conflict.fields[self._fields.at]

    def _show(self) -> None:
        # A long name is cut, never who changed it.
        room = self.app.size.width - RULE_CELLS - width(self._conflict.tell(""))
        told = self._conflict.tell(cut_middle(clean(self._asset_name), max(room, LEAST_NAME)))
        self._rule.show_title(f"{told[0].upper()}{told[1:]}")
        # The current one is told by a sign, too: color alone is not seen by everybody.
        self._fields.show(
            [
                (("▸ " if name == self._field else "  ", Role.LABEL), *self._field_line(name))
                for name in self._conflict.fields
            ]
        )
        self._versions.show(
            build_versions(self._conflict, self._field, self.app.size.width, self._schema)
        )

    def _field_line(self, name: str) -> Line:
        title = field_named(name).title
        keys = [key_of(f"conflict.{each}") for each in ("theirs", "mine", "edit")]
        if name not in self._chosen and name in self._written:
            third = f"{keys[2]} goes on with the third"
            text = f"{title}: not chosen yet ({keys[0]} theirs, {keys[1]} mine, {third})"
            return ((text, Role.WARN),)
        if name not in self._chosen:
            return (
                (
                    f"{title}: not chosen ({keys[0]} theirs, {keys[1]} mine, {keys[2]} a third)",
                    Role.WARN,
                ),
            )
        value = self._chosen[name]
        if value == field_named(name).value_of(self._conflict.theirs):
            return ((f"{title}: theirs", Role.GOOD),)
        if value == field_named(name).value_of(self._conflict.mine):
            return ((f"{title}: mine", Role.GOOD),)
        return (
            (f"{title}: {clean(show_version(field_named(name), value, self._schema))}", Role.GOOD),
        )

    def on_picker_moved(self) -> None:
        """Show the versions of the field under the cursor."""
        self._show()

    def _choose(self, value: Value) -> None:
        self._chosen[self._field] = value
        self.coexplorer.settle(HERE)
        self._show()
        names = self._conflict.fields
        open_ones = [index for index, name in enumerate(names) if name not in self._chosen]
        if open_ones:
            self._fields.move_to(open_ones[0])
        self._show()

    def do_conflict_theirs(self) -> None:
        """Take theirs."""
        self._choose(field_named(self._field).value_of(self._conflict.theirs))

    def do_conflict_mine(self) -> None:
        """Take mine."""
        self._choose(field_named(self._field).value_of(self._conflict.mine))

    async def do_conflict_edit(self) -> None:
        """Write a third version, starting from mine."""
        from coexplorer.tui.widgets.field import Field  # noqa: PLC0415  seldom needed
        from coexplorer.tui.widgets.fields import DescriptionArea  # noqa: PLC0415  seldom needed

        await self._drop_editor()
        value = self._chosen.get(
            self._field, field_named(self._field).value_of(self._conflict.mine)
        )
        # What was written and left is there again.
        text = self._written.get(
            self._field, show_version(field_named(self._field), value, self._schema)
        )
        kind = field_named(self._field).kind
        if kind is FieldKind.TEXT:
            self._editor = area = DescriptionArea(text, compact=True)
            area.move_cursor(area.document.end)
        else:
            paste = join_pasted if kind is FieldKind.SET else join_lines
            self._editor = Field("merge", value=text, paste=paste)
        self._opened = self._text_of(self._editor)  # an area has line ends of one kind
        await self._merge.mount(self._editor)
        self.set_focus(self._editor)
        self._show_keys()

    async def _drop_editor(self) -> None:
        editor, self._editor = self._editor, None
        if editor is not None:
            await editor.remove()
        self.set_focus(self._fields)
        self._show_keys()

    def _note_typed(self) -> None:
        """Keep what is being written, once it differs from what it began with."""
        if self._editor is None:
            return
        text, name = self._text_of(self._editor), self._field
        if name in self._written or text != self._opened:
            self._written[name] = text
            self._keep(name, self.written)

    async def _leave_editor(self) -> None:
        self._note_typed()
        await self._drop_editor()
        self._show()

    @staticmethod
    def _text_of(editor: Field | DescriptionArea) -> str:
        text = getattr(editor, "text", None)
        return text if isinstance(text, str) else editor.value  # type: ignore[union-attr]  # the other one

    async def on_text_entered(self, event: TextEntered) -> None:
        """Take the third version of a one-line field."""
        event.stop()
        await self._take_written()

    async def _take_written(self) -> None:
        self._note_typed()
        await self._drop_editor()
        name = self._field
        mine = self._chosen.get(name, field_named(name).value_of(self._conflict.mine))
        self._choose(self.written.get(name, mine))

    def _read(self, name: str, text: str) -> Value:
        row = field_named(name)
        kind = row.kind
        if kind is FieldKind.KEY:
            return read_key(row, text, self._conflict.mine, self._schema)
        if kind is FieldKind.SET:
            return parse_tags(text)
        return text if kind is FieldKind.TEXT else text.strip()

    async def on_text_abandoned(self, event: TextAbandoned) -> None:
        """Leave the third version; it is kept for the next time."""
        event.stop()
        await self._leave_editor()

    def on_text_typed(self, event: TextTyped) -> None:
        """Keep what is typed."""
        event.stop()
        self._note_typed()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Keep what is typed."""
        event.stop()
        self._note_typed()

    async def do_conflict_save(self) -> None:
        """Save, when every field is chosen; in a description, take the third version first."""
        if self._editor is not None:
            await self._take_written()
            return
        missing = [name for name in self._conflict.fields if name not in self._chosen]
        if missing:
            self.say(f"choose for the {tell_fields(missing)} first", severity="warning", about=HERE)
        else:
            self.dismiss(self._chosen)

    async def do_screen_close(self) -> None:
        """Leave a field, or the conflict: the text is kept as unsent."""
        if self._editor is not None:
            await self._leave_editor()
        else:
            self.dismiss(None)


def show_version(row: EditableField, value: Value, schema: MetadataSchema) -> str:
    """Return a field's value as it is edited."""
    if row.kind is FieldKind.KEY:
        fields = replace_values(Fields(""), {row.name: value})
        return show_key(row, fields, schema)
    return format_tags(value) if isinstance(value, tuple) else str(value or "")


def build_versions(
    conflict: EditConflict, field: str, cells: int, schema: MetadataSchema = UNKNOWN
) -> list[Line]:
    """Return the three versions of a field, beside each other where there is room."""
    row = field_named(field)
    versions = [
        ("before", row.value_of(conflict.base), Role.DIM),
        ("theirs", row.value_of(conflict.theirs), Role.WARN),
        ("mine", row.value_of(conflict.mine), Role.ACCENT),
    ]
    if cells < BESIDE_CELLS:
        lines: list[Line] = []
        for title, value, role in versions:
            lines.append(((title, Role.LABEL),))
            shown = clean_lines(show_version(row, value, schema) or NOTHING)[:MOST_LINES]
            lines += [((f"  {part}", role),) for text in shown for part in wrap(text, cells - 2)]
        return lines
    third = (cells - 4) // 3
    columns = [
        [
            part
            for text in clean_lines(show_version(row, value, schema) or NOTHING)[:MOST_LINES]
            for part in wrap(text, third)
        ]
        for _, value, _ in versions
    ]
    head: Line = tuple((fit(title, third) + "  ", Role.LABEL) for title, _, _ in versions)
    lines = [head]
    for index in range(max(map(len, columns))):
        lines.append(
            tuple(
                (fit(column[index] if index < len(column) else "", third) + "  ", role)
                for column, (_, _, role) in zip(columns, versions, strict=True)
            )
        )
    return lines
