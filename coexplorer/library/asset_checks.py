"""Whether an asset, read again around a write, is still what the change was meant for."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from http import HTTPStatus

import anyio
import msgspec

from coexplorer.errors import (
    ApiError,
    BadReply,
    ChangedSince,
    CoexplorerError,
    Forbidden,
    NoLongerFits,
    NotFound,
    PlatformFault,
    RateLimited,
    Refused,
    Rejected,
)
from coexplorer.fields import changed_fields
from coexplorer.library.attempt import Attempt
from coexplorer.library.confirm import Wanted, build_ignored, build_unlike
from coexplorer.library.context import Context
from coexplorer.library.entries import Action, Entry, Purpose, State
from coexplorer.library.selection import was_unfit
from coexplorer.library.settle import find_archived, is_as_sent
from coexplorer.models import Asset, AssetId, Membership, Record

_CONFIRM_S = 10.0
"""The longest time that an asset is looked at after a write that was answered with yes."""
_SEARCH_BEHIND_S = (0.5, 1.0, 2.0, 0.0)
"""Waits for a search to find what was archived just now, after each look."""
_DELETING_S = 1.0
"""How long a platform may go on showing what it has just deleted."""


class AssetChecks:
    """Asks the platform about one asset, and checks the answer.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def confirm_gone(self, asset_id: AssetId, error: CoexplorerError) -> CoexplorerError:
        """Ask once more for an asset that a write did not find; return what is true of it then.

        A balancer or a router in between answers 404, too, and then the change could still go
        through.
        """
        if not isinstance(error, NotFound):
            return error
        try:
            await self._context.look(asset_id)
        except NotFound:
            return error
        except ApiError as failed:
            # A look that failed shows nothing: what answered 404 may not have been the platform.
            return PlatformFault(
                "the platform says that this asset does not exist, and can't be asked again:"
                f" {failed.message}",
                hint="try again in a while; the log has it until then",
                status=error.status,
                outcome_unknown=True,
            )
        return PlatformFault(
            "the platform shows this asset, but says that it does not exist",
            hint="try again in a while; if this goes on, you can probably read this asset"
            " but not change it",
            status=error.status,
        )

    async def confirm_saved(self, attempt: Attempt, wanted: Wanted, reply: Asset) -> Asset:
        """Look at an asset whose write was answered with yes, by a reply that does not show it.

        Returns:
            What the platform has.

        Raises:
            PlatformFault: It has not what was sent, or can't be asked.
        """
        now, why = None, "it does not answer"
        try:
            # The answer was yes: whoever stops now must not leave it open.
            with anyio.move_on_after(_CONFIRM_S, shield=True):
                now = await self._context.look(wanted.before.id)
        except ApiError as error:
            why = error.message
        if now is None:
            missing = wanted.find_missing(reply) or wanted.find_unlike(reply)
            unsure = (
                build_ignored(missing, wanted, reply) if missing else build_unlike(wanted, reply)
            )
            unsure.message += f", and it can't be asked again: {why}"
            unsure.outcome_unknown = True
            raise unsure
        attempt.asset = now
        attempt.update_catalog = partial(self._context.remember, now)
        if missing := wanted.find_missing(now):
            ignored = build_ignored(missing, wanted, now)
            attempt.sent = ignored.outcome_unknown
            attempt.in_part = not attempt.sent
            raise ignored
        return now

    async def confirm_deleted(self, asset_id: AssetId) -> None:
        """Look whether an asset is gone that the platform says it has deleted.

        Raises:
            PlatformFault: It is still there, or nobody can tell.
        """
        for pause_s in (_DELETING_S, 0.0):
            # The answer was yes: whoever stops now must not leave it open.
            why = "it does not answer"
            with anyio.move_on_after(_CONFIRM_S, shield=True):
                try:
                    await self._context.look(asset_id)
                except NotFound:
                    return
                except ApiError as error:
                    why = error.message
                else:
                    why = ""
                    await anyio.sleep(pause_s)
            if why:  # no evidence either way
                raise PlatformFault(
                    "the platform answered that this is deleted, but can't be asked whether the"
                    f" asset is gone: {why}",
                    hint="look at it in a while; a retry finds out whether it is gone",
                    status=HTTPStatus.OK,
                    outcome_unknown=True,
                )
        raise PlatformFault(
            "the platform answered that this is deleted, but still shows the asset",
            hint="look at it in a while, then delete it again; a proxy in between may have"
            " answered",
            status=HTTPStatus.OK,
            outcome_unknown=True,
        )

    async def confirm_archived(self, asset: Asset, *, archived: bool) -> None:
        """Look whether an asset is where the platform says it has put it: only a search tells.

        Raises:
            PlatformFault: It is not, as far as the search knows yet, or nobody can tell.
        """
        done = "archived" if archived else "unarchived"
        for pause_s in _SEARCH_BEHIND_S:
            # The answer was yes: whoever stops now must not leave it open.
            why = "it does not answer"
            with anyio.move_on_after(_CONFIRM_S, shield=True):
                try:
                    if await find_archived(await self._context.client(), asset) is archived:
                        return
                except ApiError as error:
                    why = error.message
                else:
                    why = ""
                    await anyio.sleep(pause_s)
            if why:  # no evidence either way
                raise PlatformFault(
                    f"the platform answered that this is {done}, but can't be asked whether it is:"
                    f" {why}",
                    hint="look at it in a while; a retry finds out whether it is",
                    status=HTTPStatus.OK,
                    outcome_unknown=True,
                )
        raise PlatformFault(
            f"the platform answered that this is {done}, but does not list it so",
            hint="look at it in a while, then retry or discard it; a proxy in between may have"
            " answered, or the list is behind",
            status=HTTPStatus.OK,
            outcome_unknown=True,
        )

    async def is_gone(self, asset_id: AssetId) -> bool | None:
        """Tell whether the platform says that there is no such asset; None: it does not say."""
        try:
            await self._context.look(asset_id)
        except NotFound:
            return True
        except ApiError:
            return None
        return False

    async def find_arrived(self, sent: Entry, error: ApiError) -> Asset | None:
        """Look whether a write that was answered with no arrived nevertheless.

        A proxy that repeats a request hands on the answer to the second try, and that may be any.

        Returns:
            The asset, if all of it is as it was sent.
        """
        if error.status is None or error.outcome_unknown or isinstance(error, RateLimited):
            return None
        with contextlib.suppress(ApiError):
            now = await self._context.look(sent.asset_id)
            return now if is_as_sent(sent, now) else None
        return None

    async def is_archived(self, asset: Asset) -> bool | None:
        """Ask the platform again whether an asset is archived; None: it does not say."""
        try:
            return await find_archived(await self._context.client(), asset)
        except ApiError:
            return None

    async def ensure_fits(self, attempt: Attempt, asset: Asset) -> None:
        """Check an asset that was just read by what it was selected by.

        Raises:
            NoLongerFits: It has changed since.
            ChangedSince: It is to be deleted, and is not as it was shown.
        """
        entry = attempt.entry
        if entry.fit is not None and attempt.purpose is Purpose.DO and attempt.before is None:
            known = await self._context.known(asset.id)
            membership = Membership() if known is None else known.membership
            if entry.fit.depends_on_archived:
                archived = await self.find_archived(attempt, asset)
                membership = msgspec.structs.replace(membership, archived=archived)
            entry.fit.ensure(Record(asset, membership), entry.base)
        if entry.action is Action.DELETE and (entry.fit is None or entry.fit.shown is None):
            _ensure_as_noted(entry, asset)

    async def check_again(self, attempt: Attempt, asset: Asset, maybe_done: bool) -> None:  # noqa: FBT001 # a `Judge`
        """Check an asset that was read once more, right before an archive or delete is repeated."""
        attempt.archived = None
        try:
            await self.ensure_fits(attempt, asset)
        except Refused:
            # What is still there was not deleted; only a search tells whether it was archived.
            attempt.sent = maybe_done and attempt.entry.action is not Action.DELETE
            attempt.update_catalog = partial(self._context.remember, asset)
            raise

    async def find_archived(self, attempt: Attempt, asset: Asset) -> bool:
        """Ask the platform whether an asset is archived, once in an attempt: a search tells."""
        if attempt.archived is None:
            asked = time.time()
            attempt.archived = await find_archived(await self._context.client(), asset)
            marks = Membership(archived=attempt.archived)
            attempt.update_catalog = partial(self._context.remember, asset, marks, at=asked)
        return attempt.archived


def is_unclear(error: ApiError) -> bool:
    """Tell whether the platform answered a write in a way that leaves open whether it was done.

    So does a refusal, if an earlier try of the same write may have been carried out.
    """
    return isinstance(error, BadReply | Forbidden | Rejected) and error.outcome_unknown


def keeps_text(entry: Entry) -> bool:
    """Tell whether the text of an entry is kept if its asset no longer fits."""
    return entry.action is Action.EDIT and entry.fit is not None and entry.fit.keeps_text


def keep_unfit(entry: Entry, error: NoLongerFits) -> NoLongerFits:
    """Say how an edit is sent although its asset is not what it was any more."""
    return NoLongerFits(
        error.message,
        hint=f"your edit is kept: coexplorer retry {entry.id} sends it anyway,"
        f" coexplorer discard {entry.id} throws it away",
    )


def allow_unfit(entry: Entry) -> Entry:
    """Return an entry as it is sent on request: who knows that it does not fit means it still."""
    if entry.state is State.REFUSED and was_unfit(entry.reason) and keeps_text(entry):
        return msgspec.structs.replace(entry, fit=None)
    return entry


def _ensure_as_noted(entry: Entry, asset: Asset) -> None:
    """Check what is to be deleted by the little that is known of what was shown.

    Nothing was written down of it where the catalog did not know the asset, or by older versions.

    Raises:
        ChangedSince: It is not the same any more.
    """
    if entry.before is not None:
        what: tuple[str, ...] = changed_fields(entry.before, asset.fields)
    else:
        what = ("name",) if entry.asset_name not in (asset.name, asset.id) else ()
    if what:
        raise ChangedSince(what, asset.name if "name" in what else "")
