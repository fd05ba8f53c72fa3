"""Many assets at once: planned, written down, sent a few at a time, reported one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from functools import partial

import anyio
import msgspec

from coexplorer.errors import CoexplorerError, InvalidField, JournalError, Refused
from coexplorer.fields import changed_fields, tell_fields
from coexplorer.library.asset_checks import allow_unfit
from coexplorer.library.attach_plans import AttachPlanner
from coexplorer.library.attachments import split_loads
from coexplorer.library.batch_reports import (
    BatchReports,
    group_by_asset,
    no_batch,
    read_outcome,
    tell_unsent,
)
from coexplorer.library.bulk_change import Change
from coexplorer.library.context import Context
from coexplorer.library.document import build_document, find_edits
from coexplorer.library.edit import Editor
from coexplorer.library.entries import (
    ATTACHING,
    Action,
    Entry,
    EntryDraft,
    Purpose,
    State,
    is_written_out,
)
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.metadata import (
    NO_SCHEMA,
    ensure_schema,
    judge_metadata,
    known_schema,
    touches_metadata,
)
from coexplorer.library.planning import build_plan, leave_out_done
from coexplorer.library.plans import Plan, PlanItem, keep_fit
from coexplorer.library.reading import search_time
from coexplorer.library.refusals import concerns_all
from coexplorer.library.results import BatchProgress, BatchReport, EditResult, read_result
from coexplorer.library.selection import Fit, fit_query
from coexplorer.library.settle import settle_entries
from coexplorer.library.share_plans import SharePlanner
from coexplorer.library.transfer import TransferPlanner
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import AssetId, Record
from coexplorer.query import Query, parse_query
from coexplorer.written import use_line_feeds

CONCURRENCY = 8
"""Assets of a batch that are on their way at once."""

OnProgress = Callable[[BatchProgress], None]
Stopping = Callable[[], bool]
"""Asked before each asset; once true, those on their way end and no other one is begun."""


def never() -> bool:
    """Go on to the end."""
    return False


class Bulk:
    """Plans batches and carries them out.

    Args:
        context: What the session's modules share.
        editor: Sends one asset's change.
    """

    def __init__(self, context: Context, editor: Editor) -> None:
        self._context = context
        self._editor = editor
        self._reports = BatchReports(context)

    async def plan(
        self,
        target: Query | str | Sequence[AssetId] | Sequence[Record],
        change: Change,
        fits: Mapping[AssetId, Fit] | None = None,
        heard: Callable[[int], None] | None = None,
        *,
        look: bool = True,
    ) -> Plan:
        """See `Changes.plan`."""
        if change.attaching is not None and change.attaching.detach and (ids := _only_ids(target)):
            return await AttachPlanner(self._context).plan_detach(ids, change.attaching)
        records = await self._load(target)
        if isinstance(target, Query | str):
            query = parse_query(target) if isinstance(target, str) else target
            meant = await self._context.read(self._context.catalog.read_types, query)
            fit = fit_query(meant, search_time())
            fits = {record.asset.id: fit for record in records}
        if change.action is Action.SHARE and change.sharing is not None:
            planner = SharePlanner(self._context, self._editor.sharer)
            return await planner.plan(records, change.sharing, fits or {}, heard, look=look)
        if change.action in ATTACHING and change.attaching is not None:
            return await AttachPlanner(self._context).plan(records, change.attaching)
        if change.transferring is not None and change.action is Action.TRANSFER:
            return await TransferPlanner(self._context).plan(
                records, change.transferring, fits or {}
            )
        is_current = await self._judge_age(change)
        # In a thread: with thousands of assets a front end would stand still for as long.
        build = partial(build_plan, records, change, fits, is_current)
        if not change.metadata:
            return await self._context.read(build)
        return await judge_metadata(self._context, lambda schema: build(schema=schema))

    async def _judge_age(self, change: Change) -> Callable[[Record], bool]:
        """Return what tells if a record is young enough to say that a change is not needed."""
        context = self._context
        if change.archive is None:
            return lambda record: context.is_current(record.fetched_at)
        # Only a search says whether an asset is archived, so only a sweep is sure to have asked.
        state = await context.read(context.catalog.sync_state)
        is_current = context.is_current(state.synced_at)
        return lambda _: is_current

    async def document(self, target: Query | str | Sequence[AssetId]) -> str:
        """See `Changes.document`."""
        records = await self._load(target)
        fields = [(record.asset.id, record.asset.fields) for record in records]
        schema = await ensure_schema(self._context)
        return await self._context.read(build_document, fields, schema)

    async def plan_document(
        self, before: str, after: str, fits: Mapping[AssetId, Fit] | None = None
    ) -> Plan:
        """See `Changes.plan_document`."""
        plan = await judge_metadata(
            self._context, partial(self._plan_edits, before, after, fits or {}), warn=False
        )
        names = [name for each in plan.items for name in changed_fields(each.base, each.mine)]
        if touches_metadata(names) and not (await known_schema(self._context)).known:
            self._context.tell(NO_SCHEMA)
        return plan

    @staticmethod
    def _plan_edits(
        before: str, after: str, fits: Mapping[AssetId, Fit], schema: MetadataSchema
    ) -> Plan:
        items = []
        for edit in find_edits(before, use_line_feeds(after, before=before), schema):
            mine = tidy_fields(edit.mine, edit.base)
            changed = changed_fields(edit.base, mine)
            if not changed:
                continue  # of what was only shown nothing is asked
            try:
                check_fields(mine, only=changed, known=(edit.base,), schema=schema)
            except InvalidField as error:
                message = error.message.removeprefix(f"{tell_fields([error.field])}: ")
                raise InvalidField(error.field, f"{message} (asset {edit.asset_id})") from error
            item = PlanItem(
                edit.asset_id,
                edit.base.name,
                Action.EDIT,
                edit.base,
                mine,
            )
            fit = fits.get(edit.asset_id)
            typed = None if fit is None else msgspec.structs.replace(fit, typed=True)
            items.append(keep_fit(item, typed))
        return Plan("edit as text", tuple(items))

    async def leave_out_done(self, plan: Plan) -> Plan:
        """Return a plan of a document without what was done since the document was built."""
        records = await self._context.records([item.asset_id for item in plan.todo])
        known = {record.asset.id: record for record in records}
        items = []
        for item in plan.items:
            record = None if item.reason else known.get(item.asset_id)
            if record is not None:
                is_current = self._context.is_current(record.fetched_at)
                item = leave_out_done(item, record.asset.fields, is_current=is_current)  # noqa: PLW2901 - the same one
            items.append(item)
        return msgspec.structs.replace(plan, items=tuple(items))

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
        again = {State.UNSENT, State.STOPPED, State.CONFLICT, *([State.REFUSED] if refused else [])}
        unsent = [
            entry.id
            for entry in entries
            if entry.state in again
            and entry.action is not Action.CREATE  # the log does not keep what it is made from
            and (only is None or entry.asset_id in only)
            and not is_written_out(entry)
            and not (entry.action is Action.TRANSFER and entry.id in settled)  # it had arrived
        ]
        meant = [entry.id for entry in entries if allow_unfit(entry) is not entry]
        claimed = await self._context.write_down(journal.claim, unsent)
        report = await self._run(batch_id, claimed, batch.purpose, progress, stopping, meant=meant)
        ours = {*claimed, *settled}
        assets = frozenset(entry.asset_id for entry in entries if entry.id in ours)
        return msgspec.structs.replace(report, now=assets)

    async def _load(
        self, target: Query | str | Sequence[AssetId] | Sequence[Record]
    ) -> list[Record]:
        if isinstance(target, Query | str):
            query = parse_query(target) if isinstance(target, str) else target
            return await self._context.records(query)
        shown = [each for each in target if isinstance(each, Record)]
        wanted = [each for each in target if not isinstance(each, Record)]
        if shown or not wanted:
            return shown
        records = await self._context.records(wanted)
        known = {record.asset.id: record for record in records}
        return [known.get(each) or await self._context.fetch(each) for each in wanted]

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


def _only_ids(target: Query | str | Sequence[AssetId] | Sequence[Record]) -> list[AssetId]:
    """Return the ids that a target is; none if it is anything else (pure)."""
    if isinstance(target, Query | str):
        return []
    ids = [each for each in target if not isinstance(each, Record)]
    return ids if len(ids) == len(target) else []


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
