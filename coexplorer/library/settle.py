"""Changes of unknown outcome, settled by a look at the platform (design: api.md, Writes)."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from coexplorer.api.creation import may_be_of
from coexplorer.computations import AttachedAsset
from coexplorer.errors import ApiError, BadReply, CoexplorerError, NotFound, PlatformTooOld, Refused
from coexplorer.fields import FieldKind, Fields, changed_fields, field_named, same_value
from coexplorer.library.attachments import (
    describe_workplace,
    find_attached,
    key_of,
    split_loads,
    workplace_of,
)
from coexplorer.library.context import Context
from coexplorer.library.entries import (
    ANSWERED,
    ATTACHING,
    FOUND,
    MAY_COME,
    NOT_THERE_YET,
    STOPPED_SENDING,
    Action,
    Entry,
    State,
)
from coexplorer.library.events import EditApplied, EditFailed
from coexplorer.library.made_of import read_noted
from coexplorer.library.permissions import read_sharing
from coexplorer.library.results import name_left_alone
from coexplorer.library.transfer_target import judge_transfer, tell_failed
from coexplorer.models import Asset, AssetId, Membership, SearchRequest, SortField
from coexplorer.sharing.roles import Sharing

if TYPE_CHECKING:
    from coexplorer.api import Client

_CLOCK_SLACK_S = 600.0
"""A create that is looked for may bear a time this much before ours: two clocks."""

_LOOKS_AFTER_S = (5.0, 15.0, 30.0, 60.0, 120.0)
"""When to look again for what was not there, from the first look on."""
LATE_S = _LOOKS_AFTER_S[-1]
"""What a look does not show may still be on its way for so long; then it has not arrived."""
_MOST_LOOKED_FOR = 20
"""Only the newest are looked for: each look is a request or two."""

_NAME_PREFIX = 20
"""The platform finds nothing for a longer ``name:`` (design: api.md, Search parameters)."""


def judge_edit(entry: Entry, theirs: Asset) -> State:
    """Say what became of an edit, by what the platform has now: part by part.

    A request sets all of its parts or none. So one text, one tag or one key of custom metadata that
    is as it was sent shows that the request arrived, whatever others did to the rest since.

    Returns:
        ``applied`` when any part is as it was sent, or nothing was to change; ``unsent`` when each
        is as it was before; otherwise ``conflict``: nothing of it is there, and somebody changed
        what was there before.
    """
    if entry.before is None or entry.after is None:
        return State.UNSENT
    arrived, untouched = _compare(entry.before, entry.after, theirs)
    if any(arrived) or not arrived:
        return State.APPLIED
    return State.UNSENT if all(untouched) else State.CONFLICT


def is_as_sent(entry: Entry, theirs: Asset) -> bool:
    """Tell whether each part of an edit is as it was sent."""
    if entry.before is None or entry.after is None:
        return False
    arrived, _ = _compare(entry.before, entry.after, theirs)
    return bool(arrived) and all(arrived)


def _compare(before: Fields, after: Fields, theirs: Asset) -> tuple[list[bool], list[bool]]:
    """Tell of each part that was sent whether it is as it was sent, and whether as before."""
    arrived, untouched = [], []
    for field in changed_fields(before, after):
        row = field_named(field)
        if row.kind is FieldKind.SET:
            old, new, now = (set(row.set_of(each)) for each in (before, after, theirs.fields))
            arrived += [(part in new) is (part in now) for part in old ^ new]
            untouched += [(part in old) is (part in now) for part in old ^ new]
        else:
            arrived.append(same_value(after, theirs.fields, field))
            untouched.append(same_value(before, theirs.fields, field))
    return arrived, untouched


def judge_share(entry: Entry, now: Sharing) -> State:
    """Say what became of a change of who can see an asset, as `judge_edit` does, by member."""
    before, sent = entry.roles_before, entry.roles
    members = [member for member in sent if sent[member] != before.get(member)]
    if not members or any(now.role_of(each) == sent[each] for each in members):
        return State.APPLIED
    untouched = all(now.role_of(each) == before.get(each) for each in members)
    return State.UNSENT if untouched else State.CONFLICT


async def settle_edits(context: Context, theirs: Asset) -> None:
    """Settle edits of unknown outcome of an asset that was just read."""
    for entry in await context.run(context.journal.pending, theirs.id):
        if entry.state is State.UNKNOWN and entry.action is Action.EDIT:
            await note_settled(context, entry, judge_edit(entry, theirs))
        elif _has_come(entry, theirs):
            await note_settled(context, entry, State.APPLIED)


async def settle_late(context: Context) -> int:
    """Settle edits that a look did not find, where the catalog has seen them since; ask nobody.

    A proxy may hold a request back: whoever looks then does not find it, and it arrives later.

    Returns:
        How many there were.

    Raises:
        JournalError: The journal can't be read.
    """
    count = 0
    for entry in await context.run(context.journal.find_late):
        record = await context.known(entry.asset_id)
        is_news = record is not None and record.fetched_at > (entry.settled_at or math.inf)
        if record is not None and is_news and _has_come(entry, record.asset):
            await note_settled(context, entry, State.APPLIED)
            count += 1
    return count


def may_come(entry: Entry) -> bool:
    """Tell whether what a look does not show may still be on its way."""
    return entry.is_awaited and time.time() - (entry.settled_at or -math.inf) < LATE_S


def tell_may_come(entry: Entry) -> ApiError:
    """Say that nobody knows yet whether a change arrives."""
    hint = f"look again in two minutes: coexplorer retry --batch {entry.batch_id}"
    if entry.action is Action.CREATE:
        hint = f"{hint}; do not create it again before that"
    return ApiError(MAY_COME, hint=hint, outcome_unknown=True)


async def look_again(context: Context, looked: dict[int, int]) -> None:
    """Look a few times more for what was sent, and was not there at first.

    Who was killed while it archived an asset leaves a request that a proxy may still hold: nothing
    but a look shows that it came.

    Args:
        context: What the session's modules share.
        looked: How often each entry was looked for in this session; it is brought up to date.

    Raises:
        JournalError: The journal can't be read.
        ApiError: The platform can't be asked.
    """
    now = time.time()

    def is_due(entry: Entry) -> bool:
        due = sum(now - (entry.settled_at or now) >= after_s for after_s in _LOOKS_AFTER_S)
        done = looked.get(entry.id, 0)
        looked[entry.id] = max(due, done)
        return done < due

    pending = await context.run(context.journal.pending)
    await settle_entries(
        context, [each for each in pending[-_MOST_LOOKED_FOR:] if each.is_awaited and is_due(each)]
    )
    entries = await context.run(context.journal.find_not_there, now - 2 * _LOOKS_AFTER_S[-1])
    for entry in entries[-_MOST_LOOKED_FOR:]:
        if not is_due(entry) or not await _is_there(context, entry):
            continue
        present = await context.run(context.journal.entry, entry.id)
        if present is not None and present.state is State.UNSENT:  # nobody sends it again
            await note_settled(context, entry, State.APPLIED)


def _has_come(entry: Entry, theirs: Asset) -> bool:
    """Tell whether the platform has what a look did not find at first.

    Where the look found something else, only all of it shows that.
    """
    if entry.action is not Action.EDIT or entry.cause is not None:
        return False
    if entry.state is State.CONFLICT:
        return is_as_sent(entry, theirs)
    was_sent = entry.before is not None and entry.after is not None
    return was_sent and entry.state is State.UNSENT and judge_edit(entry, theirs) is State.APPLIED


async def settle_entries(context: Context, entries: Iterable[Entry]) -> list[Entry]:
    """Ask the platform about entries of unknown outcome; return them as they are now.

    Raises:
        ApiError: The platform can't be asked; what is settled by then stays so.
    """
    unknown = [entry for entry in entries if entry.state is State.UNKNOWN]
    attaching = [entry for entry in unknown if entry.action in ATTACHING]
    for load in split_loads(attaching):
        await _settle_attaching(context, load)
    for entry in unknown:
        if entry.action not in ATTACHING:
            await _settle(context, entry)
    settled = [await context.run(context.journal.entry, entry.id) for entry in unknown]
    return [entry for entry in settled if entry is not None]


async def find_archived(client: Client, asset: Asset) -> bool:
    """Tell whether an asset is archived: only a search knows (design: api.md, The asset object).

    Raises:
        ApiError: The platform can't be asked, or does not show all that it finds.
    """
    request = SearchRequest(query=name_query(asset.name), archived=True)
    pages = client.iter_pages(request)
    async for page in pages:
        if any(found.id == asset.id for found in page):
            return True
    if pages.incomplete is not None:
        raise BadReply(
            f"nobody can tell whether this asset is archived: {pages.incomplete}",
            hint="try again in a while",
        )
    return False


async def _settle_attaching(context: Context, entries: Sequence[Entry]) -> None:
    """Settle what was attached to a workplace, or detached, by one look at it."""
    workplace, wanted = workplace_of(entries[0]), entries[0].action is Action.ATTACH
    client = await context.client()
    attached: Sequence[AttachedAsset] | None = None
    with contextlib.suppress(PlatformTooOld):  # it never tells; to do it again does no harm
        try:
            attached = await client.workplaces.attached(workplace)
        except NotFound:
            for entry in entries:
                await note_settled(context, entry, State.REFUSED)
            return
    for entry in entries:
        present = find_attached(attached or (), entry.asset_id)
        arrived = attached is not None and (present is not None) is wanted
        roles = {key_of(workplace): present.mount} if present is not None and wanted else None
        state = State.APPLIED if arrived else State.UNSENT
        await note_settled(context, entry, state, roles=roles, seen=attached is not None)


async def _settle(context: Context, entry: Entry) -> None:
    client = await context.client()
    if entry.action is Action.CREATE:
        others = await context.run(context.journal.created_ids)
        found = await _find_created(client, entry, others)
        state = State.REFUSED if found is None else State.APPLIED
        await note_settled(context, entry, state, asset_id=found.id if found else None)
        return
    try:
        theirs = (await context.fetch(entry.asset_id)).asset
    except NotFound:
        await note_settled(
            context, entry, State.APPLIED if entry.action is Action.DELETE else State.REFUSED
        )
        return
    if entry.action is Action.EDIT:
        await note_settled(context, entry, judge_edit(entry, theirs))
    elif entry.action is Action.TRANSFER:
        await _settle_transfer(context, entry, theirs)
    elif entry.action is Action.DELETE:
        await note_settled(context, entry, State.UNSENT)
    elif entry.action is Action.SHARE:
        now = await read_sharing(context, entry.asset_id)
        # Where the platform never tells, giving the same access again does no harm.
        state = State.UNSENT if now is None else judge_share(entry, now)
        await note_settled(context, entry, state, seen=now is not None)
    else:
        arrived = await _is_archived_so(context, entry, theirs)
        await note_settled(context, entry, State.APPLIED if arrived else State.UNSENT)


async def _is_archived_so(context: Context, entry: Entry, theirs: Asset) -> bool:
    """Tell whether an asset is archived, or not, as was wanted; the catalog hears which."""
    archived = await find_archived(await context.client(), theirs)
    await context.set_membership([entry.asset_id], Membership(archived=archived))
    return archived is (entry.action is Action.ARCHIVE)


async def _is_there(context: Context, entry: Entry) -> bool:
    """Tell whether an archive, a delete, or a change of who can see an asset has come."""
    try:
        theirs = (await context.fetch(entry.asset_id)).asset
    except NotFound:
        return entry.action is Action.DELETE
    if entry.action is Action.DELETE:
        return False
    if entry.action is Action.SHARE:
        now = await read_sharing(context, entry.asset_id)
        return now is not None and judge_share(entry, now) is State.APPLIED
    return await _is_archived_so(context, entry, theirs)


async def _settle_transfer(context: Context, entry: Entry, theirs: Asset) -> None:
    """Settle a transfer once its asset tells: until then it is unknown, and never sent again."""
    found = judge_transfer(entry, theirs)
    if found is None:
        return
    state, reason = found
    if state is State.APPLIED:
        await note_settled(context, entry, state)
        return
    error = tell_failed(reason)
    await context.settle(entry.id, state, error=error)
    context.bus.publish(EditFailed(entry.id, entry.asset_id, entry.action, error))


async def note_settled(
    context: Context,
    entry: Entry,
    state: State,
    *,
    asset_id: AssetId | None = None,
    roles: dict[str, str] | None = None,
    seen: bool = True,
) -> None:
    """Write down what a look has shown of an entry of unknown outcome.

    What it does not show, and may still be on its way (`may_come`), is left unknown.

    Args:
        context: What the session's modules share.
        entry: The entry.
        state: What it is now.
        asset_id: Of what was made.
        roles: What the platform shows.
        seen: False: the platform never tells, so the look has shown nothing.
    """
    missing = State.REFUSED if entry.action is Action.CREATE else State.UNSENT
    if state is missing and may_come(entry):
        return
    if state is State.UNSENT and entry.reason == STOPPED_SENDING:
        state = State.STOPPED  # nobody wants it sent until it is named
    errors: dict[State, CoexplorerError] = {
        State.STOPPED: Refused(
            NOT_THERE_YET, hint=f"go on with: coexplorer retry --batch {entry.batch_id}"
        ),
        State.UNSENT: _tell_not_there(entry, seen=seen),
        State.REFUSED: Refused(NOT_THERE_YET, hint="create it again")
        if entry.action is Action.CREATE
        else _tell_gone(entry),
        State.CONFLICT: Refused(
            "it was changed to something else since, so nothing shows whether it had arrived",
            hint="look at the asset, then retry or discard it",
        ),
    }
    error = errors.get(state)
    found = state is State.APPLIED
    await context.settle(
        entry.id,
        state,
        error=error or (Refused(FOUND) if found else None),
        asset_id=asset_id,
        whole=not name_left_alone(entry),
        found=found,
        late=state is State.UNSENT,
        roles=roles,
    )
    named = asset_id or entry.asset_id
    if error is None:
        context.bus.publish(EditApplied(entry.id, named, entry.action))
    else:
        context.bus.publish(EditFailed(entry.id, named, entry.action, error))


def _tell_not_there(entry: Entry, *, seen: bool) -> Refused:
    """Say that the platform does not show what may have been sent; never more than is known."""
    if not seen:
        return Refused(
            "nobody can tell whether it reached the platform, which never shows such changes",
            hint="retry it, which does no harm, or discard it",
        )
    if entry.reason.startswith(ANSWERED):
        answer, _, _ = entry.reason.partition(",")
        return Refused(
            f"{answer}, but shows nothing of it", hint=entry.hint or "retry or discard it"
        )
    return Refused(NOT_THERE_YET, hint="retry or discard it")


def _tell_gone(entry: Entry) -> NotFound:
    """Say that what a change was of is not there any more."""
    if entry.action in ATTACHING:
        where = describe_workplace(workplace_of(entry))
        return NotFound(f"there is no {where} any more, or you can't see it")
    return NotFound("no such asset, or not shared with you", hint="it did not arrive before that")


async def _find_created(client: Client, entry: Entry, others: Collection[AssetId]) -> Asset | None:
    if entry.mine is None:
        return None
    source = read_noted(entry.asked)
    request = SearchRequest(
        query=name_query(entry.mine.name),
        archived=None,
        sort_field=SortField.CREATED,
        descending=True,
    )
    async for page in client.iter_pages(request):
        for asset in page:
            same = (asset.name, asset.mount or "") == (entry.mine.name, entry.mine.mount or "")
            is_new = asset.id not in others and (source is None or may_be_of(source, asset))
            if same and is_new and (asset.created or 0) >= entry.at - _CLOCK_SLACK_S:
                return asset
    return None


def name_query(name: str) -> str:
    """Ask for a name in the platform's own syntax; nothing when its quotes can't hold it."""
    prefix = name[:_NAME_PREFIX].strip()
    return f'name:"{prefix}"' if prefix and '"' not in prefix else ""
