"""The table of editable fields: each row holds everything there is to say about a field. Pure.

The merge, plans, the editor's document, the forms of the app, the files of the mount, the options
of the commands and the body of a PUT all go through `FIELDS`; none of them names a field. So a new
field is a line in `Editable` and a row in `FIELDS`, both below, and code that does not know it
can't reset it: fields are copied and replaced as a whole, never built one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias, cast

import msgspec

Value: TypeAlias = str | tuple[str, ...] | None
"""What a field can hold; None: the asset has no such key."""


class Editable(msgspec.Struct, frozen=True):
    """The editable fields, as an asset, a new asset and `Fields` have them.

    Attributes:
        name: Never empty on the platform.
        description: Markdown; empty when the asset has none.
        tags: A set on the platform, which does not keep its order.
        mount: Folder under the capsule's data folder; None when the asset has no such key, which is
            then not sent either.
    """

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    mount: str | None = None


class Fields(Editable, frozen=True):
    """The editable fields alone: what an edit starts from, and what it should lead to."""

    def same_as(self, other: Fields) -> bool:
        """Tell whether the platform sees no difference: sets have no order, no value is empty."""
        return not changed_fields(self, other)


class FieldKind(StrEnum):
    """What a field holds, and with it how it is read, tidied, merged, shown and sent."""

    LINE = "line"
    """One line. Both sides changed it: a conflict."""
    TEXT = "text"
    """Markdown of many lines; otherwise like a line."""
    SET = "set"
    """Short texts without an order. What each side added or took away is merged."""


class EditableField(msgspec.Struct, frozen=True):
    """A row: one editable field.

    Attributes:
        name: Its attribute in `Editable`, and its name in plans, errors and the log.
        kind: What it holds.
        title: What people are shown.
        help: Of the option that changes it; of a set, it replaces what is there.
        new_help: Of the option that gives it to a new asset.
        file: Its file in the mount.
        wire: Its key on the wire; `name` when empty.
        one: What a member of a set is called.
        needed: It can't be empty.
        can_be_absent: An asset may be without it: it is None then, and not sent.
        as_name: A new asset has its name here, when nothing else is given.
        find_mistake: Says what is wrong with a value that is not empty, or with a member of a set;
            empty when nothing is. What holds for all values of a kind is checked without it.
    """

    name: str
    kind: FieldKind
    title: str
    help: str
    new_help: str
    file: str
    wire: str = ""
    one: str = ""
    needed: bool = False
    can_be_absent: bool = False
    as_name: bool = False
    find_mistake: Callable[[str], str] | None = None

    @property
    def key(self) -> str:
        """Its key on the wire."""
        return self.wire or self.name

    @property
    def option(self) -> str:
        """The name of its option in commands."""
        return f"--{self.name.replace('_', '-')}"

    def value_of(self, fields: Editable) -> Value:
        """Return its value."""
        return cast("Value", getattr(fields, self.name))

    def text_of(self, fields: Editable) -> str:
        """Return the value of a line or text; an absent one is empty."""
        value = self.value_of(fields)
        return value if isinstance(value, str) else ""

    def set_of(self, fields: Editable) -> tuple[str, ...]:
        """Return the members of a set."""
        value = self.value_of(fields)
        return value if isinstance(value, tuple) else ()


def _find_mount_mistake(mount: str) -> str:
    if mount.startswith("/"):
        return f"expected a folder name without a leading /: {quote_value(mount)}"
    if any(part.strip() in ("", ".", "..") for part in mount.split("/")):
        return f"expected a relative folder name: {quote_value(mount)}"
    return ""


def quote_value(text: str, limit: int = 40) -> str:
    """Return a value as a message shows it: quoted, and not too long."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


FIELDS: Final = (
    EditableField(
        name="name",
        kind=FieldKind.LINE,
        title="name",
        help="The new name.",
        new_help="",
        file="name",
        needed=True,
    ),
    EditableField(
        name="description",
        kind=FieldKind.TEXT,
        title="description",
        help="The new description (Markdown).",
        new_help="Markdown.",
        file="description.md",
    ),
    EditableField(
        name="tags",
        kind=FieldKind.SET,
        title="tags",
        help="Replace all tags by these.",
        new_help="A tag; give it again for more.",
        file="tags",
        one="tag",
    ),
    EditableField(
        name="mount",
        kind=FieldKind.LINE,
        title="mount",
        help="The new mount folder.",
        new_help="Folder inside the capsule's /data (default: the asset's name).",
        file="mount",
        can_be_absent=True,
        as_name=True,
        find_mistake=_find_mount_mistake,
    ),
)
"""What the platform lets people change (manual, PUT), in the order in which it is shown."""

FIELD_BY_NAME: Final = {field.name: field for field in FIELDS}
EDITABLE: Final = tuple(FIELD_BY_NAME)
"""Names of the editable fields."""

SETS_LAST: Final = tuple(sorted(FIELDS, key=lambda field: field.kind is FieldKind.SET))
"""The table with what is one value first: the order of options and of the form for a new asset."""


def fields_of(whole: Editable) -> Fields:
    """Return the editable fields of an asset, or of a new one, without the rest."""
    return Fields(**{name: getattr(whole, name) for name in EDITABLE})


def build_new_fields(name: str, values: Mapping[str, Value]) -> Fields:
    """Return the fields of a new asset; what is not given is as the platform would have it.

    Args:
        name: The asset's name.
        values: Values of other fields, by name; None: not given.
    """
    given: dict[str, Value] = {field.name: name for field in FIELDS if field.as_name}
    given |= {key: value for key, value in values.items() if value is not None}
    return replace_values(Fields(name), given)


def replace_values(fields: Fields, values: Mapping[str, Value]) -> Fields:
    """Return `fields` with other values of the fields that are named."""
    return msgspec.structs.replace(fields, **values)


def same_value(one: Editable, other: Editable, name: str) -> bool:
    """Tell whether a field is the same to the platform: sets have no order, no value is empty."""
    ours, theirs = getattr(one, name), getattr(other, name)
    if ours == theirs:
        return True
    return set(ours) == set(theirs) if isinstance(ours, tuple) else not ours and not theirs


def changed_fields(old: Editable, new: Editable) -> tuple[str, ...]:
    """Name the fields that the platform would see as different, in the order of `FIELDS`."""
    if old == new:  # nearly always, and far faster than looking at each
        return ()
    return tuple(name for name in EDITABLE if not same_value(old, new, name))


def with_fields_of(target: Fields, source: Fields, names: Iterable[str]) -> Fields:
    """Return `target` with the fields `names` taken from `source`."""
    return replace_values(target, {name: getattr(source, name) for name in names})
