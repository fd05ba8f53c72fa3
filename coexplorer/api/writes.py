"""Sends a change of an asset until it is known how it ended (design: api.md, Writes)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from coexplorer.api import calls, permissions, wire
from coexplorer.api.failures import Failure, FailureKind
from coexplorer.api.transport import Judge, Look, Seen, T, Transport
from coexplorer.asset_body import find_odd, find_stayed
from coexplorer.errors import ApiError, BadReply, Conflict
from coexplorer.fields import Fields, keep_unsaid
from coexplorer.models import Asset, AssetId
from coexplorer.sharing.roles import Sharing

_NOT_DONE = (
    "a look shows that nothing was changed: try again in a while; if this goes on, tell who runs"
    " the platform"
)


async def update_asset(
    transport: Transport,
    asset_id: AssetId,
    fields: Fields,
    *,
    before: Fields,
    read_at: float | None = None,
    seen: Asset | None = None,
) -> Asset:
    """Set an asset's fields; see `Client.update`, which takes and raises the same."""
    fields = keep_unsaid(fields, before)
    build = partial(calls.build_update, asset_id, fields, before, seen)
    read = wire.read_asset_of(asset_id)
    deadline = transport.start_clock()

    async def judge(now: Asset, maybe_done: bool) -> None:  # noqa: FBT001 # a `Judge`
        if now.fields.same_as(fields):
            raise _Arrived(now)
        is_as_before = seen is None or find_odd(now) == find_odd(seen)
        if not (now.fields.same_as(before) and is_as_before):
            raise Conflict(
                "this asset was changed elsewhere while the change was on its way",
                hint="look at its current state, then edit again",
                outcome_unknown=maybe_done,
            )

    look = build_look(asset_id, judge, read_at)
    try:
        reply = await _send_until_known(transport, build(), read, look, deadline)
        stayed = find_stayed(reply, before, fields)
        # A platform that merges what is sent into what is there takes null for nothing.
        return (
            await _send_until_known(transport, build(stayed), read, look, deadline)
            if stayed
            else reply
        )
    except _Arrived as arrived:
        return arrived.asset


async def share_asset(
    transport: Transport,
    asset_id: AssetId,
    wanted: Sharing,
    *,
    before: Sharing,
    read_at: float | None = None,
) -> None:
    """Set who can see an asset; see `Client.share`, which takes and raises the same."""

    async def judge(now: Sharing, maybe_done: bool) -> None:  # noqa: FBT001 # a `JudgeOf`
        if now.same_as(wanted):
            raise _SharedError
        if not now.same_as(before):
            raise Conflict(
                "who can see this asset was changed elsewhere while the change was on its way",
                hint="look at who can see it now, then share it again",
                outcome_unknown=maybe_done,
            )

    call = permissions.build_share(asset_id, wanted)
    ask = permissions.build_permissions(asset_id)
    look = Look(ask, permissions.parse_sharing, judge, read_at=read_at)
    done, deadline = wire.read_done_of(asset_id), transport.start_clock()
    with suppress(_SharedError):
        await _send_until_known(transport, call, done, look, deadline)


def build_look(asset_id: AssetId, judge: Judge, read_at: float | None) -> Look[Asset]:
    """Return how an asset that is written is read again; see `Look`."""
    read = wire.read_asset_of(asset_id)
    return Look(calls.build_get(asset_id), read, judge, read_at=read_at)


async def _send_until_known(
    transport: Transport,
    call: calls.Call,
    parse: Callable[[bytes], T],
    look: Look[Seen],
    deadline: float,
) -> T:
    """Send a write; where its reply is lost, look, and send it again if it has not arrived.

    Raises:
        Exception: What the look's judge raises: that it has arrived, or can't any more.
    """
    nth = 0
    while True:
        nth += 1
        try:
            return await transport.send(call, parse, deadline=deadline, look=look)
        except ApiError as error:
            if not error.outcome_unknown:
                raise
            lost = error
        now = None
        with suppress(ApiError):
            now = await transport.send(look.call, look.parse, deadline=deadline)
        if now is None:
            lost.hint = "look at the asset once the platform answers again"
            raise lost  # not where its cause is known: frames hold what is secret
        await look.judge(now, True)
        lost.outcome_unknown = False
        if isinstance(lost, BadReply):
            lost.hint = _NOT_DONE
        if not await transport.wait_after(Failure(FailureKind.LOST, lost), nth, deadline):
            raise lost


class _Arrived(Exception):
    """The platform has what was to be written."""

    def __init__(self, asset: Asset) -> None:
        super().__init__()
        self.asset = asset


class _SharedError(Exception):
    """The platform has what was to be shared."""
