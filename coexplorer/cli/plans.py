"""What a change would do, shown; asked for; done with a progress bar; and told afterwards."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coexplorer.cli import exits
from coexplorer.cli.format import plural
from coexplorer.cli.narration import Progress, confirm, hint_of, report_details, tell_hint, warn
from coexplorer.cli.output import Format, print_line, print_rows
from coexplorer.cli.quiet import is_quiet
from coexplorer.cli.schema import OUTCOME, PLAN, outcome_values, plan_values
from coexplorer.errors import CoexplorerError, EditConflict
from coexplorer.text import clean, clean_lines, diff_lines, width

if TYPE_CHECKING:
    from coexplorer.cli.session import Invocation
    from coexplorer.fields import Fields
    from coexplorer.library import Library
    from coexplorer.library.plans import FieldDiff, Plan, PlanItem
    from coexplorer.library.results import BatchProgress, BatchReport, EditResult

Command = TypeVar("Command", bound=Callable[..., Any])

_LOOK_S = 3.0
"""So long it may take to look what arrived of a change that was stopped."""

_SHOWN = 20
"""So many assets of a plan are shown before a question; ``--dry-run`` shows all."""
_NARROWEST, _WIDEST = 11, 32
"""Cells of the column of titles; a longer title, such as a long address, reaches into the next."""
_NAMED = 3
"""So many given-up changes are named in the line that counts them."""
_MOST_DIFFED = 2000
"""Lines of a text that is compared line by line."""

DONE = {
    "edit": "changed",
    "archive": "archived",
    "unarchive": "unarchived",
    "delete": "deleted",
    "create": "created",
    "share": "changed the sharing of",
}


_UNDOABLE = frozenset({"edit", "archive", "unarchive", "share"})


def plan_options(command: Command) -> Command:
    """Add ``--dry-run``, ``--yes`` and ``--refresh`` to a command that changes assets."""
    command = click.option(
        "--refresh", is_flag=True, help="First reread all assets, to see edits by others."
    )(command)
    command = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")(
        command
    )
    return click.option("--dry-run", is_flag=True, help="Only show what would be done.")(command)


def carry_out(
    invocation: Invocation,
    plan: Plan,
    *,
    dry_run: bool,
    ask: bool,
    style: Format = Format.TABLE,
    written: Callable[[], None] = lambda: None,
) -> None:
    """Show a plan, ask, apply it and leave with the exit code that it deserves.

    Args:
        invocation: This run.
        plan: From `Changes.plan` or `Changes.plan_document`.
        dry_run: Only show it, all of it.
        ask: Show it and ask before anything is sent.
        style: `Format.JSON` writes the plan (dry run) or the outcomes as JSON.
        written: Called once the plan is in the journal, or holds nothing: no text can be lost then;
            not where a text was kept because its asset had changed.
    """
    if not plan.items:
        written()
        if style is Format.TABLE:
            print_line("nothing was changed")
        else:
            print_rows(PLAN if dry_run else OUTCOME, (), style)
        return
    if dry_run:
        print_plan(plan, style)
        leave(plan_code(plan))
        return
    if ask and plan.todo:
        question = f"{_verb(plan)} {plural(len(plan.todo), 'asset')}"
        for line in describe_plan(plan, shown=_SHOWN):
            if line != question:
                click.echo(line, err=True)
        if not confirm(f"{question}?"):
            warn("nothing was done")
            leave(exits.REFUSED)
    report = invocation.run(lambda library: apply_with_progress(library, plan))
    if not any(result.no_longer_fits for result in report.refused):
        written()  # else the text is for other assets than its writer had seen: it stays, too
    finish(report, style)


async def apply_with_progress(library: Library, plan: Plan) -> BatchReport:
    """Apply a plan; when it is interrupted, say what is done and how to go on."""
    return await follow(library, plan.title, partial(library.changes.apply, plan))


async def follow(
    library: Library,
    title: str,
    start: Callable[..., Awaitable[BatchReport]],
    *,
    resumed: int | None = None,
) -> BatchReport:
    """Run a batch with a progress bar.

    Args:
        library: The library.
        title: What the bar says.
        start: Runs it; takes ``progress``.
        resumed: The batch that it goes on with: what that had done is not told again.
    """
    import anyio

    batch_id = 0
    earlier = len((await library.changes.report(resumed)).applied) if resumed else 0

    def show(progress: BatchProgress) -> None:
        nonlocal batch_id
        batch_id = progress.batch_id
        failed = f"({progress.failed} failed)" if progress.failed else ""
        if progress.total:
            bar.update(progress.done, progress.total, failed)

    with Progress(title) as bar:
        try:
            return await start(progress=show)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await _tell_interrupted(library, batch_id, earlier)
            raise


async def _tell_interrupted(library: Library, batch_id: int, earlier: int) -> None:
    import anyio

    from coexplorer.library.entries import State

    if not batch_id:
        return
    report = await library.changes.report(batch_id)
    unknown = report.of(State.UNKNOWN)
    if unknown:
        # What was on its way may have arrived: whoever stops it wants to know how far it got.
        with contextlib.suppress(CoexplorerError), anyio.move_on_after(_LOOK_S):
            await library.changes.settle_batch(batch_id)
        report = await library.changes.report(batch_id)
        unknown = report.of(State.UNKNOWN)
    left = len(report.failed) - len(unknown)
    done = max(0, len(report.applied) - earlier)
    told = f"{done:,} done, {left:,} not sent"
    if unknown:
        told += f", {len(unknown):,} that nobody knows of yet"
    warn(f"stopped: {told}; go on with: coexplorer retry --batch {batch_id}")


def finish(
    report: BatchReport,
    style: Format = Format.TABLE,
    *,
    way_back: str | None = None,
    hint: str = "",
    about: str = "",
    is_retry: bool = False,
) -> None:
    """Tell what became of a batch and leave with its exit code.

    Args:
        report: What became of each asset.
        style: How it is written.
        way_back: The command that takes it back; None: undo with the batch's number.
        hint: What else can be done; empty: nothing.
        about: What was done as a whole; empty: the command says so.
        is_retry: What waited was sent again: what later changes have replaced of it is no failure.
    """
    if style is not Format.TABLE:
        print_rows(OUTCOME, map(outcome_values, report.results), style)
    tell_failures(report)
    if hint:
        tell_hint(hint)
    code = report_code(report, is_retry=is_retry)
    if style is Format.TABLE and (code or not is_quiet()):
        line = summarize(report, way_back or f"coexplorer undo {report.batch_id}")
        print_line(f"{about}: {line}" if about else line)
    leave(code)


def leave(code: int) -> None:
    """End the command with an exit code; zero just goes on to the end."""
    if code:
        click.get_current_context().exit(code)


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
        if text and count > _SHOWN:
            warn(f"{plural(count, 'asset')}: {text}")
    for result in report.applied:
        tell_left_alone(result, is_told=often[result.lacking] > _SHOWN)
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
        what = "one that was" if many == 1 else f"{many:,} that were"
        warn(f"this change gives up {what} not sent: {', '.join(named)}{more}")
    for entry in report.set_aside[:_SHOWN]:
        warn(
            f"kept: a text of {entry.asset_name} that a mount could not save and nobody has read"
            f" (entry {entry.id}): coexplorer log {entry.batch_id} shows it"
        )
    if len(report.set_aside) > _SHOWN:
        warn(f"kept: {len(report.set_aside) - _SHOWN:,} more (coexplorer log --refused)")


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
        from coexplorer.library.results import describe_left_alone

        why = describe_left_alone(result.skipped_fields, result.left_to)
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
    parts = [f"{DONE[action]} {plural(len(applied), 'asset')}"]
    restored = len(report.restored)
    if (withdrawn or restored) and not applied:
        parts = []
    if len(applied) == 1 and len(report.results) == 1:
        parts = [f"{DONE[action]} {applied[0].asset_name}"]
    if withdrawn:
        what = plural(len(withdrawn), "change")
        parts.append(
            f"gave up {what} that {'was' if len(withdrawn) == 1 else 'were'} not on the platform"
        )
    if unchanged:
        as_it_is = "already gone" if action == "delete" else "left as they were"
        parts.append(f"{unchanged} {as_it_is}")
    if missed:
        parts.append(f"{missed} left out")
    if report.replaced:
        parts.append(f"{len(report.replaced):,} left to later changes")
    if report.refused:
        parts.append(f"{len(report.refused)} refused")
    if archived := [result for result in report.results if result.archived]:
        parts.append(f"{len(archived)} archived but not deleted")
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
        parts.append(
            f"{len(report.in_conflict)} in conflict: {verb} again, or coexplorer discard"
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


def print_plan(plan: Plan, style: Format) -> None:
    """Print all of a plan on standard output."""
    if style is not Format.TABLE:
        print_rows(PLAN, (plan_values(item, _describe_files(item)) for item in plan.items), style)
        return
    for line in describe_plan(plan, shown=None):
        click.echo(line)


def describe_plan(plan: Plan, *, shown: int | None) -> list[str]:
    """Return a plan as a diff for each asset, for at most `shown` assets."""
    todo = plan.todo if shown is None else plan.todo[:shown]
    lines = [line for item in todo for line in _describe_item(item)]
    if len(plan.todo) > len(todo):
        lines.append(f"… and {len(plan.todo) - len(todo):,} more (--dry-run shows all)")
    skipped = plan.skipped if shown is None else plan.skipped[:shown]
    lines += [f"left out: {clean(item.name)}: {clean(item.reason)}" for item in skipped]
    if len(plan.skipped) > len(skipped):
        lines.append(f"… and {len(plan.skipped) - len(skipped):,} more are left out")
    if plan.losses:
        from coexplorer.library.losses import describe_losses

        lines += [text for _, text in describe_losses(plan.losses)]
    for entry in plan.given_up:
        what = f"{entry.action} {clean(entry.asset_name)} (entry {entry.id})"
        lines.append(f"this change gives up one that was not sent: {what}")
        if entry.base is not None and entry.mine is not None:
            lines += describe_change(entry.base, entry.mine)
    return [*lines, *([plan.caution] if plan.caution else []), _count_plan(plan)]


def _count_plan(plan: Plan) -> str:
    """Return in a line how much a plan does (pure)."""
    withdrawn = sum(item.withdraws for item in plan.todo) + len(plan.given_up)
    waiting = sum(item.waits for item in plan.todo)
    restored = sum(item.restores for item in plan.todo)
    unsure = sum(item.is_unsure for item in plan.todo)
    sent = sum(item.is_sent for item in plan.todo) - unsure
    nothing_else = not (withdrawn or waiting or restored)
    parts = [f"{_verb(plan)} {plural(sent, 'asset')}"] if sent or nothing_else else []
    if waiting:
        parts.append(f"keep {plural(waiting, 'change')} unsent, as nothing can be sent now")
    if withdrawn:
        be = "is" if withdrawn == 1 else "are"
        parts.append(f"give up {plural(withdrawn, 'change')} that {be} not on the platform")
    if restored:
        what = "change" if restored == 1 else "changes"
        parts.append(f"put {restored:,} {what} that the undo gave up back into the log, unsent")
    if unsure:
        seems = "seems" if unsure == 1 else "seem"
        parts.append(f"ask the platform about {unsure:,} that {seems} to be so already")
    if plan.skipped:
        parts.append(f"leave {len(plan.skipped):,} out")
    line = ", ".join(parts)
    return line[0].upper() + line[1:]


def _verb(plan: Plan) -> str:
    actions = {item.action for item in plan.todo if not item.withdraws}
    verb = actions.pop() if len(actions) == 1 else "change"
    return "Change the sharing of" if verb == "share" else str(verb).capitalize()


def _describe_item(item: PlanItem) -> list[str]:
    head = click.style(clean(item.name), bold=True)
    action = "archive and delete" if item.archive_first else item.action
    plain = item.action in {"edit", "share"}
    note = "" if plain and not item.withdraws else f": {action}"
    if item.withdraws:
        note += " that is not on the platform: given up"
    if item.is_unsure:
        note += f": {item.remark}"
    lines = [f"{head}  {item.asset_id[:8]}{note}"]
    if item.loss is not None:
        lines.append(f"  {clean(_describe_files(item))}")
    if item.remark and not item.is_unsure:
        lines.append(f"  {clean(item.remark)}")
    return [*lines, *describe_fields(item.diff)]


def describe_change(before: Fields, after: Fields) -> list[str]:
    """Return the fields that differ as a diff."""
    from coexplorer.library.plans import describe_difference

    return describe_fields(describe_difference(before, after))


def _describe_files(item: PlanItem) -> str:
    """Return what becomes of the files of what is deleted; else nothing."""
    from coexplorer.library.losses import describe_loss

    return "" if item.loss is None else describe_loss(item.loss)


def _diff_texts(before: str, after: str) -> list[str]:
    """Return what differs between two texts, with a few lines around it (pure)."""
    old, new = (clean_lines(text) if text else [] for text in (before, after))
    if len(old) > _MOST_DIFFED or len(new) > _MOST_DIFFED:  # it would take minutes
        pairs = [*(("-", line) for line in old), *(("+", line) for line in new)]
    else:
        pairs = diff_lines(old, new)
    colors = {"-": "red", "+": "green"}
    return [click.style(f"    {sign} {line}".rstrip(), fg=colors.get(sign)) for sign, line in pairs]


def describe_fields(diffs: Sequence[FieldDiff]) -> list[str]:
    """Return what changes in fields, or in members' roles, with the values below each other."""
    titles = [width(clean(diff.title)) for diff in diffs]
    cells = max((each for each in titles if each <= _WIDEST), default=0)
    return [line for diff in diffs for line in _describe_field(diff, max(cells, _NARROWEST))]


def _describe_field(diff: FieldDiff, cells: int) -> list[str]:
    title = clean(diff.title)
    label = f"  {title}{' ' * (cells - width(title))} "
    if diff.is_role and not diff.before:
        return [f"{label}→ {click.style(clean(diff.after), fg='green')}"]
    if diff.is_set:
        marks = [click.style(f"+{clean(tag)}", fg="green") for tag in diff.added]
        marks += [click.style(f"-{clean(tag)}", fg="red") for tag in diff.removed]
        return [label + " ".join(marks)]
    if "\n" in diff.before or "\n" in diff.after:
        return [label.rstrip(), *_diff_texts(diff.before, diff.after)]
    before = click.style(clean(diff.before) or "(empty)", fg="red")
    after = click.style(clean(diff.after) or "(empty)", fg="green")
    return [f"{label}{before} → {after}"]
