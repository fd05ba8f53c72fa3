"""To archive an asset, to bring it back, and to delete it: what one entry of these does."""

from __future__ import annotations

from functools import partial

import anyio
import msgspec

from coexplorer.errors import ApiError, NotFound, NotSignedIn, Refused
from coexplorer.library.asset_checks import AssetChecks, is_unclear
from coexplorer.library.attempt import Attempt, build_result
from coexplorer.library.context import Context
from coexplorer.library.entries import Action, State
from coexplorer.library.results import EditResult
from coexplorer.models import Membership


class Removal:
    """Sends one entry that archives or deletes.

    Args:
        context: What the session's modules share.
        checks: Says whether the asset is still what was shown.
    """

    def __init__(self, context: Context, checks: AssetChecks) -> None:
        self._context = context
        self._checks = checks

    async def archive(self, attempt: Attempt) -> EditResult:
        """Archive an asset, or bring it back."""
        entry, context = attempt.entry, self._context
        archived = entry.action is Action.ARCHIVE
        client = await context.client()
        asset = await context.look(entry.asset_id)
        read_at = anyio.current_time()
        # What a colleague did a moment ago is theirs: our undo must not take it back.
        was_so = await self._checks.find_archived(attempt, asset) is archived
        await self._checks.ensure_fits(attempt, asset)
        judge = None if entry.fit is None else partial(self._checks.check_again, attempt)
        await context.write_down(context.journal.intend, entry.id)
        attempt.sent = True
        try:
            await client.archive(entry.asset_id, archived, judge=judge, read_at=read_at)
        except ApiError as error:
            attempt.note(error)
            now = None
            if is_unclear(error) or (not was_so and error.status is not None):
                # Also after a plain no: a proxy may have sent it twice.
                now = await self._checks.is_archived(asset)
            if now is not archived and isinstance(error, NotSignedIn):
                await context.look(entry.asset_id)  # which says so if only this asset is refused
            if now is not archived:
                if now is not None:
                    attempt.note_refused(error)
                raise
        else:
            if not was_so:
                await self._checks.confirm_archived(asset, archived=archived)
        attempt.sent = False
        known = Membership(archived=archived)
        attempt.update_catalog = partial(context.set_membership, [entry.asset_id], known)
        return build_result(entry, State.UNCHANGED if was_so else State.APPLIED, asset.name)

    async def delete(self, attempt: Attempt) -> EditResult:
        """Delete an asset, if it is archived and just as it was shown."""
        entry, context = attempt.entry, self._context
        client = await context.client()
        try:
            record = await context.fetch(entry.asset_id)
        except NotFound:
            return build_result(entry, State.UNCHANGED)  # somebody else deleted it
        read_at = anyio.current_time()
        archived = await self._checks.find_archived(attempt, record.asset)
        await self._checks.ensure_fits(attempt, record.asset)
        if not archived:
            raise Refused(
                "this asset is not archived, and only archived assets can be deleted",
                hint="archive it first; in commands, rm --archive-first does both",
            )
        fields = record.asset.fields
        await context.write_down(context.journal.intend, entry.id, before=fields)
        attempt.sent = True
        try:
            judge = partial(self._checks.check_again, attempt)
            await client.delete(entry.asset_id, judge=judge, read_at=read_at)
        except ApiError as error:
            attempt.note(error)
            gone = await self._checks.is_gone(entry.asset_id) if error.status is not None else None
            if gone and isinstance(error, NotFound):
                attempt.update_catalog = partial(context.forget, [entry.asset_id])
                return build_result(entry, State.UNCHANGED)  # somebody was faster
            if not gone:
                if gone is not None:
                    attempt.note_refused(error)
                raise
        else:
            await self._checks.confirm_deleted(entry.asset_id)
        attempt.sent = False
        attempt.update_catalog = partial(context.forget, [entry.asset_id])
        return msgspec.structs.replace(
            build_result(entry, State.APPLIED, fields.name), before=fields
        )
