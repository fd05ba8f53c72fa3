"""Which kept texts a later change may take the place of: one rule, for every front end. Pure.

A program that saves a file in a mount ends, whether that worked or not, and nobody reads what it
says. So a text that failed there is not given up before somebody has opened ``error``, unless what
is saved next has its words, or comes from the program that was told. Whoever runs a command, or
saves in the app, sees the failure where they did it.
"""

from __future__ import annotations

from coexplorer.fields import (
    FieldKind,
    Fields,
    changed_fields,
    changed_rows,
    field_named,
    same_value,
)
from coexplorer.library.entries import MOUNT, Action, Entry, EntryDraft, State


def may_give_up(kept: Entry, later: EntryDraft | None) -> bool:
    """Tell whether a kept text may go, as `later` takes its place.

    Args:
        kept: What has the text, in any state.
        later: The change that takes its place; None: nobody can tell what that says.
    """
    if kept.state is State.UNKNOWN:
        return False  # it may have arrived: a look at the platform tells first
    if not is_unseen(kept) or kept.base is None or kept.mine is None:
        return True
    if all(not field_named(name).value_of(kept.mine) for name in _names(kept)):
        return True  # nothing was written
    if later is None or later.mine is None:
        return False
    return kept.id in later.continues or has_words(later.mine, kept.base, kept.mine)


def is_unseen(kept: Entry) -> bool:
    """Tell whether nobody was told, or has read, why a text is not on the platform."""
    is_edit = kept.action is Action.EDIT and kept.reverses is None
    return kept.origin == MOUNT and is_edit and kept.looked_at is None


def is_saved_file(entry: Entry) -> bool:
    """Tell whether a change is what a program has saved as a file of a mount."""
    is_of_file = entry.action in (Action.EDIT, Action.SHARE)
    return entry.origin == MOUNT and is_of_file and entry.reverses is None


def is_same_file(draft: EntryDraft, kept: Entry) -> bool:
    """Tell whether a kept change is an earlier try to save the file that a draft saves."""
    return bool(draft.file) and kept.origin == MOUNT and _rows(kept) == (draft.file,)


def has_words(now: Fields, base: Fields, mine: Fields) -> bool:
    """Tell whether `now` has what made `mine` of `base`: all lines added, and none taken away.

    A line that was added may be a part of one now, or of several.
    """
    for name in changed_fields(base, mine):
        if same_value(now, mine, name):
            continue
        if not field_named(name).value_of(now) or not field_named(name).value_of(mine):
            return False  # only one of them emptied it: the other's words are not there
        there, had, has = (_lines(name, each) for each in (now, base, mine))
        if (had - has) & there:
            return False
        if not has - had <= there and not _has_runs(name, now, has - had):
            return False
    return True


def _has_runs(name: str, now: Fields, lines: set[str]) -> bool:
    """Tell whether a text has the words of each of some lines, in their order."""
    field = field_named(name)
    if field.kind is FieldKind.SET:
        return False
    words = f" {' '.join(field.text_of(now).split())} "
    return all(f" {' '.join(line.split())} " in words for line in lines if line.strip())


def _lines(name: str, fields: Fields) -> set[str]:
    field = field_named(name)
    if field.kind is FieldKind.SET:
        return set(field.set_of(fields))
    return set(field.text_of(fields).split("\n"))


def _names(kept: Entry) -> tuple[str, ...]:
    return () if kept.base is None or kept.mine is None else changed_fields(kept.base, kept.mine)


def _rows(kept: Entry) -> tuple[str, ...]:
    return () if kept.base is None or kept.mine is None else changed_rows(kept.base, kept.mine)
