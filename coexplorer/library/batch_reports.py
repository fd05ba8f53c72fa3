"""What became of each asset of a batch, as the journal and this run know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from coexplorer.errors import CatalogError, JournalError, NotThere, Refused
from coexplorer.library.context import Context
from coexplorer.library.entries import DONE, Action, Cause, Entry, State
from coexplorer.library.results import BatchReport, EditResult, read_result
from coexplorer.models import AssetId

_NO_RESULTS: Mapping[AssetId, EditResult] = {}


class BatchReports:
    """Reads batches out of the journal, for people.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        # Outcomes of runs that could not be written down, until they can be.
        self._unwritten: dict[int, Mapping[AssetId, EditResult]] = {}

    def remember(self, batch_id: int, results: Mapping[AssetId, EditResult]) -> None:
        """Remember what became of the assets of a batch, as the journal can't be written now."""
        self._unwritten[batch_id] = {**self._unwritten.get(batch_id, {}), **results}

    async def report(
        self, batch_id: int, results: Mapping[AssetId, EditResult] = _NO_RESULTS
    ) -> BatchReport:
        """Say what became of each asset of a batch.

        Args:
            batch_id: The batch.
            results: Outcomes of this run, which know more of errors than the journal.

        Raises:
            NotThere: There is no such batch.
        """
        journal = self._context.journal
        await self._context.run(journal.recover)
        if journal.is_left_open(batch_id):
            results = {**self._unwritten.get(batch_id, {}), **results}
        else:
            self._unwritten.pop(batch_id, None)
        batch = await self._context.run(journal.batch, batch_id)
        if batch is None:
            raise no_batch(batch_id)
        entries = await self._context.run(journal.entries_of, batch_id)
        groups = group_by_asset(entries)
        unarchived = await self._find_unarchived(groups)
        found = []
        for group in groups:
            noted = read_outcome(group)
            if noted.state in (State.PLANNED, State.INTENDED):
                left_open = journal.is_left_open(batch_id)
                error = _unwritten(noted.state) if left_open else _under_way()
                noted = msgspec.structs.replace(noted, error=error)
            known = results.get(noted.asset_id)
            # An outcome that could not be written down is known anyway.
            open_still = noted.state in (State.PLANNED, State.INTENDED)
            trusted = known and (known.state in DONE or open_still or known.state is noted.state)
            result = known if known and trusted else noted
            if result.action is Action.DELETE and result.state not in DONE:
                # The archiving before it was done: whoever looks for the asset must know.
                archived = any(_has_archived(entry) for entry in group)
                archived = archived and result.asset_id not in unarchived
                result = msgspec.structs.replace(result, archived=archived)
            found.append(result)
        given_up = await self._context.run(journal.find_given_up, batch_id)
        kept = {entry.id for entry in given_up}
        withdrawn = {
            entry.id
            for entry in entries
            if entry.reverses in kept and entry.cause is Cause.GIVEN_UP
        }
        found = [
            msgspec.structs.replace(result, withdrawn=True)
            if result.entry_id in withdrawn and result.state in DONE
            else result
            for result in found
        ]
        set_aside = await self._context.run(journal.find_set_aside, batch_id)
        return BatchReport(
            batch_id, batch.title, tuple(found), tuple(given_up), set_aside=tuple(set_aside)
        )

    async def _find_unarchived(self, groups: Iterable[Sequence[Entry]]) -> set[AssetId]:
        """Return what was archived, to be deleted, and is known not to be archived any more."""
        left = [
            group[-1].asset_id
            for group in groups
            if group[-1].state not in DONE and any(_has_archived(entry) for entry in group)
        ]
        try:
            records = await self._context.records(left) if left else []
        except CatalogError as error:
            self._context.note_catalog_problem(error)
            return set()
        return {each.asset.id for each in records if each.membership.archived is False}


def tell_unsent(report: BatchReport, ours: frozenset[int], error: JournalError) -> BatchReport:
    """Say of what was planned, and not begun, that it is unsent, and why."""
    reason = JournalError(
        f"not sent: {error.message.removesuffix(', so nothing was sent')}",
        hint=error.hint,
        disk_is_full=error.disk_is_full,
    )
    return msgspec.structs.replace(
        report,
        results=tuple(
            msgspec.structs.replace(result, state=State.UNSENT, error=reason)
            if result.entry_id in ours and result.state is State.PLANNED
            else result
            for result in report.results
        ),
    )


def no_batch(batch_id: int) -> NotThere:
    """Return the error for a number that is no batch's."""
    return NotThere(f"there is no change {batch_id}", hint="coexplorer log shows their numbers")


def _unwritten(state: State) -> Refused:
    how = "not sent" if state is State.PLANNED else "it may have arrived"
    return Refused(
        f"{how}: the journal can't be written at the moment",
        hint="make room on the disk, then retry",
    )


def _under_way() -> Refused:
    return Refused("another process is about to send it", hint="wait for it, then see the log")


def group_by_asset(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Return the entries of each asset; what goes on with a batch adds to one that is there."""
    groups: dict[str | int, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.asset_id or entry.id, []).append(entry)
    return list(groups.values())


def read_outcome(entries: Sequence[Entry]) -> EditResult:
    """Say how far an asset got: the first entry that is not done, or the last, says so.

    What was to be done with it is what the last one does, whichever came before.
    """
    deciding = next((entry for entry in entries if entry.state not in DONE), entries[-1])
    return msgspec.structs.replace(read_result(deciding), action=entries[-1].action)


def _has_archived(entry: Entry) -> bool:
    return entry.action is Action.ARCHIVE and entry.state in DONE
