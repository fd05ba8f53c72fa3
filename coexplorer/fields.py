"""The table of editable fields: each row holds everything there is to say about a field. Pure.

The merge, plans, the editor's document, the forms of the app, the files of the mount, the options
of the commands and the body of a PUT all go through `FIELDS`; none of them names a field. So a new
field is a line in `Editable` and a row in `FIELDS`, both below, and code that does not know it
can't reset it: fields are copied and replaced as a whole, never built one by one.

A map has a row of its own for each of its keys (`spread_fields`): for who merges, compares, undoes
or tells a change, each key is a field like the others, named ``metadata.age``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias, cast

import msgspec

Map: TypeAlias = dict[str, object]
"""Keys with any JSON; never changed in place."""

Value: TypeAlias = str | tuple[str, ...] | Map | None
"""What a field can hold; None: the asset has no such key. Of a key in a map, it is JSON text."""

UNREAD: Final = "\0text"
"""A key whose value is a text that could not be read as its map; it is kept, and never sent."""


class Editable(msgspec.Struct, frozen=True):
    """The editable fields, as an asset, a new asset and `Fields` have them.

    Attributes:
        name: Never empty on the platform.
        description: Markdown; empty when the asset has none.
        tags: A set on the platform, which does not keep its order.
        mount: Folder under the capsule's data folder; None when the asset has no such key, which is
            then not sent either.
        metadata: Custom metadata: keys of the deployment's schema, dates as epoch seconds. None
            when the asset has no such key.
    """

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    mount: str | None = None
    metadata: Map | None = None

    def __hash__(self) -> int:
        """Hash what is nearly always enough to tell two apart: a map has no hash."""
        return hash((self.name, self.description, self.tags))


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
    MAP = "map"
    """Keys with values of any kind. Each key is merged by itself, like a line."""
    KEY = "key"
    """One key of a map; no row of the table, but made from one. Its value is JSON text."""


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
        older: Other keys that it has had on the wire.
        only_changed: It is sent only where it is changed: platforms keep what they are not sent.
        part: The key, where this is a row of one key of a map; `name` begins with the map's.
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
    older: tuple[str, ...] = ()
    only_changed: bool = False
    part: str | None = None
    find_mistake: Callable[[str], str] | None = None

    @property
    def key(self) -> str:
        """Its key on the wire."""
        return self.wire or self.name

    @property
    def option(self) -> str:
        """The name of its option in commands."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def told(self) -> str:
        """What it is called in a sentence: a key stands in quotes, as it can be any text."""
        return self.title if self.part in (None, UNREAD) else quote_value(self.title)

    def value_of(self, fields: Editable) -> Value:
        """Return its value."""
        if self.part is None:
            return cast("Value", getattr(fields, self.name))
        held = _map_of(fields, self.name[: -len(self.part) - 1])
        return _encode(held[self.part]) if self.part in held else None

    def map_of(self, fields: Editable) -> Map:
        """Return the keys of a map; an absent one has none."""
        value = self.value_of(fields)
        return value if isinstance(value, dict) else {}

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
    EditableField(
        name="metadata",
        kind=FieldKind.MAP,
        title="metadata",
        help="Set a key of the custom metadata, as KEY=VALUE; give it again for more.",
        new_help="A key of the custom metadata, as KEY=VALUE; give it again for more.",
        file="metadata.toml",
        wire="custom_metadata",
        older=("customMetadata",),
        can_be_absent=True,
        only_changed=True,
    ),
)
"""What the platform lets people change (manual, PUT), in the order in which it is shown."""

FIELD_BY_NAME: Final = {field.name: field for field in FIELDS}
EDITABLE: Final = tuple(FIELD_BY_NAME)
"""Names of the editable fields."""

MAPS: Final = tuple(field for field in FIELDS if field.kind is FieldKind.MAP)
"""The maps, whose keys are fields of their own."""

PLAIN: Final = tuple(field for field in FIELDS if field.kind is not FieldKind.MAP)
"""The table without the maps."""

SETS_LAST: Final = tuple(sorted(PLAIN, key=lambda field: field.kind is FieldKind.SET))
"""The table with what is one value first: the order of options and of the form for a new asset."""


def find_field(name: str) -> EditableField | None:
    """Return the row of a field, or of a key of a map (``metadata.age``); None: there is none."""
    if name in FIELD_BY_NAME:
        return FIELD_BY_NAME[name]
    of, dot, key = name.partition(".")
    field = FIELD_BY_NAME.get(of)
    return key_field(field, key) if dot and field and field.kind is FieldKind.MAP else None


def field_named(name: str) -> EditableField:
    """Return the row of a field, or of a key of a map.

    Raises:
        KeyError: There is none.
    """
    field = find_field(name)
    if field is None:
        raise KeyError(name)
    return field


def key_field(field: EditableField, key: str) -> EditableField:
    """Return the row of one key of a map."""
    return msgspec.structs.replace(
        field,
        name=f"{field.name}.{key}",
        kind=FieldKind.KEY,
        title=field.title if key == UNREAD else key,  # a text of the whole map
        part=key,
        wire=field.key,
        can_be_absent=True,
    )


def tell_fields(names: Iterable[str]) -> str:
    """Name fields in a sentence: ``name and 'subject id'``."""
    rows = ((name, find_field(name)) for name in names)
    return " and ".join(field.told if field else name for name, field in rows)


def spread_fields(*sides: Editable) -> tuple[EditableField, ...]:
    """Return the table, with a row for each key that a side has instead of each map."""
    rows: list[EditableField] = []
    for field in FIELDS:
        if field.kind is not FieldKind.MAP:
            rows.append(field)
            continue
        keys = dict.fromkeys(key for side in sides for key in field.map_of(side))
        rows += (key_field(field, key) for key in keys)
    return tuple(rows)


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
    """Return `fields` with other values of the fields, or keys of maps, that are named.

    The value of a key is JSON text; None takes the key away.
    """
    whole = {name: value for name, value in values.items() if name in FIELD_BY_NAME}
    if len(whole) == len(values):
        return msgspec.structs.replace(fields, **whole)
    changed = msgspec.structs.replace(fields, **whole)
    for field in MAPS:
        begin = f"{field.name}."
        parts = {
            name[len(begin) :]: value for name, value in values.items() if name.startswith(begin)
        }
        if not parts:
            continue
        held = field.map_of(changed)
        kept = {key: value for key, value in held.items() if parts.get(key, "") is not None}
        new = {key: _decode(text) for key, text in parts.items() if isinstance(text, str)}
        if new or len(kept) < len(held):
            changed = msgspec.structs.replace(changed, **{field.name: kept | new})
    return changed


def keep_unsaid(fields: Fields, before: Fields) -> Fields:
    """Return `fields` with the maps that it does not say as they were: none is taken away whole."""
    unsaid = [field for field in MAPS if field.value_of(fields) is None]
    return replace_values(fields, {field.name: field.value_of(before) for field in unsaid})


def same_value(one: Editable, other: Editable, name: str) -> bool:
    """Tell whether a field is the same to the platform: sets have no order, no value is empty."""
    if name not in FIELD_BY_NAME:
        field = field_named(name)
        return field.value_of(one) == field.value_of(other)
    ours, theirs = getattr(one, name), getattr(other, name)
    if isinstance(ours, dict) or isinstance(theirs, dict):
        return _is_same_map(ours, theirs)
    if ours == theirs:
        return True
    return set(ours) == set(theirs) if isinstance(ours, tuple) else not ours and not theirs


def changed_fields(old: Editable, new: Editable) -> tuple[str, ...]:
    """Name the fields that the platform would see as different, in the order of `FIELDS`.

    Of a map, the keys are named that differ.
    """
    same_maps = all(same_value(old, new, field.name) for field in MAPS)
    if same_maps and old == new:  # nearly always, and far faster than looking at each
        return ()
    return tuple(
        field.name
        for field in (spread_fields(old, new) if not same_maps else FIELDS)
        if not same_value(old, new, field.name)
    )


def changed_rows(old: Editable, new: Editable) -> tuple[str, ...]:
    """Name the rows of the table that `changed_fields` names, or names keys of."""
    names = changed_fields(old, new)
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def with_fields_of(target: Fields, source: Fields, names: Iterable[str]) -> Fields:
    """Return `target` with the fields `names` taken from `source`."""
    return replace_values(target, {name: field_named(name).value_of(source) for name in names})


def _map_of(fields: Editable, name: str) -> Map:
    held = getattr(fields, name)
    return held if isinstance(held, dict) else {}


def _is_same_map(one: Map | None, other: Map | None) -> bool:
    return one is other or (not one and not other) or is_same_json(one, other)


def is_same_json(one: object, other: object) -> bool:
    """Compare as JSON does, where true is not 1, and 1 is not 1.0; the order of keys is nothing."""
    return one == other and _sorted_json(one) == _sorted_json(other)


def _sorted_json(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _encode(value: object) -> str:
    return _sorted_json(value).decode()


def _decode(text: str) -> object:
    return cast("object", msgspec.json.decode(text))
