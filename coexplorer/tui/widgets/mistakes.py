"""What is wrong with a form's fields: each mistake stands below its field until it is mended."""

from __future__ import annotations

from collections.abc import Callable

from coexplorer.errors import InvalidField
from coexplorer.fields import EditableField, FieldKind, Fields, Value, replace_values
from coexplorer.lenient_json import decode_json
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.metadata.reading import MetadataMistake, read_value
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.text import clean
from coexplorer.tui.columns import Role, wrap
from coexplorer.tui.widgets.lines import Lines


class Mistakes:
    """The lines below fields that say what is wrong with them.

    Args:
        find: Says what is wrong with the field of this name; empty: nothing.
        text_of: Returns the text of the field of this name.
        indent: Cells before the fields.
    """

    def __init__(
        self, find: Callable[[str], str], text_of: Callable[[str], str], *, indent: int
    ) -> None:
        self._find = find
        self._text_of = text_of
        self._indent = indent
        self._lines: dict[str, Lines] = {}
        self._reasons: dict[str, str] = {}
        self._told: dict[str, str] = {}

    def add(self, name: str) -> Lines:
        """Return the lines of another field, to be put below it."""
        lines = self._lines[name] = Lines()
        lines.add_class("wrong")
        lines.display = False
        return lines

    def check(self) -> str:
        """Show what is wrong with the fields; return the first that is wrong, empty: none is.

        What somebody else had found is theirs to find again.
        """
        self._told.clear()
        for name in self._lines:
            self._mark(name, self._find(name))
        wrong = next(iter(self._shown()), "")
        self._show_lines_of(wrong)
        return wrong

    def tell(self, name: str, reason: str) -> bool:
        """Show what somebody else found, until the text is another one; tell whether it can be."""
        if name not in self._lines:
            return False
        self._told[name] = self._text_of(name)
        self._mark(name, reason)
        self._show_lines_of(name)
        return True

    def look_again(self) -> None:
        """Look which of the mistakes that are shown are mended, as a field was changed."""
        for name in self._shown():
            if name not in self._told or self._told[name] != self._text_of(name):
                self._told.pop(name, None)
                self._mark(name, self._find(name))

    def fit(self) -> None:
        """Fit to the width."""
        for name in self._shown():
            self._mark(name, self._reasons[name])

    def _shown(self) -> list[str]:
        return [name for name, reason in self._reasons.items() if reason]

    def _mark(self, name: str, reason: str) -> None:
        self._reasons[name] = reason
        lines = self._lines[name]
        lines.display = bool(reason)
        if reason:
            cells = max(1, lines.app.size.width - self._indent - 2)
            parts = wrap(clean(reason), cells)
            lines.show([((f"{' ' * self._indent}{part}", Role.BAD),) for part in parts])
            lines.styles.height = len(parts)

    def _show_lines_of(self, name: str) -> None:
        if name:
            lines = self._lines[name]
            # Behind the field, which got the focus: so it is in sight, too.
            lines.call_after_refresh(lines.scroll_visible, animate=False, immediate=True)


def find_mistake(
    row: EditableField, text: str, value: Value, base: Fields, schema: MetadataSchema
) -> str:
    """Return what is wrong with what was typed into a field; empty: nothing (pure).

    Args:
        row: The field, or the key of custom metadata.
        text: What was typed.
        value: What that was read as.
        base: The fields as they were shown.
        schema: The deployment's custom metadata.
    """
    if row.kind is FieldKind.KEY and text.strip():
        of_schema = schema.find(row.part or "")
        before = decode_json((row.text_of(base) or "null").encode())
        try:
            if of_schema is not None:
                read_value(of_schema, text, before)
        except MetadataMistake as mistake:
            return f"it {mistake}"
    mine = tidy_fields(replace_values(base, {row.name: value}), base)
    try:
        check_fields(mine, only=(row.name,), known=(base,), schema=schema)
    except InvalidField as error:
        return error.reason
    return ""
