"""What is written down of an entry that failed, or is not sent."""

from __future__ import annotations

import msgspec

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    Forbidden,
    NoLongerFits,
    NotFound,
    Refused,
    Rejected,
)
from coexplorer.fields import changed_fields
from coexplorer.library.asset_checks import AssetChecks, keep_unfit, keeps_text
from coexplorer.library.attempt import Attempt, build_result
from coexplorer.library.context import Context
from coexplorer.library.entries import SET_ASIDE, Entry, State, tell_how_to_combine
from coexplorer.library.events import EditFailed
from coexplorer.library.kept_texts import is_saved_file, may_give_up
from coexplorer.library.metadata import refresh_schema, touches_metadata
from coexplorer.library.refusals import failed_state, spare_owner
from coexplorer.library.results import EditResult


class FailedEntries:
    """Settles them.

    Args:
        context: What the session's modules share.
        checks: Asks the platform what is there.
    """

    def __init__(self, context: Context, checks: AssetChecks) -> None:
        self._context = context
        self._checks = checks

    async def settle(self, attempt: Attempt, failure: CoexplorerError) -> CoexplorerError:
        """Write down that an entry failed; return why, as far as a second look knows better."""
        entry, error = attempt.entry, failure
        if isinstance(failure, Rejected) and entry.base and entry.mine:
            changed = changed_fields(entry.base, entry.mine)
            if touches_metadata(changed):  # the schema that we know may be out of date
                await refresh_schema(self._context)
        if attempt.answered:
            error = await self._checks.confirm_gone(entry.asset_id, failure)
        if isinstance(error, Forbidden):
            known = await self._context.records([entry.asset_id])
            mine = known[0].membership.mine if known else None
            error = spare_owner(error) if mine else error
        maybe_done = isinstance(error, ApiError) and error.outcome_unknown
        state = failed_state(error, sent=attempt.sent or (attempt.answered and maybe_done))
        if isinstance(error, Rejected) and not (attempt.answered or attempt.sent):
            state = State.UNSENT  # nobody has refused the change: it could not be asked for yet
        if state is State.SKIPPED and isinstance(error, NoLongerFits) and keeps_text(entry):
            state, error = State.REFUSED, keep_unfit(entry, error)
        if state is State.SKIPPED and is_saved_file(entry):
            state = State.REFUSED  # the program that saved it has ended: only the log has it
        gone = isinstance(error, NotFound) and entry.reverses is not None
        if gone:
            # Nothing is left to take back: the next undo must not stop at it again.
            state = State.SKIPPED
        in_part = attempt.in_part or attempt.earlier is not None
        await self._context.settle(entry.id, state, error=error, gone=gone, in_part=in_part)
        return error

    async def leave_out(self, entry: Entry, error: CoexplorerError) -> None:
        """Note why an entry is not sent, unless something became of it already."""
        noted = await self._context.run(self._context.journal.entry, entry.id)
        if noted is not None and noted.state is State.PLANNED:
            await self._context.settle(entry.id, State.SKIPPED, error=error)

    async def leave_to_later(self, entry: Entry) -> EditResult:
        """Give up a change that waited, as all of it was asked for otherwise since.

        It is kept if that may not be, and if it was set aside and is sent as it was named.
        """
        state, error = State.DISCARDED, Refused("a later change to this asset replaced it")
        stays = entry.set_aside or not may_give_up(entry, None)
        if stays:
            state, error = State.REFUSED, Refused(SET_ASIDE, hint=tell_how_to_combine(entry.id))
        await self._context.settle(entry.id, state, error=error, set_aside=stays)
        self._context.bus.publish(EditFailed(entry.id, entry.asset_id, entry.action, error))
        return msgspec.structs.replace(build_result(entry, state), error=error)
