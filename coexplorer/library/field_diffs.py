"""What changes in an asset, before and after: fields, roles, folder, storage. Pure."""

from __future__ import annotations

import msgspec

from coexplorer.fields import FieldKind, Fields, changed_fields, field_named, find_field
from coexplorer.library.transfer_target import show_storage
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.metadata.showing import show_field
from coexplorer.sharing.roles import Roles, title_of


class FieldDiff(msgspec.Struct, frozen=True):
    """One field before and after; sets are joined by a comma and a blank.

    Attributes:
        added, removed: What was added to a set and removed from it; tells more than the two values.
    """

    field: str
    before: str
    after: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call the field; where an asset is shared, the member."""
        known = find_field(self.field)
        return title_of(self.field) if known is None else known.title

    @property
    def is_role(self) -> bool:
        """Whether it is a member's role; `before` is empty where that is not known."""
        return find_field(self.field) is None

    @property
    def is_set(self) -> bool:
        """Whether it is a set that changed."""
        return bool(self.added or self.removed)


def describe_difference(
    before: Fields, after: Fields, schema: MetadataSchema = UNKNOWN
) -> tuple[FieldDiff, ...]:
    """Name the fields that differ, with both values; `schema` says which metadata are dates."""
    diffs = []
    for name in changed_fields(before, after):
        field = field_named(name)
        if field.kind is FieldKind.SET:
            old, new = field.set_of(before), field.set_of(after)
            added = tuple(each for each in new if each not in old)
            removed = tuple(each for each in old if each not in new)
            texts = ", ".join(old), ", ".join(new)
            diffs.append(FieldDiff(name, *texts, added=added, removed=removed))
        else:
            texts = show_field(field, before, schema), show_field(field, after, schema)
            diffs.append(FieldDiff(name, *texts))
    return tuple(diffs)


def describe_roles(before: Roles, after: Roles) -> tuple[FieldDiff, ...]:
    """Name the members whose roles differ, with both roles; empty where the old one is unknown."""
    return tuple(
        FieldDiff(member, before.get(member, ""), role)
        for member, role in after.items()
        if role != before.get(member)
    )


def describe_folder(before: Roles, after: Roles) -> tuple[FieldDiff, ...]:
    """Say in which folder an asset is attached, or was; empty where that is not known."""
    old, new = (next(iter(each.values()), "") for each in (before, after))
    if after:
        return (FieldDiff("folder", "", new),) if new else ()
    return (FieldDiff("folder", old, "not attached"),) if old else ()


def describe_storage(before: Roles, after: Roles) -> tuple[FieldDiff, ...]:
    """Say where the files of an asset are, as far as that is known, and where they are to be."""
    old, new = show_storage(before, after)
    return (FieldDiff("storage", old, new),) if new else ()
