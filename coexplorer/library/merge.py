"""Three-way merge of the editable fields (design: catalog-and-edits.md, Changing an asset).

Pure. The platform has no versions, so the client compares: what the editor was shown (base), what
they want (mine), and what the platform has now (theirs).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from coexplorer.fields import (
    FieldKind,
    Fields,
    Value,
    changed_fields,
    field_named,
    replace_values,
    same_value,
    spread_fields,
)


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

    Each key of a map is a field of its own.

    Args:
        base: What was known.
        mine: What is wanted.
        theirs: What the platform has now.
        asked: Fields that must be as in `mine` even if they seemed to need no change: if somebody
            changed one since, that is a conflict.
    """
    values: dict[str, Value] = {}
    conflicts: list[str] = []
    for field in spread_fields(base, mine):
        if field.value_of(base) == field.value_of(mine):
            if field.name in asked and not same_value(mine, theirs, field.name):
                conflicts.append(field.name)
            continue
        if field.kind is FieldKind.SET:
            values[field.name] = merge_tags(*(field.set_of(side) for side in (base, mine, theirs)))
            continue
        if same_value(mine, base, field.name) or same_value(mine, theirs, field.name):
            continue
        if same_value(base, theirs, field.name):
            is_key = field.kind is FieldKind.KEY
            values[field.name] = field.value_of(mine) if is_key else field.text_of(mine)
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
        field = field_named(name)
        if same_value(done, theirs, name):
            values[name] = field.value_of(earlier)
        elif field.kind is FieldKind.SET:
            values[name] = merge_tags(*(field.set_of(side) for side in (done, earlier, theirs)))
        elif not same_value(earlier, theirs, name):
            left_alone.append(name)
    restored = replace_values(theirs, values)
    return Merged(restored, tuple(left_alone), changed_fields(theirs, restored))


def merge_tags(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> tuple[str, ...]:
    """Apply my additions and removals to theirs; order is theirs, then mine."""
    removed = set(base) - set(mine)
    added = (tag for tag in mine if tag not in base)
    return unique([*(tag for tag in theirs if tag not in removed), *added])


def unique(tags: Iterable[str]) -> tuple[str, ...]:
    """Drop repeated tags; the first of each stays in its place."""
    return tuple(dict.fromkeys(tags))
