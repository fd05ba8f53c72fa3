"""Which of two changes of an asset has the last word, if the earlier one was not sent. Pure.

Each change touches parts of its asset: a text field, one tag, one key of custom metadata, whether
it is archived, whether it is attached to one capsule. An earlier change that still waits must no
longer write what a later one touches, whichever is sent first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

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
from coexplorer.library.entries import ARCHIVING, ATTACHING, Action, Cause, Entry, EntryDraft, State
from coexplorer.library.merge import unique

Part: TypeAlias = tuple[str, str]
"""A field, or what stands for one, and what of it: a tag; empty for all of a text or key."""

ALL = "\n"
"""All of a set, whatever is in it; no tag can be a line break."""

_ARCHIVED = "archived"
_SHARING = "sharing"
_ATTACHED = "attached"
_STORAGE = "storage"

Changing = TypeVar("Changing", EntryDraft, Entry)


def parts_of(change: EntryDraft | Entry) -> frozenset[Part]:
    """Return what a change touches: what it changes, and what it was asked to leave as it is."""
    if change.action in ARCHIVING:
        return frozenset({(_ARCHIVED, "")})
    parts: set[Part] = set()
    if change.base is not None and change.mine is not None and change.action is Action.EDIT:
        for field in spread_fields(change.base, change.mine):
            if field.kind is FieldKind.SET:
                differing = set(field.set_of(change.base)) ^ set(field.set_of(change.mine))
                parts |= {(field.name, each) for each in differing}
            elif not same_value(change.base, change.mine, field.name):
                parts.add((field.name, ""))
            if field.name in change.asked:
                parts.add((field.name, ALL if field.kind is FieldKind.SET else ""))
    if change.action in (Action.SHARE, *ATTACHING):
        kind = _SHARING if change.action is Action.SHARE else _ATTACHED
        before, after = change.roles_before, change.roles
        keys = dict.fromkeys([*before, *after])
        parts |= {(kind, key) for key in keys if before.get(key) != after.get(key)}
    if change.action is Action.TRANSFER:
        parts.add((_STORAGE, ""))
    return frozenset(parts)


def overrides(later: EntryDraft | Entry, earlier: Entry) -> frozenset[Part]:
    """Return the parts in which a later change has the last word.

    An undo of something older than `earlier` takes back no text that `earlier` sets otherwise: it
    would find that text on the platform, had it been sent, and leave it alone. What it has written
    it has found as it wanted it.
    """
    ours = parts_of(later)
    if later.reverses is None or later.reverses > earlier.id:
        return ours
    if later.cause is Cause.GIVEN_UP:
        return frozenset()  # it ends a word, and says nothing against later ones
    found = later.shown or later.base
    if found is None or earlier.base is None or earlier.mine is None:
        return ours
    touched = parts_of(earlier)
    held = {
        (field.name, "")
        for field in spread_fields(earlier.mine, found)
        if field.kind is not FieldKind.SET
        and (field.name, "") in touched
        and not same_value(earlier.mine, found, field.name)
    }
    return ours - (held - _written_by(later))


def _written_by(change: EntryDraft | Entry) -> set[Part]:
    """Return the fields that a change has written."""
    if isinstance(change, EntryDraft) or change.state is not State.APPLIED:
        return set()
    if change.before is None or change.after is None:
        return set()
    return {(name, "") for name in changed_fields(change.before, change.after)}


def takes_place_of(later: EntryDraft | Entry, earlier: Entry) -> bool:
    """Tell whether nothing of `earlier` is left to send once `later` is wanted."""
    touched, ours = parts_of(earlier), overrides(later, earlier)
    return bool(touched) and all(_is_among(part, ours) for part in touched)


def held_texts(reversal: Entry, waiting: Iterable[Entry], theirs: Fields) -> dict[str, Entry]:
    """Return the texts that an undo leaves alone, as later changes that wait set them otherwise.

    Args:
        reversal: The undo or redo.
        waiting: Changes of the same asset that were not sent, oldest first.
        theirs: What the platform has now.

    Returns:
        The newest such change of each field.
    """
    held: dict[str, Entry] = {}
    if reversal.reverses is None:
        return held
    ours = parts_of(reversal)
    for entry in waiting:
        if reversal.reverses < entry.id < reversal.id:
            left = (ours - overrides(reversal, entry)) & parts_of(entry)
            held |= {name: entry for name, _ in left if _would_set(entry, name, theirs)}
    return held


def _would_set(entry: Entry, name: str, theirs: Fields) -> bool:
    """Tell whether a waiting change would set a text: an undo does only where it finds its own."""
    if entry.reverses is None:
        return True
    expected = [fields for fields in (entry.base, entry.shown) if fields is not None]
    return any(same_value(fields, theirs, name) for fields in expected)


def leave_to_later(entry: Entry, later: Iterable[Entry]) -> Entry | None:
    """Return what is left of a change that still waits; None when that is nothing.

    Args:
        entry: The change.
        later: Changes of the same asset that were asked for after it.
    """
    taken = frozenset(part for each in later for part in overrides(each, entry))
    touched = parts_of(entry)
    if not any(_is_among(part, taken) for part in touched):
        return entry
    if all(_is_among(part, taken) for part in touched):
        return None
    if entry.base is not None and entry.mine is not None:
        mine = _keep_base(entry.base, entry.mine, taken)
        asked = tuple(name for name in entry.asked if not {(name, ""), (name, ALL)} & taken)
        entry = msgspec.structs.replace(entry, mine=mine, asked=asked)
    if entry.action is Action.SHARE:
        old, new = entry.roles_before, dict(entry.roles)
        for key in dict.fromkeys([*old, *new]):
            if (_SHARING, key) in taken:
                _copy_key(old, new, key)
        entry = msgspec.structs.replace(entry, roles=new)
    return entry


def go_on_from(draft: EntryDraft, earlier: Sequence[Entry], writes: Iterable[Entry]) -> EntryDraft:
    """Base a change on what the platform has, where it was made from a text that was not sent.

    It keeps what was shown: that, not its base, tells later which words it is against.

    Args:
        draft: The later change.
        earlier: Changes of the same asset that were not sent, oldest first.
        writes: The edits of this asset that were made from here, latest last.
    """
    if draft.action is not Action.EDIT:
        return draft
    ours, shown = parts_of(draft), draft.base
    # An undo may wait although a part of it was done before: that text is there.
    there = set() if shown is None else set(_latest_writers(writes, shown))
    for entry in reversed(earlier):
        if draft.base is not None and entry.base is not None and entry.mine is not None:
            texts = {name for name, of in ours & parts_of(entry) if not of}
            values = {
                name: field_named(name).value_of(entry.base)
                for name in texts - there
                if same_value(entry.mine, draft.base, name)
            }
            draft = msgspec.structs.replace(draft, base=replace_values(draft.base, values))
    return draft if draft.base == shown else msgspec.structs.replace(draft, shown=shown)


def go_on_from_shown(entry: Entry, base: Fields, theirs: Fields) -> Fields:
    """Return `base` with the texts that the user was shown and the platform has after all."""
    if entry.shown is None:
        return base
    names = changed_fields(base, entry.shown)
    there = [name for name in names if same_value(entry.shown, theirs, name)]
    values = {name: field_named(name).value_of(theirs) for name in there}
    return replace_values(base, values)


def go_on_from_ours(entry: Entry, base: Fields, theirs: Fields, writes: Iterable[Entry]) -> Fields:
    """Return `base` with the texts of earlier edits whose replies were lost, where they arrived.

    Nobody knew that when `entry` was made, so its user was shown what was there before them.

    Args:
        entry: An edit that waited.
        base: What its user had been shown.
        theirs: What the platform has now.
        writes: The edits of this asset that were made from here, latest last.
    """
    earlier = [each for each in writes if each.id < entry.id]
    touched = parts_of(entry)
    values: dict[str, Value] = {}
    for name, by in _latest_writers(earlier, theirs).items():
        late = by.settled_at is not None and by.settled_at >= entry.at
        if (
            late and by.cause is Cause.FOUND and (name, "") in touched
        ):  # no tag is empty: these are texts
            values[name] = field_named(name).value_of(theirs)
    return replace_values(base, values)


def find_ours(
    entry: Entry, fields: Sequence[str], theirs: Fields, writes: Iterable[Entry]
) -> dict[str, int]:
    """Return which changes of this user's have set `fields` as they are, by field.

    Args:
        entry: What finds them changed: an edit, or an undo of an earlier change.
        fields: The fields.
        theirs: What the platform has now.
        writes: The edits of this asset that were made from here, latest last.
    """
    since = entry.reverses or 0
    writers = _latest_writers([each for each in writes if each.id > since], theirs)
    return {name: by.batch_id for name, by in writers.items() if name in fields}


def _latest_writers(writes: Iterable[Entry], theirs: Fields) -> dict[str, Entry]:
    """Return the latest write of each field that is as it left it."""
    latest: dict[str, Entry] = {}
    for each in writes:
        if each.before is not None and each.after is not None:
            latest |= dict.fromkeys(changed_fields(each.before, each.after), each)
    return {
        name: by
        for name, by in latest.items()
        if by.after is not None and same_value(by.after, theirs, name)
    }


def _is_among(part: Part, parts: frozenset[Part]) -> bool:
    return part in parts or (part[0], ALL) in parts


def _keep_base(base: Fields, mine: Fields, taken: frozenset[Part]) -> Fields:
    """Return `mine` with the parts that are taken as they are in `base`."""
    values: dict[str, Value] = {}
    for field in spread_fields(base, mine):
        if (field.name, ALL) in taken or (field.name, "") in taken:
            values[field.name] = field.value_of(base)
        elif field.kind is FieldKind.SET:
            others = {each for name, each in taken if name == field.name}
            kept = (each for each in field.set_of(mine) if each not in others)
            back = (each for each in field.set_of(base) if each in others)
            values[field.name] = unique([*kept, *back])
    return replace_values(mine, values)


def _copy_key(source: dict[str, str], target: dict[str, str], key: str) -> None:
    if key in source:
        target[key] = source[key]
    else:
        target.pop(key, None)
