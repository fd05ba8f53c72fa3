"""What became of a change: told asset by asset, in one line, and as an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from coexplorer.cli import exits
from coexplorer.cli.format import plural
from coexplorer.cli.narration import hint_of, report_details, tell_hint, warn
from coexplorer.cli.output import Format, print_line, print_rows
from coexplorer.cli.quiet import is_quiet
from coexplorer.cli.row_values import outcome_values
from coexplorer.cli.schema import OUTCOME
from coexplorer.errors import EditConflict

if TYPE_CHECKING:
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchReport, EditResult

_MOST_TOLD = 20
"""So many assets are told one by one, if the same is true of each."""

_NAMED = 3
"""So many given-up changes are named in the line that counts them."""

DONE = {
    "edit": "changed",
    "archive": "archived",
    "unarchive": "unarchived",
    "delete": "deleted",
    "create": "created",
    "share": "changed the sharing of",
    "attach": "attached",
    "detach": "detached",
    "transfer": "transferred",
}

_SO_ALREADY = {
    "delete": "already gone",
    "attach": "attached already",
    "detach": "not attached anyway",
    "transfer": "there already",
}
"""What is said of assets that need no change; of others: left as they were."""

_UNDOABLE = frozenset({"edit", "archive", "unarchive", "share", "attach", "detach"})


def finish(
    report: BatchReport,
    style: Format = Format.TABLE,
    *,
    way_back: str | None = None,
    hint: str = "",
    about: str = "",
    is_retry: bool = False,
    code: int = exits.OK,
) -> None:
    """Tell what became of a batch and leave with its exit code.

    Args:
        report: What became of each asset.
        style: How it is written.
        way_back: The command that takes it back; None: undo with the batch's number.
        hint: What else can be done; empty: nothing.
        about: What was done as a whole; empty: the command says so.
        is_retry: What waited was sent again: what later changes have replaced of it is no failure.
        code: The exit code where what became of the batch is not all; 0: it is.
    """
    if style is not Format.TABLE:
        print_rows(OUTCOME, map(outcome_values, report.results), style)
    tell_failures(report)
    if hint:
        tell_hint(hint)
    code = code or report_code(report, is_retry=is_retry)
    if style is Format.TABLE and (code or not is_quiet()):
        line = summarize(report, way_back or f"coexplorer undo {report.batch_id}")
        print_line(f"{about}: {line}" if about else line)
    exits.leave(code)


def tell_failures(report: BatchReport) -> None:
    """Name each asset for which it did not work, with the reason; each hint below its assets."""
    by_hint: dict[str, list[EditResult]] = {}
    failed = [result for result in report.failed if not result.is_restored]
    for result in dict.fromkeys((*failed, *report.missed, *report.outdated, *report.replaced)):
        by_hint.setdefault(hint_of(result.error) if result.error else "", []).append(result)
    for hint, results in by_hint.items():
        for result in results:
            reason = result.error.message if result.error else f"left {result.state}"
            now = "; it is archived now" if result.archived else ""
            warn(f"{name_with_id(result)}: {reason}{now}")
            if isinstance(result.error, EditConflict):
                report_details(result.error)
        if hint:
            tell_hint(hint)
    often = Counter(result.lacking for result in report.applied)
    for text, count in often.items():
        if text and count > _MOST_TOLD:
            warn(f"{plural(count, 'asset')}: {text}")
    for result in report.applied:
        tell_left_alone(result, is_told=often[result.lacking] > _MOST_TOLD)
        if result.differs:
            from coexplorer.library.results import describe_differs

            warn(f"{name_with_id(result)}: {describe_differs(result)}")
    _tell_others(report)


def _tell_others(report: BatchReport) -> None:
    """Say what else was left as it is, and what was given up."""
    for note in report.notes:
        warn(note)
    if report.given_up:
        many = len(report.given_up)
        named = [f"{e.action} {e.asset_name} (entry {e.id})" for e in report.given_up[:_NAMED]]
        more = f" and {many - _NAMED:,} more" if many > _NAMED else ""
        what = "one" if many == 1 else f"{many:,}"
        warn(
            f"this change gives up {what} that the platform does not have: {', '.join(named)}{more}"
        )
    for entry in report.set_aside[:_MOST_TOLD]:
        warn(
            f"kept: a text of {entry.asset_name} that a mount could not save and nobody has read"
            f" (entry {entry.id}): coexplorer log {entry.batch_id} shows it"
        )
    if len(report.set_aside) > _MOST_TOLD:
        warn(f"kept: {len(report.set_aside) - _MOST_TOLD:,} more (coexplorer log --refused)")


def name_with_id(result: EditResult) -> str:
    """Return an asset's name with the start of its id: others may have the name, too (pure)."""
    return f"{result.asset_name} ({result.asset_id[:8]})"


def tell_left_alone(result: EditResult, *, is_told: bool = False) -> bool:
    """Name what an undo left alone in an asset, or the platform did not do; False for nothing.

    Args:
        result: What became of it.
        is_told: What the platform did not do was told before, for many.
    """
    if result.skipped_fields:
        from coexplorer.library.results import describe_left_alone, describe_roles_left_alone

        why = (
            describe_roles_left_alone(result.skipped_fields)
            if result.action == "share"
            else describe_left_alone(result.skipped_fields, result.left_to)
        )
        warn(f"{name_with_id(result)}: {why}; left alone")
    if result.lacking and not is_told:
        warn(f"{name_with_id(result)}: {result.lacking}")
    return bool(result.skipped_fields or result.lacking)


def summarize(report: BatchReport, way_back: str) -> str:
    """Return one line that says what a batch came to, and what takes it back (pure)."""
    applied = [result for result in report.applied if result.state == "applied"]
    missed = len({*report.missed, *report.outdated})
    withdrawn = [result for result in report.results if result.withdrawn]
    applied = [result for result in applied if not result.withdrawn]
    unchanged = len(report.applied) - len(applied) + len(report.skipped) - missed - len(withdrawn)
    action = report.results[0].action if report.results else "edit"
    moving = sum(result.moving for result in report.results)
    done = "began to transfer" if moving and moving == len(applied) else DONE[action]
    parts = [f"{done} {plural(len(applied), 'asset')}"]
    restored = len(report.restored)
    if (withdrawn or restored) and not applied:
        parts = []
    if len(applied) == 1 and len(report.results) == 1:
        parts = [f"{done} {applied[0].asset_name}"]
    if applied and action in _SO_ALREADY and report.title.startswith(f"{action} "):
        parts[0] += report.title.removeprefix(action)  # to or from where
    if withdrawn:
        what = plural(len(withdrawn), "change")
        parts.append(
            f"gave up {what} that {'was' if len(withdrawn) == 1 else 'were'} not on the platform"
        )
    if unchanged:
        kept = "left as it was" if unchanged == 1 else "left as they were"
        parts.append(f"{unchanged} {_SO_ALREADY.get(action, kept)}")
    if missed:
        parts.append(f"{missed} left out")
    if report.replaced:
        parts.append(f"{len(report.replaced):,} left to later changes")
    if report.refused:
        parts.append(f"{len(report.refused)} refused")
    parts += _tell_halfway(report)
    parts += _tell_kept(report)
    line = ", ".join(parts)
    # What gave up an undo that was not sent has left nothing to take back.
    given_up = any(result.state == "applied" for result in withdrawn)
    undoable = bool(applied or given_up or restored) and action in _UNDOABLE
    if action == "share" and all(result.roles is None or result.gives_up for result in applied):
        undoable = bool(given_up or restored)  # nobody knows who could see them before, or may
    line += _tell_gone(applied, len(report.results))
    return f"{line} (take it back: {way_back})" if undoable else line


def _tell_gone(applied: Sequence[EditResult], asked: int) -> str:
    """Say what of a change its user can't take back, as they gave up their own right (pure)."""
    if not any(result.gives_up for result in applied):
        return ""
    return ", for good" + (
        ": you are no longer an owner of it" if asked == 1 else " where you are no longer an owner"
    )


def _tell_halfway(report: BatchReport) -> list[str]:
    """Say what of a batch is only the first part of what was asked for (pure)."""
    parts = []
    if archived := sum(result.archived for result in report.results):
        parts.append(f"{archived:,} archived but not deleted")
    if mounting := sum(result.is_mounting for result in report.results):
        parts.append(f"{mounting:,} still being mounted")
    if moving := sum(result.moving for result in report.results):
        parts.append(f"{moving:,} still being moved: coexplorer show tells when it was done")
    return parts


def _tell_kept(report: BatchReport) -> list[str]:
    """Say what of a batch is not sent, and what sends it (pure)."""
    parts, again = [], f"coexplorer retry --batch {report.batch_id}"
    stopped = len(report.stopped) - len(report.restored)
    if stopped:
        parts.append(f"stopped, {stopped:,} not sent: {again}")
    if report.restored:
        what = plural(len(report.restored), "change")
        wait = "waits" if len(report.restored) == 1 else "wait"
        parts.append(
            f"{what} that the undo gave up {wait} again, unsent: {again} sends"
            f" {'it' if len(report.restored) == 1 else 'them'}"
        )
    waiting = [result for result in report.waiting if result.state not in ("conflict", "stopped")]
    if waiting:
        unsent = all(result.state == "unsent" for result in waiting)
        how = "kept unsent, to send" if unsent else "failed"
        parts.append(f"{len(waiting)} {how}: {again}")
    if report.in_conflict:
        # Sent again as it is, it would only meet the same text, or role, again.
        shares = report.in_conflict[0].action == "share"
        verb, what = ("share", "the roles") if shares else ("edit", "your text")
        entries = [str(each.entry_id) for each in report.in_conflict]
        which = f" {entries[0]}" if len(entries) == 1 else ""
        parts.append(
            f"{len(report.in_conflict)} in conflict: {verb} again, or coexplorer discard{which}"
            f" (coexplorer log {report.batch_id} shows {what})"
        )
    return parts


def report_code(report: BatchReport, *, is_retry: bool = False) -> int:
    """Return the exit code of a batch, or of sending it again (pure): see `exits`."""
    failed = [result for result in report.failed if not result.is_restored]
    codes = [_code_of(result) for result in (*failed, *report.missed)]
    codes += [exits.REFUSED for r in report.applied if r.skipped_fields or r.lacking]
    # A retry leaves what waited to later changes, as its user wants; a new change was not done.
    codes += [] if is_retry else [exits.CONFLICT for _ in report.replaced]
    so_already = any(result.needless for result in report.skipped)
    done = so_already or bool(report.applied) or (is_retry and bool(report.replaced))
    return exits.of_outcomes(codes, any_done=done)


def _code_of(result: EditResult) -> int:
    if result.state == "skipped":
        return exits.REFUSED
    return exits.PLATFORM if result.error is None else exits.code_of(result.error)


def plan_code(plan: Plan) -> int:
    """Return the exit code that carrying out a plan would come to, as far as it tells (pure)."""
    codes = [exits.REFUSED for _ in plan.missed]
    codes += [exits.REFUSED for item in plan.todo if item.leaves_part]
    codes += [exits.PLATFORM for item in plan.todo if item.waits]
    return exits.of_outcomes(
        codes, any_done=any(item.needless or not (item.reason or item.waits) for item in plan.items)
    )
