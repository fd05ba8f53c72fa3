"""Saves of a mount that are tried again and again, in the journal: inside its transaction.

A program that can't save a file tries again, often in a loop. The same text is kept once, and of
different texts of a file the newest few wait to be read; earlier ones are given up, as whatever a
later change replaces. Each different text stays readable in the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from coexplorer.fields import Fields, changed_fields, field_named, same_value
from coexplorer.library.entries import (
    MOST_REFUSED,
    MOUNT,
    NOT_THERE,
    Action,
    Entry,
    EntryDraft,
    State,
)
from coexplorer.library.journal_rows import NOT_THERE_MARKS, select
from coexplorer.library.succession import takes_place_of

REPLACED_TRY = (
    "origin = 'mount' AND NOT EXISTS (SELECT 1 FROM entries WHERE batch_id = batches.id"
    " AND NOT (state = 'discarded' AND reason GLOB 'change * replaced it'))"
)
"""The batches of tries that a later one replaced: a list of changes leaves them out."""


def fold_tries(
    connection: sqlite3.Connection, draft: EntryDraft, earlier: Sequence[Entry]
) -> tuple[list[Entry], list[Entry]]:
    """Forget earlier tries with the text of a save that a mount begins.

    Args:
        connection: A transaction that writes the draft down, too.
        draft: The save.
        earlier: What is kept of its asset and surely not on the platform, oldest first.

    Returns:
        What is left of `earlier`, and what of that is more than is kept of a file.
    """
    tail = "WHERE asset_id = ? AND state = ? AND reason GLOB 'change * replaced it'"
    replaced = select(connection, tail, (draft.asset_id, State.DISCARDED))
    same = [each for each in (*earlier, *replaced) if _is_try(each) and _has_same_text(draft, each)]
    if draft.waits:
        same = [each for each in same if each.state is State.UNSENT]  # as a crash leaves it
    forget(connection, same)
    left = [entry for entry in earlier if entry not in same]
    refused = [
        entry
        for entry in left
        if _is_try(entry) and entry.state is State.REFUSED and takes_place_of(draft, entry)
    ]
    return left, refused[:-MOST_REFUSED]


def let_go(connection: sqlite3.Connection, entry_id: int) -> bool:
    """Forget a text that was written down in case its mount would end; False if it can't be.

    That is where it is blank, or another entry of its asset has it.
    """
    tail = f"WHERE entries.id = ? AND state IN (?, ?, {NOT_THERE_MARKS})"
    states = (State.PLANNED, State.DISCARDED, *NOT_THERE)
    for entry in select(connection, tail, (entry_id, *states)):
        if not _is_try(entry) or entry.base is None or entry.mine is None:
            continue
        others = select(
            connection, "WHERE asset_id = ? AND entries.id != ?", (entry.asset_id, entry_id)
        )
        names = changed_fields(entry.base, entry.mine)
        if is_blank(entry) or any(
            each.mine and _agree(names, entry.mine, each.mine) for each in others
        ):
            forget(connection, [entry])
            return True
    return False


def forget(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Take entries out of the journal that were never sent, unless another one refers to them."""
    for entry in entries:
        connection.execute(
            "DELETE FROM entries WHERE id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM entries WHERE reverses = ?1)",
            (entry.id,),
        )
        connection.execute(
            "DELETE FROM batches WHERE id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM entries WHERE batch_id = ?1)",
            (entry.batch_id,),
        )


def is_blank(save: Entry | EntryDraft) -> bool:
    """Tell whether nothing is left of a file that is saved."""
    if save.base is None or save.mine is None:
        return False
    names = changed_fields(save.base, save.mine)
    return all(not field_named(name).value_of(save.mine) for name in names)


def _is_try(entry: Entry) -> bool:
    """Tell whether an entry is a save of a mount, on its own."""
    is_edit = entry.action is Action.EDIT
    return entry.origin == MOUNT and is_edit and entry.reverses is None and not entry.was_undone


def _has_same_text(draft: EntryDraft, entry: Entry) -> bool:
    """Tell whether two saves would set the same fields to the same values."""
    if draft.base is None or draft.mine is None or entry.base is None or entry.mine is None:
        return False
    names = changed_fields(draft.base, draft.mine)
    return names == changed_fields(entry.base, entry.mine) and _agree(names, draft.mine, entry.mine)


def _agree(names: Iterable[str], one: Fields, other: Fields) -> bool:
    return all(same_value(one, other, name) for name in names)
