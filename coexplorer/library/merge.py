"""Three-way merge of the editable fields (design: catalog-and-edits.md, Changing an asset).

Pure. The platform has no versions, so the client compares: what the editor was shown (base), what
they want (mine), and what the platform has now (theirs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from coexplorer.fields import (
    FIELD_BY_NAME,
    FIELDS,
    FieldKind,
    Fields,
    Value,
    changed_fields,
    replace_values,
    same_value,
)
from coexplorer.models import MetadataValue


class Merged(msgspec.Struct, frozen=True):
    """What a merge came to.

    Attributes:
        fields: What the platform should have. A field in `conflicts` holds theirs.
        conflicts: Names of the fields that both sides changed, each in its own way.
        changed: Names of the fields in which `fields` differs from theirs: what a write would do.
    """

    fields: Fields
    conflicts: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def rebase_text(base: Fields, mine: Fields, now: Fields) -> tuple[Fields, Fields]:
    """Return a text that is taken up again, and what to compare it with, as things are now.

    Args:
        base: What its author had been shown.
        mine: What they wanted.
        now: What is known of the asset now.

    Returns:
        `now` and the text on top of it; `base` and `mine` where somebody changed the same field.
    """
    merged = merge_fields(base, mine, now)
    return (base, mine) if merged.conflicts else (now, merged.fields)


def merge_fields(base: Fields, mine: Fields, theirs: Fields, asked: Sequence[str] = ()) -> Merged:
    """Apply what changed from `base` to `mine` to `theirs`, field by field; sets merge as sets.

    Args:
        base: What was known.
        mine: What is wanted.
        theirs: What the platform has now.
        asked: Fields that must be as in `mine` even if they seemed to need no change: if somebody
            changed one since, that is a conflict.
    """
    values: dict[str, Value] = {}
    conflicts: list[str] = []
    for field in FIELDS:
        if field.value_of(base) == field.value_of(mine):
            if field.name in asked and not same_value(mine, theirs, field.name):
                conflicts.append(field.name)
            continue
        if field.kind is FieldKind.SET:
            values[field.name] = merge_tags(*(field.set_of(side) for side in (base, mine, theirs)))
            continue
        old, new, now = (field.text_of(side) for side in (base, mine, theirs))
        if new in (old, now):
            continue
        if old == now:
            values[field.name] = new
        else:
            conflicts.append(field.name)
    merged = replace_values(theirs, values)
    return Merged(merged, tuple(conflicts), changed_fields(theirs, merged))


def merge_reversal(done: Fields, earlier: Fields, theirs: Fields) -> Merged:
    """Take a change back: from `done` to `earlier`, but no text that somebody changed since.

    Sets are taken back tag by tag: what was added goes, what was removed comes back, and what
    others did with other tags stays.

    Returns:
        The result, whose `conflicts` are the fields that were left alone.
    """
    values: dict[str, Value] = {}
    left_alone = []
    for name in changed_fields(done, earlier):
        field = FIELD_BY_NAME[name]
        if same_value(done, theirs, name):
            values[name] = field.value_of(earlier)
        elif field.kind is FieldKind.SET:
            values[name] = merge_tags(*(field.set_of(side) for side in (done, earlier, theirs)))
        elif not same_value(earlier, theirs, name):
            left_alone.append(name)
    restored = replace_values(theirs, values)
    return Merged(restored, tuple(left_alone), changed_fields(theirs, restored))


def merge_metadata(
    base: Mapping[str, MetadataValue],
    mine: Mapping[str, MetadataValue],
    theirs: Mapping[str, MetadataValue],
) -> tuple[dict[str, MetadataValue], tuple[str, ...]]:
    """Merge custom metadata key by key, as `merge_fields` does fields.

    Returns:
        What the platform should have, and the keys that both sides changed (they hold theirs).
    """
    merged = dict(theirs)
    conflicts = []
    for key in dict.fromkeys([*base, *mine]):
        old, new, now = base.get(key), mine.get(key), theirs.get(key)
        if new in (old, now):
            continue
        if old != now:
            conflicts.append(key)
        elif key in mine:
            merged[key] = new
        else:
            merged.pop(key, None)
    return merged, tuple(conflicts)


def merge_tags(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> tuple[str, ...]:
    """Apply my additions and removals to theirs; order is theirs, then mine."""
    removed = set(base) - set(mine)
    added = (tag for tag in mine if tag not in base)
    return unique([*(tag for tag in theirs if tag not in removed), *added])


def unique(tags: Iterable[str]) -> tuple[str, ...]:
    """Drop repeated tags; the first of each stays in its place."""
    return tuple(dict.fromkeys(tags))
