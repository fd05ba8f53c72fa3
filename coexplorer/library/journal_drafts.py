"""How a batch is written down before it is sent, in the journal: inside its transaction.

What its entries replace is given up at once: see `coexplorer.library.journal_successors`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from coexplorer.library.entries import (
    Cause,
    EntryDraft,
    Purpose,
    State,
)
from coexplorer.library.journal_file import insert
from coexplorer.library.journal_rows import (
    encode_roles,
    encode_value,
)
from coexplorer.library.journal_successors import (
    supersede,
    take_places,
    withdraw,
)


class NewBatch(msgspec.Struct, frozen=True):
    """What is to be known of a batch that is written down; see `Journal.begin`.

    Attributes:
        origin: The front end.
        session: The session that writes it.
    """

    origin: str
    session: str
    title: str
    purpose: Purpose
    takes_back: int | None
    into: int | None


def write_batch(
    connection: sqlite3.Connection, new: NewBatch, drafts: Sequence[EntryDraft], now: float
) -> tuple[int, list[int]]:
    """Write a batch with its entries, and give up what they replace; return their numbers."""
    batch = new.into
    if batch is None:
        values = {"at": now, "origin": new.origin, "title": new.title, "purpose": new.purpose}
        batch = insert(connection, "batches", values)
    return batch, _write_drafts(connection, new, drafts, batch, now)


def _write_drafts(
    connection: sqlite3.Connection,
    new: NewBatch,
    drafts: Sequence[EntryDraft],
    batch: int,
    now: float,
) -> list[int]:
    reversed_ones = [draft.reverses for draft in drafts if draft.reverses is not None]
    again, in_part = supersede(connection, reversed_ones, batch, now)
    if new.takes_back is not None:
        withdraw(connection, drafts, new.takes_back, batch, now)
    numbers = []
    for draft in take_places(connection, drafts, batch, now, new.origin):
        values: dict[str, object] = {
            "session": new.session,
            "asset_name": draft.asset_name,
            "action": draft.action,
            "state": draft.state,
            "base": encode_value(draft.base),
            "mine": encode_value(draft.mine),
            "base_metadata": encode_roles(draft.action, draft.roles_before),
            "metadata": encode_roles(draft.action, draft.roles),
            "reason": draft.reason,
            "hint": draft.hint,
            "settled_at": None if draft.state is State.PLANNED else now,
            "needless": draft.needless,
            "fit": encode_value(draft.fit),
            "asked": encode_value(draft.asked or None),
            "shown": encode_value(draft.shown),
            "cause": draft.cause,
        }
        # What was there before the part of an earlier try that arrived is not forgotten.
        before, after = in_part.get(draft.reverses or 0, (None, None))
        if draft.state is State.PLANNED and before is not None:
            values |= {"before": before, "after": after, "cause": Cause.IN_PART}
        else:
            values |= {"before": None, "after": None}
        number = None if draft.reverses is None else again.get(draft.reverses)
        if number is None:
            keys = {
                "batch_id": batch,
                "asset_id": draft.asset_id,
                "reverses": draft.reverses,
            }
            number = insert(connection, "entries", keys | values)
        else:
            columns = ", ".join(f"{name} = ?" for name in values)
            connection.execute(
                f"UPDATE entries SET {columns} WHERE id = ?",  # noqa: S608 - our own names
                (*values.values(), number),
            )
        numbers.append(number)
        if draft.cause is Cause.RESTORED:  # all that there was to take back of it
            connection.execute(
                "UPDATE entries SET undone_by = ? WHERE id = ?", (batch, draft.reverses)
            )
    return numbers
