"""Many assets at once: written down, sent a few at a time, reported one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy

import anyio
import msgspec

from coexplorer.errors import CoexplorerError, JournalError, Refused
from coexplorer.library.asset_checks import allow_unfit
from coexplorer.library.attachments import split_loads
from coexplorer.library.batch_reports import (
    BatchReports,
    group_by_asset,
    no_batch,
    read_outcome,
    tell_unsent,
)
from coexplorer.library.context import Context
from coexplorer.library.edit import Editor
from coexplorer.library.entries import (
    ATTACHING,
    PENDING,
    Action,
    Entry,
    EntryDraft,
    Purpose,
    State,
    is_written_out,
)
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.plans import Plan
from coexplorer.library.refusals import concerns_all
from coexplorer.library.results import BatchProgress, BatchReport, EditResult, read_result
from coexplorer.library.settle import settle_entries, tell_may_come
from coexplorer.models import AssetId

CONCURRENCY = 8
"""Assets of a batch that are on their way at once."""

OnProgress = Callable[[BatchProgress], None]
Stopping = Callable[[], bool]
"""Asked before each asset; once true, those on their way end and no other one is begun."""


def never() -> bool:
    """Go on to the end."""
    return False


class Bulk:
    """Carries batches out.

    Args:
        context: What the session's modules share.
        editor: Sends one asset's change.
    """

    def __init__(self, context: Context, editor: Editor) -> None:
        self._context = context
        self._editor = editor
        self._reports = BatchReports(context)

    async def apply(
        self, plan: Plan, progress: OnProgress | None, stopping: Stopping = never
    ) -> BatchReport:
        """See `Changes.apply`."""
        drafts = [draft for item in plan.items for draft in item.drafts()]
        attaches = bool(drafts) and drafts[0].action in ATTACHING
        if drafts and (attaches or all(draft.needless for draft in drafts)) and not plan.todo:
            # It is kept only where it has the last word over what waits.
            kept = await self._context.run(self._context.journal.kept)
            waiting = {entry.asset_id for entry in kept if (entry.action in ATTACHING) is attaches}
            if waiting.isdisjoint(each.asset_id for each in drafts):
                return _tell_needless(plan)
        return await self.start(drafts, plan.title, progress, stopping=stopping)

    async def start(
        self,
        drafts: Sequence[EntryDraft],
        title: str,
        progress: OnProgress | None,
        *,
        purpose: Purpose = Purpose.DO,
        takes_back: int | None = None,
        into: int | None = None,
        stopping: Stopping = never,
    ) -> BatchReport:
        """Write a batch down as a whole, then carry it out.

        Args:
            drafts: Its entries; entries of one asset follow each other and are sent in this order.
            title: One line for people.
            progress: Called after each asset.
            purpose: Why it is made.
            takes_back: See `Journal.begin`.
            into: See `Journal.begin`.
            stopping: See `Stopping`.

        Raises:
            JournalError: It can't be written down; nothing was sent.
        """
        if not drafts:
            return BatchReport(0, title, ())
        journal = self._context.journal
        batch, written = await self._context.write_down(
            journal.begin,
            drafts,
            title=title,
            purpose=purpose,
            takes_back=takes_back,
            into=into,
        )
        report = await self._run(batch, written, purpose, progress, stopping, first=True)
        if into is None:
            return report
        # What an earlier try has done was told then.
        begun = {draft.asset_id for draft in drafts}
        results = tuple(each for each in report.results if each.asset_id in begun)
        return msgspec.structs.replace(report, results=results)

    async def report(self, batch_id: int) -> BatchReport:
        """See `Changes.report`."""
        return await self._reports.report(batch_id)

    async def resume(
        self,
        batch_id: int,
        progress: OnProgress | None,
        stopping: Stopping = never,
        *,
        refused: bool = False,
        only: Collection[AssetId] | None = None,
    ) -> BatchReport:
        """See `Changes.resume`."""
        journal = self._context.journal
        await self._context.run(journal.ensure_settled)
        batch = await self._context.run(journal.batch, batch_id)
        if batch is None:
            raise no_batch(batch_id)
        lost = await self._context.run(journal.entries_of, batch_id)
        await settle_entries(self._context, lost)
        entries = await self._context.run(journal.entries_of, batch_id)
        settled = {entry.id for entry in lost if entry.state is State.UNKNOWN}
        again = {*PENDING, State.STOPPED, *([State.REFUSED] if refused else [])}
        unsent = [
            entry.id
            for entry in entries
            if entry.state in again
            and entry.action is not Action.CREATE  # the log does not keep what it is made from
            and entry.asset_id  # else nobody knows yet which asset was made
            and not (entry.action is Action.TRANSFER and entry.state is State.UNKNOWN)
            and (only is None or entry.asset_id in only)
            and not is_written_out(entry)
            and not (entry.action is Action.TRANSFER and entry.id in settled)  # it had arrived
        ]
        meant = [entry.id for entry in entries if allow_unfit(entry) is not entry]
        claimed = await self._context.write_down(journal.claim, unsent)
        report = await self._run(batch_id, claimed, batch.purpose, progress, stopping, meant=meant)
        ours = {*claimed, *settled}
        assets = frozenset(entry.asset_id for entry in entries if entry.id in ours)
        coming = {each.id: tell_may_come(each) for each in entries if each.is_awaited}
        results = tuple(
            msgspec.structs.replace(each, error=coming.get(each.entry_id, each.error))
            if each.state is State.UNKNOWN
            else each
            for each in report.results
        )
        return msgspec.structs.replace(report, now=assets, results=results)

    async def _run(
        self,
        batch_id: int,
        ours: Iterable[int],
        purpose: Purpose,
        progress: OnProgress | None,
        stopping: Stopping,
        *,
        meant: Collection[int] = (),
        first: bool = False,
    ) -> BatchReport:
        """Send this session's entries of a batch: other sessions may be sending theirs.

        Entries that are `meant` are sent whatever their assets have become; `first`: none of them
        was tried before. From the moment they
        are written down none is left to be sent unasked, wherever the user stops it.
        """
        journal = self._context.journal
        ours = frozenset(ours)
        tally = _Tally(batch_id, progress)
        tally.tell(None)  # nothing may wait before: whoever stops it from now on needs its number
        groups: list[list[Entry]] = []
        stopped = False

        async def work() -> None:
            nonlocal stopped
            for group in todo:  # shared: each worker takes the next one
                if tally.hopeless is not None:
                    return
                if stopping():
                    stopped = True
                    return
                if group[0].action in ATTACHING:
                    await self._attach(group, purpose, tally, first=first)
                else:
                    tally.add(await self._carry_out(group, purpose, first=first))

        try:
            entries = [
                msgspec.structs.replace(entry, fit=None) if entry.id in meant else entry
                for entry in await self._context.run(journal.entries_of, batch_id)
                if entry.id in ours and entry.state is State.PLANNED
            ]
            groups = group_by_asset(entries)
            attaching = [entry for entry in entries if entry.action in ATTACHING]
            others = [group for group in groups if group[0].action not in ATTACHING]
            loads = [*split_loads(attaching), *others]
            todo = iter(loads)
            tally.total = len(groups)
            tally.tell(None)
            with plain_errors():
                async with anyio.create_task_group() as workers:
                    for _ in range(min(CONCURRENCY, len(loads))):
                        workers.start_soon(work)
        except anyio.get_cancelled_exc_class():
            stopped = True
            raise
        finally:
            unwritten = await self._abandon(batch_id, tally.hopeless, stopped=stopped)
        if unwritten is not None:
            self._reports.remember(batch_id, tally.results)
        tally.note_untried(groups)
        report = await self._reports.report(batch_id, tally.results)
        return report if unwritten is None else tell_unsent(report, ours, unwritten)

    async def _abandon(
        self, batch_id: int, hopeless: CoexplorerError | None, *, stopped: bool
    ) -> JournalError | None:
        """Settle what was not begun; where that can't be written, the next start does it.

        Args:
            batch_id: The batch.
            hopeless: Why it was not begun; None: it was cut off, or its user has stopped it.
            stopped: The latter.

        Returns:
            Why it could not be written: what was done by then must be told anyway.
        """
        try:
            abandon = self._context.journal.abandon_batch
            await self._context.write_down(abandon, batch_id, hopeless, stopped=stopped)
        except JournalError as error:
            return error
        return None

    async def _attach(
        self, entries: Sequence[Entry], purpose: Purpose, tally: _Tally, *, first: bool
    ) -> None:
        """Send what attaches or detaches several assets with one request."""
        results = await self._editor.attach(entries, purpose, cut_off=State.STOPPED, first=first)
        for result in results:
            tally.add(result)

    async def _carry_out(
        self, entries: Sequence[Entry], purpose: Purpose, *, first: bool
    ) -> EditResult:
        """Send one asset's entries in their order; the first that fails ends them."""
        try:
            return await self._editor.carry_out_all(
                entries, purpose, cut_off=State.STOPPED, first=first
            )
        except CoexplorerError as error:
            read = self._context.journal.entry
            noted = [await self._context.run(read, entry.id) for entry in entries]
            outcome = read_outcome([entry for entry in noted if entry is not None])
            return msgspec.structs.replace(outcome, error=error)


def _tell_needless(plan: Plan) -> BatchReport:
    """Return how a plan ends of which nothing would be sent: the log has nothing of it (pure)."""
    results = [
        EditResult(
            entry_id=0,
            batch_id=0,
            asset_id=item.asset_id,
            asset_name=item.name,
            action=item.action,
            state=State.SKIPPED,
            error=Refused(item.reason),
            needless=item.needless,
        )
        for item in plan.items
    ]
    return BatchReport(0, plan.title, tuple(results))


class _Tally:
    """Counts what a batch has done, and tells it.

    Attributes:
        total: How many assets it has.
        results: The known ones, by asset.
        hopeless: Why the others are not tried, when what happened would happen to them too.
    """

    def __init__(self, batch_id: int, progress: OnProgress | None) -> None:
        self.total = 0
        self.results: dict[AssetId, EditResult] = {}
        self.hopeless: CoexplorerError | None = None
        self._batch_id = batch_id
        self._progress = progress
        self._failed = 0

    def add(self, result: EditResult) -> None:
        self.results[result.asset_id] = result
        if result.error is not None and result.state is not State.SKIPPED:
            self._failed += 1
        if self.hopeless is None and result.error is not None and concerns_all(result.error):
            self.hopeless = copy(result.error)
            self.hopeless.message = f"not tried: {result.error.message}"
        self.tell(result)

    def note_untried(self, groups: Iterable[Sequence[Entry]]) -> None:
        """Note assets that were not tried, where that has a reason."""
        if self.hopeless is None:
            return
        for entries in groups:
            if entries[0].asset_id not in self.results:
                result = msgspec.structs.replace(
                    read_result(entries[0]), state=State.UNSENT, error=self.hopeless
                )
                self.results[result.asset_id] = result

    def tell(self, result: EditResult | None) -> None:
        if self._progress:
            done = len(self.results)
            self._progress(BatchProgress(self._batch_id, done, self._failed, self.total, result))
