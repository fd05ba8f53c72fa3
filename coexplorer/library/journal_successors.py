"""Which kept changes a new one replaces, in the journal: inside its transaction.

`coexplorer.library.succession` says which has the last word, and `coexplorer.library.kept_texts`
which of the others may be given up for it; this does so, and sets aside what may not.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Sequence

from coexplorer.errors import UndoRefused
from coexplorer.library.entries import (
    DONE,
    KEPT,
    LEFT_BEHIND,
    MOUNT,
    NOT_THERE,
    SET_ASIDE,
    Action,
    Cause,
    Entry,
    EntryDraft,
    State,
    tell_how_to_combine,
)
from coexplorer.library.journal_rows import (
    KEPT_MARKS,
    NOT_THERE_MARKS,
    OPEN,
    WRITES,
    select,
    writes_of,
)
from coexplorer.library.journal_tries import fold_tries, is_blank
from coexplorer.library.kept_texts import is_same_file, is_unseen, may_give_up
from coexplorer.library.succession import go_on_from, takes_place_of
from coexplorer.models import AssetId

TOO_LATE = "the platform has what was saved after it"
"""`Entry.reason` of a try that was settled only after a later one had arrived."""


def take_places(
    connection: sqlite3.Connection,
    drafts: Sequence[EntryDraft],
    batch: int,
    now: float,
    origin: str = "",
) -> list[EntryDraft]:
    """Give up earlier unsent changes that drafts replace, or set them aside.

    Args:
        connection: The transaction.
        drafts: The changes.
        batch: Their batch.
        now: Epoch seconds.
        origin: The front end that makes them.

    Returns:
        The drafts, based on what the platform has where they were made from an unsent text.
    """
    tail = f"state IN ({NOT_THERE_MARKS})"
    waiting = dict.fromkeys(
        asset
        for (asset,) in connection.execute(
            f"SELECT asset_id FROM entries WHERE {tail}",  # noqa: S608 - only marks
            NOT_THERE,
        )
    )
    done = []
    for draft in drafts:
        wanted = draft.state not in (State.REFUSED, *DONE) and (
            draft.state is not State.SKIPPED or draft.needless
        )
        retries = origin == MOUNT and draft.state not in DONE
        retries = retries and (not draft.waits or is_blank(draft))
        # What is to be made has no id yet, and so nothing in common with what else has none.
        if not (wanted or retries) or not draft.asset_id or draft.asset_id not in waiting:
            done.append(draft)
            continue
        earlier = select(
            connection,
            f"WHERE asset_id = ? AND {tail} AND batch_id != ? ORDER BY entries.id",
            (draft.asset_id, *NOT_THERE, batch),
        )
        if retries:
            earlier, too_many = fold_tries(connection, draft, earlier)
            give_up(connection, too_many, place_taken(batch), now)
        if not wanted:
            done.append(draft)
            continue
        replaced = [] if draft.waits else [e for e in earlier if _has_last_word(draft, e)]
        aside = give_way(connection, replaced, draft, place_taken(batch), now)
        earlier = [each for each in earlier if each not in aside and not each.set_aside]
        writes = select(connection, WRITES, writes_of(draft.asset_id))
        done.append(go_on_from(draft, earlier, writes))
    return done


def give_up(
    connection: sqlite3.Connection, entries: Sequence[Entry], reason: str, now: float
) -> None:
    """Give entries up."""
    connection.executemany(
        "UPDATE entries SET state = ?, settled_at = ?, reason = ?, hint = '' WHERE id = ?",
        [(State.DISCARDED, now, reason, entry.id) for entry in entries],
    )


def _has_last_word(draft: EntryDraft, earlier: Entry) -> bool:
    return takes_place_of(draft, earlier) or is_same_file(draft, earlier)


def give_way(
    connection: sqlite3.Connection,
    entries: Sequence[Entry],
    later: EntryDraft,
    reason: str,
    now: float,
) -> list[Entry]:
    """Give entries up for a later change, where that may be; set the others aside.

    Returns:
        The others.
    """
    aside = [entry for entry in entries if not may_give_up(entry, later)]
    give_up(connection, [entry for entry in entries if entry not in aside], reason, now)
    set_aside(connection, [each for each in aside if not each.set_aside], now)
    return aside


def set_aside(
    connection: sqlite3.Connection,
    entries: Sequence[Entry],
    now: float,
    *,
    is_gone: bool = False,
) -> None:
    """Keep texts to be read: they are not sent unless they are named.

    Args:
        connection: The transaction.
        entries: What has them.
        now: Epoch seconds.
        is_gone: Their asset was deleted from here: no later save is in their way.
    """
    reason = LEFT_BEHIND if is_gone else SET_ASIDE
    connection.executemany(
        "UPDATE entries SET state = ?, settled_at = ?, reason = ?, hint = ?,"
        " set_aside = ? WHERE id = ?",
        [
            (State.REFUSED, now, reason, tell_how_to_combine(entry.id), not is_gone, entry.id)
            for entry in entries
        ],
    )


def end_tries(
    connection: sqlite3.Connection, draft: EntryDraft, entries: Sequence[int], *, aside: bool
) -> None:
    """Give up earlier tries to save a file, now that the platform has its text.

    Args:
        connection: The transaction.
        draft: What the platform has.
        entries: What was kept of them before.
        aside: Set those aside that may not be given up; otherwise they wait as before.
    """
    marks = ", ".join("?" * len(entries))
    kept = select(
        connection,
        f"WHERE entries.id IN ({marks}) AND state IN ({NOT_THERE_MARKS})",
        (*entries, *NOT_THERE),
    )
    if not aside:
        kept = [entry for entry in kept if may_give_up(entry, draft)]
    give_way(connection, kept, draft, TOO_LATE, time.time())


def _ensure_given_up(drafts: Sequence[EntryDraft], given_up: Collection[int]) -> None:
    """Check that what was to be given up was still kept.

    Raises:
        UndoRefused: Another process has begun to send it since.
    """
    for draft in drafts:
        done = draft.state in DONE and draft.reverses is not None
        if done and draft.reverses not in given_up:
            raise UndoRefused(
                f"the change of {draft.asset_name} is being sent now, by another command or window",
                hint="wait for it, then undo it",
            )


def give_up_with_asset(connection: sqlite3.Connection, entry_id: int) -> None:
    """Give up what is kept of an asset that an entry has deleted."""
    found = select(connection, "WHERE entries.id = ? AND action = ?", (entry_id, Action.DELETE))
    for deleted in found:
        kept = select(
            connection,
            f"WHERE asset_id = ? AND entries.id != ? AND state IN ({KEPT_MARKS})",
            (deleted.asset_id, entry_id, *KEPT),
        )
        unseen = [entry for entry in kept if is_unseen(entry) and entry.mine is not None]
        gone = [entry for entry in kept if entry not in unseen]
        give_up(connection, gone, place_taken(deleted.batch_id), time.time())
        set_aside(connection, unseen, time.time(), is_gone=True)


def place_taken(batch_id: int) -> str:
    """Return the reason that is written on a change that a batch replaced."""
    return f"change {batch_id} replaced it"


def supersede(
    connection: sqlite3.Connection, entries: Sequence[int], batch: int, now: float
) -> tuple[dict[int, int], dict[int, tuple[str, str]]]:
    """Give up earlier tries to take `entries` back that were not sent.

    Returns:
        The tries that are of the same `batch`, by what they were to take back: they are begun again
        as what they are. And of tries of which a part had arrived, by the same, what the platform
        had before and what was sent.

    Raises:
        UndoRefused: Another process takes the same back now, or has just done so.
    """
    again: dict[int, int] = {}
    in_part: dict[int, tuple[str, str]] = {}
    for entry in entries:
        (under_way,) = connection.execute(
            "SELECT (SELECT undone_by IS NOT NULL FROM entries WHERE id = ?1) OR EXISTS"
            " (SELECT 1 FROM entries WHERE reverses = ?1 AND state IN (?2, ?3, ?4))",
            (entry, *OPEN, State.UNKNOWN),
        ).fetchone()
        if under_way:
            raise UndoRefused(
                "another command or window is already undoing it",
                hint="wait for it, then see the log",
            )
        for before, after in connection.execute(
            "SELECT before, after FROM entries WHERE reverses = ? AND cause = ?"  # noqa: S608 - only marks
            f" AND state IN ({NOT_THERE_MARKS}) AND before IS NOT NULL AND after IS NOT NULL"
            " ORDER BY id",
            (entry, Cause.IN_PART, *NOT_THERE),
        ):
            in_part.setdefault(entry, (before, after))
        connection.execute(
            "UPDATE entries SET state = ?, settled_at = ?, reason = ?"  # noqa: S608 - only marks
            f" WHERE reverses = ? AND batch_id != ? AND state IN ({NOT_THERE_MARKS})",
            (State.DISCARDED, now, "a later undo replaced it", entry, batch, *NOT_THERE),
        )
        again |= connection.execute(
            "SELECT reverses, id FROM entries"  # noqa: S608 - only marks
            f" WHERE reverses = ? AND batch_id = ? AND state IN (?, {NOT_THERE_MARKS})",
            (entry, batch, State.SKIPPED, *NOT_THERE),
        )
    return again, in_part


def withdraw(
    connection: sqlite3.Connection,
    drafts: Sequence[EntryDraft],
    takes_back: int,
    batch: int,
    now: float,
) -> None:
    """Give up what is not sent of a batch that another one takes back.

    Raises:
        UndoRefused: Another process has begun to send it since.
    """
    meant = {draft.reverses for draft in drafts}
    kept = select(
        connection,
        f"WHERE batch_id = ? AND state IN ({NOT_THERE_MARKS})",
        (takes_back, *NOT_THERE),
    )
    kept = [entry for entry in kept if entry.id in meant]
    give_up(connection, kept, place_taken(batch), now)
    _ensure_given_up(drafts, {entry.id for entry in kept})


def tell_followers(connection: sqlite3.Connection, entry_id: int, asset_id: AssetId | None) -> None:
    """Tell what was to be done with a new asset which one it is, or that there is none.

    Args:
        connection: The transaction.
        entry_id: What was to make it; nothing happens if it is anything else.
        asset_id: The asset; None: there is none.
    """
    created = (entry_id, Action.CREATE)
    batch = "(SELECT batch_id FROM entries WHERE id = ? AND action = ?)"
    waiting = f"state IN (?, {NOT_THERE_MARKS})"
    if asset_id:
        connection.execute(
            f"UPDATE entries SET asset_id = ? WHERE asset_id = '' AND batch_id = {batch}",  # noqa: S608 - our own words
            (asset_id, *created),
        )
        return
    connection.execute(
        "UPDATE entries SET state = ?, reason = ?, hint = '', settled_at = ?"  # noqa: S608 - likewise
        f" WHERE asset_id = '' AND id != ? AND batch_id = {batch} AND {waiting}",
        (
            *(State.SKIPPED, "its asset was not made", time.time(), entry_id),
            *(*created, State.PLANNED, *NOT_THERE),
        ),
    )
