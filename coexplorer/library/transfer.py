"""Moves assets' files to another storage, for administrators.

The platform takes such a request at once and goes on in the background, for hours perhaps. Nobody
knows what a second request does meanwhile, so none is ever sent again: after a lost reply the asset
tells, by its time of the last transfer, its place, or its error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

import anyio
import msgspec

from coexplorer.assets import read_transfer
from coexplorer.errors import (
    ApiError,
    Forbidden,
    NotFound,
    PlatformTooOld,
    Refused,
    Rejected,
)
from coexplorer.library.asset_checks import AssetChecks
from coexplorer.library.attempt import Attempt, build_result
from coexplorer.library.context import Context
from coexplorer.library.entries import FOUND, Action, Entry, State
from coexplorer.library.journal_outcomes import EntryOutcome
from coexplorer.library.plans import Plan, PlanItem, keep_fit
from coexplorer.library.results import BatchReport, EditResult, read_result
from coexplorer.library.selection import Fit
from coexplorer.library.transfer_target import (
    Transferring,
    check_places,
    is_again,
    is_there,
    judge_transfer,
    read_before,
    shows_old_error,
    target_of,
    tell_failed,
    tell_unfinished,
)
from coexplorer.models import Asset, AssetId, AssetState, AssetType, Dialect, Record
from coexplorer.text import clean

_POLLS_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between looks whether the files have moved; the last one is repeated."""
_LOOKS_AT_OLD_ERROR: Final = 3
"""After so many looks at the error of an earlier try nobody waits for another one."""
CAUTION: Final = (
    "a transfer can't be undone; afterwards the files are only in the new place, for people and"
    " pipelines alike"
)
"""What is to be known before anything is transferred."""

LOOK: Final = "coexplorer retry looks whether its files have moved, and sends nothing"
"""What to do if nobody knows how a transfer ended."""

HeardMoved = Callable[[int, int], None]
"""Hears of how many assets the files have moved, or could not, of how many."""


async def ensure_transfers(context: Context) -> None:
    """Check that the platform can transfer assets.

    Raises:
        PlatformTooOld: It can't.
        ApiError: It can't be asked.
    """
    client = await context.client()
    is_legacy = (client.dialect or await client.fetch_dialect()) is Dialect.LEGACY
    if is_legacy or await client.is_before("3.1"):
        raise PlatformTooOld(
            "this platform is too old to transfer assets: that takes version 3.1",
            hint="ask who runs the platform for an update",
        )


def find_obstacle(asset: Asset) -> str:
    """Say why an asset can't be transferred, as far as it shows (pure); empty: it can."""
    if asset.type == AssetType.COMBINED:
        return "it is made of other assets, which have the files: transfer those"
    if asset.state != AssetState.READY:
        return f"it is in state {asset.state}: only what is ready can be transferred"
    return ""


async def settle_transfers(context: Context, asset: Asset) -> Entry | None:
    """Write down which earlier transfers of an asset that was just read have ended.

    Returns:
        The newest one that has not, as far as anybody knows; None: all have.
    """
    left = None
    for entry in await context.run(context.journal.unfinished_transfers, asset.id):
        found = judge_transfer(entry, asset)
        if found is None:
            left = entry
            continue
        await context.write_down(context.journal.settle_together, [build_outcome(entry, *found)])
    return left


def build_outcome(entry: Entry, state: State, reason: str) -> EntryOutcome:
    """Return what is written down of a transfer that has ended (pure)."""
    if state is not State.APPLIED:
        return EntryOutcome(entry.id, state, tell_failed(reason))
    found = entry.state is State.UNKNOWN
    return EntryOutcome(entry.id, state, Refused(FOUND) if found else None, found=found)


class TransferPlanner:
    """Plans transfers.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def plan(
        self, records: Sequence[Record], transferring: Transferring, fits: Mapping[AssetId, Fit]
    ) -> Plan:
        """Say what becomes of each asset.

        Raises:
            InvalidField: Several assets are to go to one place.
            PlatformTooOld: The platform can't do it.
            ApiError: It can't be asked.
        """
        check_places(transferring.target, len(records))
        await ensure_transfers(self._context)
        items = []
        unfinished = await self._context.run(self._context.journal.unfinished_transfers)
        begun = {each.asset_id for each in unfinished}
        for record in records:
            asset = record.asset
            if asset.id in begun and not transferring.again:
                asset = (await self._context.fetch(asset.id)).asset
                if earlier := await settle_transfers(self._context, asset):
                    item = _plan_one(asset, transferring)
                    why = tell_unfinished(earlier)
                    reason = f"{why.message} ({why.hint})"
                    items.append(msgspec.structs.replace(item, reason=item.reason or reason))
                    continue
            elif asset.state == AssetState.DRAFT and not self._context.is_current(
                record.fetched_at
            ):
                asset = (await self._context.fetch(asset.id)).asset  # it may be ready by now
            items.append(keep_fit(_plan_one(asset, transferring), fits.get(asset.id)))
        return Plan(transferring.told, tuple(items), caution=CAUTION)


def _plan_one(asset: Asset, transferring: Transferring) -> PlanItem:
    roles = transferring.roles_for(asset)
    item = PlanItem(asset.id, asset.name, Action.TRANSFER, asset.fields, asset.fields)
    if is_there(asset, roles):
        return msgspec.structs.replace(item, reason="its files are there already", needless=True)
    if reason := find_obstacle(asset):
        return msgspec.structs.replace(item, reason=reason)
    return msgspec.structs.replace(item, roles_before=read_before(asset), roles=roles)


class Transferer:
    """Sends one entry that transfers an asset, and waits for its end.

    Args:
        context: What the session's modules share.
        checks: Says whether the asset is still what was selected.
    """

    def __init__(self, context: Context, checks: AssetChecks) -> None:
        self._context = context
        self._checks = checks

    async def transfer(self, attempt: Attempt) -> EditResult:
        """Ask for the transfer, once."""
        entry, context = attempt.entry, self._context
        target, force = target_of(entry)
        asset = await context.look(entry.asset_id)
        await ensure_transfers(context)
        await self._checks.ensure_fits(attempt, asset)
        if is_there(asset, entry.roles):
            return build_result(entry, State.UNCHANGED, asset.name)
        if reason := find_obstacle(asset):
            raise Refused(reason)
        earlier = await settle_transfers(context, asset)
        if earlier is not None and not is_again(entry):
            raise tell_unfinished(earlier)
        before = read_before(asset)
        entry = msgspec.structs.replace(entry, roles_before=before)
        client = await context.client()
        await context.write_down(
            context.journal.intend, entry.id, roles_before=before, roles=dict(entry.roles)
        )
        attempt.sent = True
        try:
            await client.transfer(entry.asset_id, target, force=force)
        except ApiError as error:
            attempt.note(error)
            if not error.outcome_unknown:
                raise _explain(error) from error
            found = judge_transfer(entry, await context.look(entry.asset_id))
            if found is None:
                error.hint = f"it is not sent again: {LOOK}"
                raise
            if found[0] is State.REFUSED:
                attempt.sent = error.outcome_unknown = False
                raise tell_failed(found[1]) from error
            attempt.sent = False
            return build_result(entry, State.APPLIED, asset.name)
        attempt.sent = False
        attempt.update_catalog = partial(self._look_again, entry.asset_id)
        result = build_result(entry, State.APPLIED, asset.name)
        return msgspec.structs.replace(result, moving=True)

    async def _look_again(self, asset_id: AssetId) -> None:
        """Read an asset again; that it can't be read now says nothing of the transfer."""
        try:
            await self._context.fetch(asset_id)
        except ApiError:
            return

    async def wait_moved(self, entry_ids: Collection[int], heard: HeardMoved | None = None) -> None:
        """Ask until the files of transfers have moved, or could not; the caller sets a deadline.

        What could not is written down as refused, with the platform's reason. One that nobody knows
        to have arrived is waited for as well: nobody else tells whether it has.

        Raises:
            ApiError: The platform can't be asked any more; what is known by then is written down.
        """
        done, looks = 0, 0
        cleared: set[int] = set()
        old: Counter[int] = Counter()
        left = [each for each in await self.find_unfinished() if each.id in entry_ids]
        while left:
            if heard is not None:
                heard(done, done + len(left))
            for entry in left:
                if outcome := await self._look(entry, cleared, old):
                    done += 1
                    journal = self._context.journal
                    await self._context.write_down(journal.settle_together, [outcome])
                    given_up = outcome.state is State.UNKNOWN
                    entry_ids = {*entry_ids} - ({entry.id} if given_up else set())
            left = [each for each in await self.find_unfinished() if each.id in entry_ids]
            if left:
                await anyio.sleep(_POLLS_S[min(looks, len(_POLLS_S) - 1)])
            looks += 1
        if heard is not None and looks:
            heard(done, done)

    async def find_unfinished(self, ids: Collection[AssetId] | None = None) -> list[Entry]:
        """Return transfers that have not ended, as far as anybody knows; None: of all assets."""
        entries = await self._context.run(self._context.journal.unfinished_transfers)
        return [each for each in entries if ids is None or each.asset_id in ids]

    async def report(self, entry_ids: Sequence[int]) -> BatchReport:
        """Say how transfers stand, of whichever changes they are; `entry_ids` is not empty."""
        journal = self._context.journal
        entries = [await self._context.run(journal.entry, each) for each in entry_ids]
        results = tuple(read_result(each) for each in entries if each is not None)
        newest = max(each.batch_id for each in results)
        batch = await self._context.run(journal.batch, newest)
        return BatchReport(newest, batch.title if batch is not None else "transfer", results)

    async def _look(
        self, entry: Entry, cleared: set[int], old: Counter[int]
    ) -> EntryOutcome | None:
        """Look at one asset; None: its files are still being moved.

        Args:
            entry: The transfer.
            cleared: Where an earlier look has shown no error; added to.
            old: How often a look has shown the error of an earlier try; counted on.
        """
        try:
            asset = (await self._context.fetch(entry.asset_id)).asset
        except NotFound as gone:
            return EntryOutcome(entry.id, State.REFUSED, gone)
        if not read_transfer(asset).error:
            cleared.add(entry.id)
        found = judge_transfer(entry, asset, anew=entry.id in cleared)
        if found is not None:
            return build_outcome(entry, *found)
        old[entry.id] += shows_old_error(entry, asset)
        if old[entry.id] < _LOOKS_AT_OLD_ERROR:
            return None
        error = clean(read_transfer(asset).error)
        told = f"it shows the error of an earlier try, so nobody knows of this one: {error}"
        return EntryOutcome(entry.id, State.UNKNOWN, Refused(told, hint=LOOK))


def _explain(error: ApiError) -> ApiError:
    """Return what a refusal means: the right to transfer is no right to an asset."""
    if isinstance(error, Forbidden) and not error.by_page:
        return Forbidden(
            "only administrators of the platform can transfer assets, and your token is not one's",
            hint="ask an administrator, or sign in with the token of one: coexplorer login",
            status=error.status,
        )
    if isinstance(error, Rejected) and "force" in error.message:
        error.hint = "--force transfers it nevertheless; its pipelines may need a new release"
    return error
