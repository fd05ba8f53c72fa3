"""What was done from this machine, and what is not on the platform yet.

Every method is one transaction, blocks, and may be called from any thread. Several processes write
to one file. Nothing is sent unless its intent is in here first (design: catalog-and-edits.md).

What is called from here inside the transaction has modules of its own: how a batch is written down
(`journal_drafts`), what became of an entry (`journal_outcomes`), and what a later change does to
one that waits (`journal_successors`).

It is a face, so it is one long list; what only reads is in `journal_reader`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from coexplorer.errors import CoexplorerError, JournalError
from coexplorer.fields import Fields
from coexplorer.library.entries import (
    KEPT,
    NOT_THERE,
    STOPPED,
    STOPPED_SENDING,
    Action,
    Cause,
    Entry,
    EntryDraft,
    Purpose,
    State,
    tell_how_to_go_on,
)
from coexplorer.library.journal_drafts import NewBatch, write_batch
from coexplorer.library.journal_file import tell_unusable
from coexplorer.library.journal_outcomes import EntryOutcome, abandon, find_cause, settle
from coexplorer.library.journal_reader import JournalReader
from coexplorer.library.journal_rows import (
    KEPT_MARKS,
    NOT_THERE_MARKS,
    OPEN,
    encode_roles,
    encode_value,
    select,
)
from coexplorer.library.journal_successors import (
    end_tries,
    give_up,
    set_aside,
    tell_followers,
)
from coexplorer.library.journal_tries import let_go
from coexplorer.library.session_locks import NoSession, SessionLock, bury, is_dead
from coexplorer.models import AssetId


class Journal(JournalReader):
    """The journal of one profile, opened by one session.

    Args:
        path: The SQLite file; made with mode 0600 if it is not there.
        origin: The front end: ``cli``, ``tui`` or ``mount``.
        must_write: Raise when nothing can be written to it; otherwise what it holds can be read, if
            that is possible, and each write raises.

    Raises:
        JournalError: It can't be opened, or a newer coexplorer wrote it.
    """

    def __init__(self, path: Path, *, origin: str, must_write: bool = True) -> None:
        super().__init__(path, must_write=must_write)
        self._origin = origin
        self._folder = path.with_name(path.name + ".sessions")
        self._session: SessionLock | NoSession = NoSession()
        # Batches of ours that have ended though that could not be written, as on a full disk.
        self._left_open: dict[int, tuple[CoexplorerError | None, bool]] = {}
        if self._file.problem is not None:
            return
        try:
            self._session = SessionLock(self._folder)
        except OSError as error:
            if must_write:
                self._file.close()
                raise tell_unusable(path, error) from error
            self._file.problem = tell_unusable(path, error, so="nothing can be changed")

    @property
    def problem(self) -> JournalError | None:
        """Why nothing can be written; None when it can."""
        return self._file.problem

    @property
    def folder(self) -> Path:
        """Where the locks of sessions and assets are, beside the file."""
        return self._folder

    def close(self) -> None:
        """Let go of the file; what is still planned or intended becomes unsent or unknown."""
        # Where it fails, the next start does it: the session's lock is free from then on.
        with contextlib.suppress(JournalError), self._file.transaction() as connection:
            abandon(connection, [self._session.name])
        self._file.close()
        self._session.release()

    # --- Writing down what is going to be done

    def begin(
        self,
        drafts: Sequence[EntryDraft],
        *,
        title: str,
        purpose: Purpose = Purpose.DO,
        takes_back: int | None = None,
        into: int | None = None,
    ) -> tuple[int, list[int]]:
        """Write a batch down before anything of it is sent.

        The last word wins, be it an edit, an undo or a redo: an earlier unsent one is given up when
        one of `drafts` covers all of it (see `find_given_up`).

        What `EntryDraft.reverses` names counts as undone once that draft's entry has done it, not
        before: see `settle`. An earlier try to take it back that was not sent is given up.

        Args:
            drafts: Its entries; entries that are already final are settled at once.
            title: One line for people.
            purpose: Why it is made.
            takes_back: The batch that it takes back: what is not sent of that is given up.
            into: The batch that it goes on with: an undo that was cut off is one change, however
                often it is begun. Its own entries that are not done are begun again.

        Returns:
            The batch's number and its entries' numbers, in the order of `drafts`.

        Raises:
            JournalError: It can't be written: nothing may be sent.
            UndoRefused: Another process takes the same back now, or has just done so.
        """
        batch = NewBatch(self._origin, self._session.name, title, purpose, takes_back, into)
        with self._file.transaction() as connection:
            return write_batch(connection, batch, drafts, time.time())

    def rehearse(
        self,
        drafts: Sequence[EntryDraft],
        *,
        purpose: Purpose,
        takes_back: int,
        into: int | None,
    ) -> tuple[list[Entry], list[Entry]]:
        """Return what `begin` would write down, and what it would give up; write nothing.

        Raises:
            JournalError: Nothing can be written.
            UndoRefused: See `begin`.
        """
        batch = NewBatch(self._origin, self._session.name, "", purpose, takes_back, into)
        entries: list[Entry] = []
        given_up: list[Entry] = []
        with contextlib.suppress(_RehearsedError), self._file.transaction() as connection:
            now = time.time()
            number, numbers = write_batch(connection, batch, drafts, now)
            written = {
                entry.id: entry for entry in select(connection, "WHERE batch_id = ?", (number,))
            }
            entries = [written[number] for number in numbers if number in written]
            given_up = select(
                connection,
                "WHERE state = ? AND settled_at = ? ORDER BY entries.id",
                (State.DISCARDED, now),
            )
            raise _RehearsedError
        return entries, given_up

    def leave_to_own(self, entry: Entry) -> Entry | None:
        """Return what of a change that this session has just made is not up to a later one.

        See `leave_to_later`; None when that is nothing.
        """
        return self.leave_to_later(entry, session=self._session.name)

    def intend(
        self,
        entry_id: int,
        *,
        before: Fields | None = None,
        after: Fields | None = None,
        roles_before: dict[str, str] | None = None,
        roles: dict[str, str] | None = None,
    ) -> None:
        """Write down that the request is sent next.

        Args:
            entry_id: The entry.
            before: What the platform has.
            after: What it should have.
            roles_before: The roles that members have, if it is shared.
            roles: The roles that they should have, if it is shared.

        Raises:
            JournalError: It can't be written: nothing may be sent.
        """
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, before = ?, after = ?,"
                " base_metadata = coalesce(?, base_metadata), metadata = coalesce(?, metadata),"
                " session = ? WHERE id = ?",
                (
                    State.INTENDED,
                    encode_value(before),
                    encode_value(after),
                    encode_value(roles_before),
                    encode_value(roles),
                    self._session.name,
                    entry_id,
                ),
            )

    def intend_together(self, entries: Iterable[Entry]) -> None:
        """Write down that one request is sent next for several assets: all of them, or none.

        Args:
            entries: With the `roles_before` and `roles` that are sent.

        Raises:
            JournalError: It can't be written: nothing may be sent.
        """
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE entries SET state = ?, base_metadata = ?, metadata = ?, session = ?"
                " WHERE id = ?",
                [
                    (
                        State.INTENDED,
                        encode_roles(entry.action, entry.roles_before),
                        encode_roles(entry.action, entry.roles),
                        self._session.name,
                        entry.id,
                    )
                    for entry in entries
                ],
            )

    def settle_together(self, outcomes: Iterable[EntryOutcome]) -> None:
        """Write down what became of several entries, as `settle` does: of all of them, or none."""
        with self._file.transaction() as connection:
            for each in outcomes:
                cause = Cause.FOUND if each.found else None
                cause = Cause.MOUNTING if each.mounting else cause
                cause = Cause.GONE if each.gone else cause
                settle(
                    connection,
                    each.entry_id,
                    each.state,
                    error=each.error,
                    cause=cause,
                    roles=each.roles,
                    whole=each.whole,
                )

    def settle(
        self,
        entry_id: int,
        state: State,
        *,
        error: CoexplorerError | None = None,
        asset_id: AssetId | None = None,
        after: Fields | None = None,
        whole: bool = True,
        gone: bool = False,
        in_part: bool = False,
        found: bool = False,
        late: bool = False,
        set_aside: bool = False,
        roles: dict[str, str] | None = None,
    ) -> None:
        """Write down what became of an entry; what it has taken back counts as undone from now on.

        Args:
            entry_id: The entry.
            state: What became of it.
            error: Why, if it failed or was left out.
            asset_id: Which asset it made.
            after: What the platform has now.
            gone: It was to take something back, and its asset is gone. That is not used up, but a
                plain undo does not stop at it again.
            in_part: It is not done, but the platform has taken a part of it: what was there before
                that must not be forgotten. Otherwise what is ``unsent`` was before nothing.
            found: Its reply was lost, and a look at the platform has shown that it had arrived.
            late: It was sent and has not arrived so far. It may yet, so what was sent is kept.
            set_aside: It is a text that a later change must not give up.
            whole: False when a part of it was left alone: that part can still be undone.
            roles: Where the asset was shared: the members' roles that the platform has now.
        """
        with self._file.transaction() as connection:
            settle(
                connection,
                entry_id,
                state,
                error=error,
                asset_id=asset_id,
                after=after,
                whole=whole,
                cause=find_cause(state, gone=gone, in_part=in_part, found=found),
                forgets_sent=not (in_part or late),
                set_aside=set_aside,
                roles=roles,
            )
            if asset_id or state is State.REFUSED:
                tell_followers(connection, entry_id, asset_id)

    def claim(self, entry_ids: Iterable[int]) -> list[int]:
        """Take entries back to ``planned``, as this session's, to send them again.

        Returns:
            The ones that were still kept: two processes can't claim the same one.
        """
        with self._file.transaction() as connection:
            return [
                entry
                for entry in entry_ids
                if connection.execute(
                    "UPDATE entries SET state = ?, session = ?, reason = '', hint = '',"  # noqa: S608 - only marks
                    " cause = CASE WHEN cause = 'in_part' THEN cause END, looked_at = NULL,"
                    " set_aside = 0"
                    f" WHERE id = ? AND state IN ({KEPT_MARKS})",
                    (State.PLANNED, self._session.name, entry, *KEPT),
                ).rowcount
            ]

    def amend(self, entry_id: int, base: Fields, mine: Fields, title: str) -> bool:
        """Put a newer text in the place of one that is kept; False if it can't be.

        It is judged no longer by what a change of many was selected by: somebody looked at it.
        What may have been sent is left as it is: the newer text never was. So is a part of an undo.

        Args:
            entry_id: The entry.
            base: What the user has seen.
            mine: What the user wants now.
            title: What its batch is called, unless it has other entries.

        Raises:
            JournalError: It can't be written.
        """
        with self._file.transaction() as connection:
            found = connection.execute(
                "UPDATE entries SET base = ?, mine = ?, shown = NULL, fit = NULL"  # noqa: S608 - only marks
                f" WHERE id = ? AND action = ? AND state IN ({NOT_THERE_MARKS})"
                " AND (SELECT purpose FROM batches WHERE id = entries.batch_id) = ?",
                (
                    encode_value(base),
                    encode_value(mine),
                    entry_id,
                    Action.EDIT,
                    *NOT_THERE,
                    Purpose.DO,
                ),
            ).rowcount
            if found:
                connection.execute(
                    "UPDATE batches SET title = ?"
                    " WHERE id = (SELECT batch_id FROM entries WHERE id = ?)"
                    " AND (SELECT count(*) FROM entries WHERE batch_id = batches.id) = 1",
                    (title, entry_id),
                )
        return found > 0

    def note_look(self, entry_ids: Iterable[int]) -> None:
        """Note that somebody has read why changes failed, if they are kept.

        Raises:
            JournalError: It can't be written.
        """
        now = time.time()
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE entries SET looked_at = ? WHERE id = ? AND looked_at IS NULL"  # noqa: S608 - only marks
                f" AND state IN ({KEPT_MARKS})",
                [(now, entry_id, *KEPT) for entry_id in entry_ids],
            )

    def end_tries(self, draft: EntryDraft, entry_ids: Sequence[int], *, aside: bool) -> None:
        """See `Saves.end_tries`.

        Raises:
            JournalError: It can't be written.
        """
        with self._file.transaction() as connection:
            end_tries(connection, draft, entry_ids, aside=aside)

    def let_go(self, entry_id: int, *, aside: bool = False) -> None:
        """Let go of what a mount wrote down in case it would end: see `Saves.let_go`.

        Raises:
            JournalError: It can't be written.
        """
        with self._file.transaction() as connection:
            if let_go(connection, entry_id):
                return
            tail = f"WHERE entries.id = ? AND state IN (?, {NOT_THERE_MARKS})"
            left = select(connection, tail, (entry_id, State.PLANNED, *NOT_THERE))
            if aside:
                set_aside(connection, left, time.time())
            else:
                give_up(connection, left, "its file was written on", time.time())

    def discard(self, entry_id: int) -> bool:
        """Give an entry up; False if it was not kept, or may be on the platform."""
        return self.discard_all([entry_id]) > 0

    def discard_all(self, entry_ids: Iterable[int]) -> int:
        """Give entries up that are kept, and surely not on the platform; return how many.

        So is a transfer that nobody can tell about: otherwise it could wait forever.
        """
        now = time.time()
        with self._file.transaction() as connection:
            return sum(
                connection.execute(
                    "UPDATE entries SET state = ?, settled_at = ?, hint = '' WHERE id = ?"  # noqa: S608 - only marks
                    f" AND (state IN ({NOT_THERE_MARKS}) OR (state = ? AND action = ?))",
                    (State.DISCARDED, now, entry_id, *NOT_THERE, State.UNKNOWN, Action.TRANSFER),
                ).rowcount
                for entry_id in entry_ids
            )

    def abandon_batch(
        self, batch_id: int, error: CoexplorerError | None = None, *, stopped: bool = False
    ) -> None:
        """Settle what this session left half done: planned is unsent, intended is unknown.

        Args:
            batch_id: The batch.
            error: Why what is planned was not tried; None: it was interrupted.
            stopped: Its user stopped it: what is planned is sent only when it is named.
        """
        session = self._session.name
        self._left_open[batch_id] = error, stopped
        with self._file.transaction() as connection:
            if stopped:
                hint, now = tell_how_to_go_on(batch_id), time.time()
                for found, state, reason in (
                    (State.PLANNED, State.STOPPED, STOPPED),
                    (State.INTENDED, State.UNKNOWN, STOPPED_SENDING),
                ):
                    connection.execute(
                        "UPDATE entries SET state = ?, reason = ?, hint = ?, settled_at = ?"
                        " WHERE state = ? AND session = ? AND batch_id = ?",
                        (state, reason, hint, now, found, session, batch_id),
                    )
            abandon(connection, [session], batch_id=batch_id, error=error)
        del self._left_open[batch_id]

    def is_left_open(self, batch_id: int) -> bool:
        """Tell whether a batch of this session has ended though that could not be written yet."""
        return batch_id in self._left_open

    def recover(self) -> int:
        """Settle what dead sessions left half done; return how many entries that were.

        So is what this one could not settle when it ended, as the disk was full.

        Looks at nothing but this machine: what was ``planned`` was never sent; what was
        ``intended`` may have been, and is settled by a look at the platform later.
        """
        if self.problem is not None:
            return 0
        for batch, (error, stopped) in list(self._left_open.items()):
            with contextlib.suppress(JournalError):
                self.abandon_batch(batch, error, stopped=stopped)
        sessions = self._file.read(
            "SELECT DISTINCT session FROM entries WHERE state IN (?, ?) AND session != ?",
            (*OPEN, self._session.name),
        )
        dead = [name for (name,) in sessions if is_dead(self._folder, name)]
        if not dead:
            return 0
        with self._file.transaction() as connection:
            count = abandon(connection, dead)
        for name in dead:
            bury(self._folder, name)
        return count

    def ensure_settled(self) -> None:
        """Settle as `recover` does; only then can anybody say that nothing waits or was done.

        Raises:
            JournalError: Nothing can be written.
        """
        self._file.ensure_writable()
        self.recover()


class _RehearsedError(Exception):
    """Takes back what a rehearsal has written."""
