"""To give and to take access to an asset: what one entry of the journal does.

The same way as an edit: read again, merge member by member, write down the intent, send all three
parts whole, read back. The platform may leave out whom it does not know without a word, so what
counts is what it shows afterwards.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

import anyio
import msgspec

from coexplorer.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    PlatformFault,
    RateLimited,
    Refused,
    Rejected,
)
from coexplorer.library.asset_checks import AssetChecks
from coexplorer.library.attempt import Attempt, build_contested, build_result
from coexplorer.library.context import Context
from coexplorer.library.entries import GIVES_UP, SAID_YES, Action, Entry, Purpose, State
from coexplorer.library.permissions import (
    ensure_understood,
    find_user,
    read_sharing,
    refuse_unseen,
)
from coexplorer.library.results import EditResult, describe_roles_left_alone
from coexplorer.library.settle import judge_share, note_settled
from coexplorer.sharing.changes import (
    MergedSharing,
    compare_roles,
    fill_base,
    loses_ownership,
    merge_sharing,
)
from coexplorer.sharing.roles import EVERYONE, NONE, Sharing
from coexplorer.sharing.sentences import tell_conflict, tell_lacking, tell_mistaken
from coexplorer.sharing.written import build_options

_TRIES = 4
"""Merges of one change that may meet somebody else's before it is given up as a conflict."""
_CONFIRM_S = 10.0
"""The longest time that it is read back after the platform said yes."""
_IGNORED = (
    "look at who can see it in a while, then retry or discard it; a proxy in between may have"
    " answered, or the platform may not"
)
_KEEPS = f"{_IGNORED} let this role be changed, as that of an owner"
_NAMELESS = (
    "check the name as the platform's web page shows it; if it is right, share it again: a proxy in"
    " between may have answered"
)


class Sharer:
    """Sends one entry that shares an asset.

    Args:
        context: What the session's modules share.
        checks: Says whether the asset is still what was selected.
    """

    def __init__(self, context: Context, checks: AssetChecks) -> None:
        self._context = context
        self._checks = checks
        self._user: str | None = None

    async def share(self, attempt: Attempt) -> EditResult:
        """Give and take access as an entry says."""
        entry, context = attempt.entry, self._context
        client = await context.client()
        lost: MergedSharing | None = None
        gives_up = False
        reads: list[Sharing] = []
        for _ in range(_TRIES):
            await self._look(attempt)
            now = await read_sharing(context, entry.asset_id)
            reads += [] if now is None else [now]
            read_at = anyio.current_time()
            if now is None:
                return await self._grant_unseen(attempt)
            await self._settle_others(entry, now)
            if lost and judge_share(_as_sent(entry, lost), now) is State.APPLIED:
                return self._report(attempt, lost, now, gives_up=gives_up)
            _ensure_meant(attempt, now)
            base = fill_base(entry.roles_before, entry.roles, now)
            merged = merge_sharing(base, entry.roles, now)
            if merged.conflicts and attempt.purpose is Purpose.DO:
                attempt.sent = False
                raise Conflict(
                    tell_conflict(merged.conflicts, entry.roles, now, seen=entry.roles_before),
                    hint="look at who can see it now, then share it again",
                )
            if not merged.after:
                return _send_nothing(attempt, merged)
            gives_up = await self._check_ownership(attempt, now, merged.sharing)
            await context.write_down(
                context.journal.intend,
                entry.id,
                roles_before=dict(merged.before),
                roles=dict(merged.after),
            )
            attempt.sent = True
            try:
                await client.share(entry.asset_id, merged.sharing, before=now, read_at=read_at)
            except Conflict as error:  # somebody was faster: read and merge again
                attempt.sent = error.outcome_unknown
                lost = merged if error.outcome_unknown else lost
                continue
            except ApiError as error:
                attempt.note(error)
                if not await self._has_arrived(attempt, merged, error):
                    raise
            now = await self._read_back(attempt, merged)
            if not _is_overwritten(merged, now):
                return self._report(attempt, merged, now, gives_up=gives_up)
        is_changed = any(not each.same_as(reads[0]) for each in reads)
        raise build_contested("who can see this asset", is_changed=is_changed)

    async def _look(self, attempt: Attempt) -> None:
        """Read the asset again, where it matters what else it is."""
        if attempt.entry.fit is None or attempt.purpose is not Purpose.DO:
            return
        asked = time.time()
        asset = await self._context.look(attempt.entry.asset_id)
        attempt.archived = None
        attempt.update_catalog = partial(self._context.remember, asset, at=asked)
        await self._checks.ensure_fits(attempt, asset)

    async def _settle_others(self, entry: Entry, now: Sharing) -> None:
        """Settle what of this asset was shared before and got no reply."""
        pending = await self._context.run(self._context.journal.pending, entry.asset_id)
        for each in pending:
            if each.state is State.UNKNOWN and each.action is Action.SHARE:
                await note_settled(self._context, each, judge_share(each, now))

    async def _check_ownership(self, attempt: Attempt, now: Sharing, then: Sharing) -> bool:
        """Tell whether the user gives their own right up, which they must have said.

        Where nobody can tell who the user is, they may be another owner: False.

        Raises:
            Refused: They would lose it, and have not said so.
        """
        if not await self.loses_ownership(now, then):
            return False
        if GIVES_UP not in attempt.entry.asked and attempt.purpose is Purpose.DO:
            options = shlex.join(build_options(attempt.entry.roles))
            command = f"coexplorer share {attempt.entry.asset_id[:8]} {options} --yes"
            raise Refused(
                "you would no longer be an owner of it",
                hint=f"this does it anyway, for good: {command}",
            )
        return bool(self._user)

    async def loses_ownership(self, now: Sharing, then: Sharing) -> bool:
        """Tell whether this user would no longer be an owner, or nobody would."""
        if not loses_ownership(now, then, ""):
            return False
        return loses_ownership(now, then, await self.find_user())

    @property
    def is_nobody(self) -> bool:
        """Whether the platform was asked who this user is, and nobody can tell."""
        return self._user == ""

    async def find_user(self) -> str:
        """Return this user's address, asked for once; empty: nobody can tell.

        Raises:
            ApiError: The platform can't be asked.
        """
        if self._user is None:
            self._user = await find_user(self._context)
        return self._user

    async def is_no_owner(self, now: Sharing) -> bool:
        """Tell whether only others own an asset; False where nobody can tell who this user is."""
        owners = [each.casefold() for each, role in now.users.items() if role == "owner"]
        with contextlib.suppress(ApiError):  # sending meets it, too, if it matters
            await self.find_user()
        # Who is in a group that owns it is an owner, too.
        by_group = "owner" in now.groups.values()
        return bool(self._user and owners) and not by_group and self._user not in owners

    async def _grant_unseen(self, attempt: Attempt) -> EditResult:
        """Give roles where the platform does not tell who has one."""
        entry, context = attempt.entry, self._context
        if NONE in entry.roles.values() or attempt.purpose is not Purpose.DO:
            raise refuse_unseen()
        await context.write_down(
            context.journal.intend, entry.id, roles_before={}, roles=dict(entry.roles)
        )
        attempt.sent = True
        try:
            await (await context.client()).grant(entry.asset_id, entry.roles)
        except ApiError as error:
            attempt.note(error)
            raise
        attempt.sent = False
        return msgspec.structs.replace(
            build_result(entry, State.APPLIED), changed=tuple(entry.roles)
        )

    async def _has_arrived(self, attempt: Attempt, merged: MergedSharing, error: ApiError) -> bool:
        """Look whether a write that was answered with no arrived nevertheless.

        A proxy that repeats a request hands on the answer to the second try, and that may be any.
        """
        if error.status is None or error.outcome_unknown or isinstance(error, RateLimited):
            return False
        with contextlib.suppress(ApiError):
            now = await read_sharing(self._context, attempt.entry.asset_id)
            return now is not None and not compare_roles(merged.after, now)
        return False

    async def _read_back(self, attempt: Attempt, merged: MergedSharing) -> Sharing:
        """Return who can see the asset after the platform said yes.

        Raises:
            PlatformFault: It can't be asked.
        """
        context, asset_id = self._context, attempt.entry.asset_id
        client = await context.client()
        now, why = None, "it does not answer"
        # The answer was yes: whoever stops now must not leave it open.
        with anyio.move_on_after(_CONFIRM_S, shield=True):
            try:
                now = await client.sharing(asset_id)
            except ApiError as error:
                why = error.message
                if isinstance(error, NotFound | Forbidden) and GIVES_UP in attempt.entry.asked:
                    attempt.update_catalog = partial(context.forget, [asset_id])
                    now = merged.sharing  # as was asked for, it is not theirs to see any more
        if now is None:
            raise PlatformFault(
                f"the platform took it, but can't be asked who can see this asset now: {why}",
                hint="look at who can see it in a while; a retry finds out, too",
                status=HTTPStatus.OK,
                outcome_unknown=True,
            )
        attempt.sent = False
        return now

    def _report(
        self, attempt: Attempt, merged: MergedSharing, now: Sharing, *, gives_up: bool
    ) -> EditResult:
        """Say what the platform made of what was sent.

        Raises:
            PlatformFault: It shows nothing of it: nobody knows whether the request arrived.
            Rejected: The same, where all that was asked for is a role for names that it may not
                know: to send that again by itself would never end.
        """
        attempt.sent = False
        roles = {member: now.role_of(member) for member in merged.after}
        arrived = roles != merged.before
        lacking = compare_roles(merged.after, now)
        told = tell_lacking(lacking, merged.after, merged.before, arrived=arrived)
        if not arrived:
            attempt.answered = True
            if all(merged.before[each] == NONE and each != EVERYONE for each in lacking):
                raise Rejected(f"{SAID_YES}, but {told}", hint=_NAMELESS, status=HTTPStatus.OK)
            attempt.sent = True
            raise PlatformFault(
                f"{SAID_YES}, but {told}",
                hint=_KEEPS,
                status=HTTPStatus.OK,
                outcome_unknown=True,
            )
        return msgspec.structs.replace(
            build_result(attempt.entry, State.APPLIED),
            changed=tuple(each for each in roles if roles[each] != merged.before[each]),
            skipped_fields=merged.conflicts,
            lacking=told,
            roles=roles,
            gives_up=gives_up and merged.sharing.same_as(now),
        )


def _is_overwritten(sent: MergedSharing, now: Sharing) -> bool:
    """Tell whether somebody else's change went over ours: it lacks, and others differ, too."""
    if not compare_roles(sent.after, now):
        return False
    ours = dict.fromkeys(sent.after, NONE)
    return not sent.sharing.with_roles(ours).same_as(now.with_roles(ours))


def plan_reversal(entry: Entry, now: Sharing) -> tuple[MergedSharing, str]:
    """Return what an undo or redo would come to, and what of it is left alone."""
    merged = merge_sharing(entry.roles_before, entry.roles, now)
    return merged, describe_roles_left_alone(merged.conflicts) if merged.conflicts else ""


def _as_sent(entry: Entry, sent: MergedSharing) -> Entry:
    before: Mapping[str, str] = sent.before
    return msgspec.structs.replace(entry, roles_before=dict(before), roles=dict(sent.after))


def _ensure_meant(attempt: Attempt, now: Sharing) -> None:
    """Check that what was read is understood, and that nobody's name was mistyped.

    Raises:
        Refused: It is not so.
    """
    ensure_understood(now)
    if attempt.purpose is not Purpose.DO:
        return
    entry = attempt.entry
    had = entry.roles_before  # whose access others took away meanwhile is no mistake
    named = {each: role for each, role in entry.roles.items() if had.get(each, NONE) == NONE}
    if mistaken := tell_mistaken(named, now):
        attempt.sent = False
        raise Refused(mistaken, hint=f"coexplorer share {entry.asset_id[:8]} shows who has access")


def _send_nothing(attempt: Attempt, merged: MergedSharing) -> EditResult:
    """Return the outcome where nothing is to be sent: it is that way already, or left to others."""
    attempt.sent = False
    if not merged.conflicts:
        return build_result(attempt.entry, State.UNCHANGED)
    again = attempt.purpose
    return msgspec.structs.replace(
        build_result(attempt.entry, State.SKIPPED),
        skipped_fields=merged.conflicts,
        error=Refused(
            f"{describe_roles_left_alone(merged.conflicts)}, so it was left alone",
            hint=f"sort that out and {again} again, or share the asset by hand",
        ),
    )
