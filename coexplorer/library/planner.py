"""Reads what a change of many assets is about, and plans it; sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from coexplorer.errors import InvalidField
from coexplorer.fields import changed_fields, tell_fields
from coexplorer.library.attach_plans import AttachPlanner
from coexplorer.library.bulk_change import Change
from coexplorer.library.context import Context
from coexplorer.library.document import build_document, find_edits
from coexplorer.library.entries import (
    ATTACHING,
    Action,
)
from coexplorer.library.metadata import (
    NO_SCHEMA,
    ensure_schema,
    judge_metadata,
    known_schema,
    touches_metadata,
)
from coexplorer.library.planning import build_plan, leave_out_done
from coexplorer.library.plans import Plan, PlanItem, keep_fit
from coexplorer.library.query_hints import ensure_meant
from coexplorer.library.reading import Reading, search_time
from coexplorer.library.selection import Fit, fit_query
from coexplorer.library.share import Sharer
from coexplorer.library.share_plans import SharePlanner
from coexplorer.library.transfer import TransferPlanner
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import AssetId, Record
from coexplorer.query import Query, parse_query
from coexplorer.written import use_line_feeds


class Planner:
    """Plans what is done to many assets.

    Args:
        context: What the session's modules share.
        sharer: Knows who this user is, where assets are shared.
    """

    def __init__(self, context: Context, sharer: Sharer) -> None:
        self._context = context
        self._sharer = sharer

    async def plan(
        self,
        target: Query | str | Sequence[AssetId] | Sequence[Record],
        change: Change,
        fits: Mapping[AssetId, Fit] | None = None,
        heard: Callable[[int], None] | None = None,
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
            planner = SharePlanner(self._context, self._sharer)
            return await planner.plan(records, change.sharing, fits or {}, heard)
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

    async def _load(
        self, target: Query | str | Sequence[AssetId] | Sequence[Record]
    ) -> list[Record]:
        if isinstance(target, Query | str):
            query = parse_query(target) if isinstance(target, str) else target
            assets = Reading(self._context.catalog, self._context.read)
            await ensure_meant(assets, query, search_time())
            return await self._context.records(query)
        shown = [each for each in target if isinstance(each, Record)]
        wanted = [each for each in target if not isinstance(each, Record)]
        if shown or not wanted:
            return shown
        records = await self._context.records(wanted)
        known = {record.asset.id: record for record in records}
        return [known.get(each) or await self._context.fetch(each) for each in wanted]


def _only_ids(target: Query | str | Sequence[AssetId] | Sequence[Record]) -> list[AssetId]:
    """Return the ids that a target is; none if it is anything else (pure)."""
    if isinstance(target, Query | str):
        return []
    ids = [each for each in target if not isinstance(each, Record)]
    return ids if len(ids) == len(target) else []
