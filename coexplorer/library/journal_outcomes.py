"""What became of an entry, as it is written down in the journal: inside its transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import msgspec

from coexplorer.errors import CoexplorerError
from coexplorer.fields import Fields
from coexplorer.library.entries import (
    DONE,
    KEPT,
    STOPPED,
    Action,
    Cause,
    State,
)
from coexplorer.library.journal_rows import (
    encode_value,
    select,
)
from coexplorer.library.journal_successors import (
    give_up_with_asset,
    tell_followers,
)
from coexplorer.models import AssetId


class EntryOutcome(msgspec.Struct, frozen=True):
    """What became of an entry that was sent together with others.

    Attributes:
        error: Why, if it failed or was left out, or what else is to be said.
        roles: What the platform has now; None: as it was sent.
        found: See `Journal.settle`.
        mounting: It is attached, and its files are not there yet.
        gone: It was to take something back, and where that was attached is no more.
        whole: See `Journal.settle`.
    """

    entry_id: int
    state: State
    error: CoexplorerError | None = None
    roles: dict[str, str] | None = None
    found: bool = False
    mounting: bool = False
    gone: bool = False
    whole: bool = True


def settle(
    connection: sqlite3.Connection,
    entry_id: int,
    state: State,
    *,
    error: CoexplorerError | None,
    cause: Cause | None,
    roles: dict[str, str] | None,
    whole: bool,
    asset_id: AssetId | None = None,
    after: Fields | None = None,
    forgets_sent: bool = True,
    set_aside: bool = False,
) -> None:
    """Write down what became of an entry, inside a transaction: see `Journal.settle`."""
    connection.execute(
        "UPDATE entries SET state = ?, reason = ?, hint = ?, settled_at = ?, cause = ?,"
        " set_aside = ?, asset_id = coalesce(?, asset_id), after = coalesce(?, after),"
        " metadata = coalesce(?, metadata) WHERE id = ?",
        (
            state,
            error.message if error else "",
            error.hint if error else "",
            time.time(),
            cause,
            set_aside,
            asset_id,
            encode_value(after),
            encode_value(roles),
            entry_id,
        ),
    )
    if state is State.UNSENT and forgets_sent:
        connection.execute(
            "UPDATE entries SET before = NULL, after = NULL WHERE id = ?", (entry_id,)
        )
    if whole and state in DONE:
        connection.execute(
            "UPDATE entries SET undone_by = reversal.batch_id FROM entries AS reversal"
            " WHERE reversal.id = ? AND entries.id = reversal.reverses",
            (entry_id,),
        )
    if state in DONE:
        give_up_with_asset(connection, entry_id)


def find_cause(state: State, *, gone: bool, in_part: bool, found: bool) -> Cause | None:
    """Return what the state of an entry does not tell (pure): see `Journal.settle`."""
    if gone:
        return Cause.GONE
    if found:
        return Cause.FOUND
    return Cause.IN_PART if in_part and state in KEPT else None


def abandon(
    connection: sqlite3.Connection,
    sessions: Sequence[str],
    *,
    batch_id: int | None = None,
    error: CoexplorerError | None = None,
) -> int:
    """Settle what sessions left half done, all of it or in one batch; return how many entries."""
    count = 0
    for session in sessions:
        # What it takes to send a create is in no journal, so it never waits to be sent.
        tail = "action = ? AND state = ? AND session = ? AND batch_id = coalesce(?, batch_id)"
        create = (Action.CREATE, State.PLANNED, session, batch_id)
        for entry in select(connection, f"WHERE {tail}", create):
            connection.execute(
                "UPDATE entries SET state = ?, reason = ?, hint = ?, settled_at = ? WHERE id = ?",
                (State.REFUSED, STOPPED, "create it again", time.time(), entry.id),
            )
            tell_followers(connection, entry.id, None)
            count += 1
        never = error.message if error else "it was interrupted before this was sent"
        for state, final, reason, hint in (
            (State.PLANNED, State.UNSENT, never, error.hint if error else ""),
            (State.INTENDED, State.UNKNOWN, "it was interrupted while it was being sent", ""),
        ):
            count += connection.execute(
                "UPDATE entries SET state = ?1, reason = ?2, settled_at = ?3,"
                " hint = CASE WHEN ?7 = '' THEN hint ELSE ?7 END"
                " WHERE state = ?4 AND session = ?5 AND batch_id = coalesce(?6, batch_id)",
                (final, reason, time.time(), state, session, batch_id, hint),
            ).rowcount
    return count
