"""Changes of the log as lines and words: what, when, by whom, how they ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from coexplorer.errors import name_changes
from coexplorer.library.entries import PENDING, Batch, Entry, Purpose, Reason, State, tell_outcome
from coexplorer.library.field_diffs import FieldDiff, describe_roles
from coexplorer.library.results import BatchReport
from coexplorer.spelling import spell
from coexplorer.text import clean, clean_lines, cut, fit, plural, width
from coexplorer.tui.columns import Line, Piece, Role, cut_middle, wrap
from coexplorer.tui.diffs import ROLES, cut_line, describe_change, describe_entry, explain_entry
from coexplorer.tui.keys import key_of

WIDE = 70
"""Cells from which a line has room for the day."""
OUTCOME = 30
"""Cells for an outcome where there is room for it."""
LEAST_TITLE = 18
"""Cells of a title that no outcome takes."""
NAMED = 3
"""Assets that are named one by one in a notification."""
_WORST_FIRST = (State.REFUSED, State.UNSENT, State.CONFLICT, State.UNKNOWN, State.STOPPED)
"""States that need a look, the one that needs it most first."""
_KEPT_WORDS = (State.UNSENT, State.UNKNOWN, State.CONFLICT, State.STOPPED, State.REFUSED)
"""What the title of the log counts, in its order."""
DAYS_NAMED = {0: "today", 1: "yesterday"}


def name_change(batch: Batch) -> str:
    """Return what was done, without what was undone or done again of it: ``add tag rna``."""
    title = clean(batch.title)
    while batch.purpose is not Purpose.DO and title.startswith(("undo: ", "redo: ")):
        title = title[len("undo: ") :]
    return title


def describe_purpose(batch: Batch) -> str:
    """Return what taking a batch back is, as a question begins: ``undo: add tag rna, 3 assets``."""
    word = "redo" if batch.purpose is Purpose.UNDO else "undo"
    count = f", {plural(batch.standing, 'asset')}" if batch.standing > 1 else ""
    return f"{word}: {name_change(batch)}{count}"


def describe_origin(batch: Batch, now: datetime) -> str:
    """Return when a batch was done, and where if not in the app: ``yesterday 17:02, by cli``."""
    by = "" if batch.origin == "tui" else f", by {clean(batch.origin)}"
    return f"{tell_when(batch.at, now)}{by}"


def describe_reversal(batch: Batch, report: BatchReport) -> tuple[str, bool]:
    """Return what was taken back of a batch, and what was not and why; and whether all was."""
    done = "done again" if batch.purpose is Purpose.UNDO else "undone"
    name = name_change(batch)
    text = f"{done}: {name}" if report.applied else ""
    if report.applied and all(result.withdrawn for result in report.applied):
        text = f"given up, as the platform did not have it: {name}"
    left = [
        f"{' and '.join(result.skipped_fields)} of {clean(result.asset_name)}"
        for result in report.results
        if result.skipped_fields
    ]
    if left:
        more = f" and of {plural(len(left) - NAMED, 'other')}" if len(left) > NAMED else ""
        why = f"left alone, because {_tell_who(report)}: {', '.join(left[:NAMED])}{more}"
        text = f"{text}; {why}" if text else f"nothing was {done}: {why}"
    elif report.failed or report.skipped:
        bad = [*report.failed, *report.skipped]
        error = next((result.error for result in bad if result.error is not None), None)
        why = (
            clean(error.message)
            if error is not None
            else f"the log ({key_of('log.open')}) has more"
        )
        text = f"{text}; not all of it: {why}" if text else f"not {done}: {name}: {why}"
    elif not text:
        text = f"nothing was {done}: nothing had to change"
    if replaced := [entry for entry in report.given_up if entry.batch_id != batch.id]:
        text += f"; replaced: {describe_replaced(replaced)}, which the log keeps"
    text = "; ".join([text, *report.notes])
    return text, not (left or report.failed or report.skipped)


def describe_replaced(entries: Sequence[Entry]) -> str:
    """Return whose texts a change replaces that are not on the platform; empty: nobody's."""
    named = [
        f"your {describe_entry(entry)} of {clean(entry.asset_name)}" for entry in entries[:NAMED]
    ]
    more = [f"{len(entries) - NAMED:,} more"] if len(entries) > NAMED else []
    return " and ".join([*named, *more])


def _tell_who(report: BatchReport) -> str:
    """Say who changed what an undo left alone, as far as one sentence is true of all of it."""
    by = {
        dict(result.left_to or ()).get(field)
        for result in report.results
        for field in result.skipped_fields
    }
    if by == {None}:
        return "it was changed elsewhere since"
    if None in by:
        return "it was changed since, by you or elsewhere"
    return f"you changed it since ({name_changes(sorted(each for each in by if each))})"


def tell_when(epoch_s: float, now: datetime) -> str:
    """Return ``today 17:02``, ``yesterday 17:02``, or the day and the time."""
    then = datetime.fromtimestamp(epoch_s, tz=now.tzinfo)
    day = DAYS_NAMED.get((now.date() - then.date()).days)
    return f"{day} {then:%H:%M}" if day else f"{then:%Y-%m-%d %H:%M}"


def build_change_line(batch: Batch, cells: int, now: datetime, *, unfolded: bool = False) -> Line:
    """Return one line of a change: when, by which front end, what, of how many, how it ended."""
    wide = cells >= WIDE
    then = datetime.fromtimestamp(batch.at, tz=now.tzinfo)
    at = then.strftime("%Y-%m-%d %H:%M" if wide else "%H:%M")
    number = f"{batch.id:>4} " if wide else ""
    sign = " " if batch.total == 1 else "▾" if unfolded else "▸"
    waits = bool(batch.waiting)
    head = f"{'!' if waits else ' '}{sign}{number}{at} {fit(batch.origin, 4)}"
    outcome = clean(batch.outcome) if batch.total > 1 else _single_outcome(batch)
    room = cells - width(head) - 1
    title = clean(batch.title)
    # The end is said whole as long as the title's beginning has room, too.
    share = max(min(OUTCOME, room // 2), room - 1 - min(width(title), LEAST_TITLE))
    tail = min(width(outcome), max(0, share))
    what = fit(title if batch.total == 1 else f"{title}", max(0, room - tail - 1))
    pieces: list[Piece] = [
        (head + " ", Role.WARN if waits else Role.DIM),
        (what + " ", Role.TEXT),
        (cut(outcome, tail), _role(batch)),
    ]
    return cut_line(pieces, cells)


def _single_outcome(batch: Batch) -> str:
    given_up = next(iter(batch.given_up), None)
    state = "given_up" if given_up else next(iter(batch.counts), "")
    return "undone" if batch.undone else tell_outcome(state)


def _role(batch: Batch) -> Role:
    """Return the role of what needs a look most, of all that became of a batch."""
    for state in (*_WORST_FIRST, State.APPLIED):
        count = batch.counts.get(state, 0) - batch.given_up.get(state, 0)
        if count and not (state is State.APPLIED and batch.undone):
            return ROLES[state]
    return Role.DIM


def build_part_line(entry: Entry, cells: int) -> Line:
    """Return the line of one asset of an unfolded change."""
    state = "undone" if entry.was_undone else entry.told
    role = Role.DIM if entry.outcome == "given_up" else ROLES.get(entry.state, Role.WARN)
    waits = entry.state in PENDING
    what = describe_entry(entry)
    head = f"{'!' if waits else ' '}    {fit(state, 11)} "
    room = cells - width(head)
    about = fit(what, min(24, room // 3)) + " "
    reason = clean(entry.reason) if room - width(about) >= 60 else ""  # noqa: PLR2004  said in full below
    left = room - width(about)
    name = cut_middle(clean(entry.asset_name), left // 2 if reason else left)
    pieces: list[Piece] = [
        (head, role),
        (about, Role.DIM),
        (f"{name}  {reason}".rstrip(), Role.TEXT),
    ]
    return cut_line(pieces, cells)


def build_change_details(
    batch: Batch, reasons: Sequence[Reason], cells: int, now: datetime
) -> list[Line]:
    """Return what is to be said of a change: all of its title, and why parts of it failed."""
    lines: list[Line] = [((part, Role.TITLE),) for part in wrap(clean(batch.title), cells)]
    of = f" of change {batch.reverses}" if batch.reverses is not None else ""
    said = f"change {batch.id}{of}, {describe_origin(batch, now)}: {batch.outcome}"
    lines += [((part, Role.TEXT),) for part in wrap(said, cells)]
    for reason in reasons:
        times = f"{reason.count:,} x " if batch.total > 1 else ""
        text = f"{times}{reason.told}: {clean(reason.text)}"
        role = ROLES.get(reason.state, Role.WARN)
        lines += [((part, role),) for part in wrap(text, cells)]
        if reason.hint:
            lines += [((part, Role.DIM),) for part in wrap(spell(clean(reason.hint)), cells)]
    return lines


def build_entry_page(batch: Batch, entry: Entry, cells: int, now: datetime) -> list[Line]:
    """Return all that is known of an asset's part of a change; nothing is cut off."""
    of = f" of change {batch.reverses}" if batch.reverses is not None else ""
    end = "undone" if entry.was_undone else entry.told
    head = [
        (f"change {batch.id}{of}, {describe_origin(batch, now)}: {end}", Role.TEXT),
        (f"id {entry.asset_id}" if entry.asset_id else "", Role.DIM),
        (explain_entry(entry), ROLES.get(entry.state, Role.WARN)),
        (spell(entry.hint), Role.DIM),
    ]
    lines: list[Line] = [
        ((part, role),) for text, role in head if text for part in wrap(clean(text), cells)
    ]
    diffs = [*describe_change(entry), *describe_roles(entry.roles_before, entry.roles)]
    for diff in diffs:
        lines += [(), ((diff.title, Role.LABEL),), *_build_versions(diff, cells)]
    return lines if diffs else [*lines, (), ((describe_entry(entry), Role.TEXT),)]


def _build_versions(diff: FieldDiff, cells: int) -> Iterator[Line]:
    """Yield what goes with ``-``, then what comes with ``+``, whole."""
    gone, come = diff.before or "(empty)", diff.after or "(empty)"
    if diff.is_set:
        gone, come = ", ".join(diff.removed), ", ".join(diff.added)
    for text, sign, role in ((gone, "- ", Role.BAD), (come, "+ ", Role.GOOD)):
        parts = [part for line in clean_lines(text) for part in wrap(line, max(1, cells - 2))]
        for at, part in enumerate(parts if text else ()):
            yield ((sign if at == 0 else "  ", role), (part, role))


def build_log_title(changes: int | None, kept: Mapping[State, int] | None = None) -> str:
    """Return the title of the log; None: it is still being read.

    Args:
        changes: How many there are.
        kept: How many of their parts are kept, by state: in the words of the lines below.
    """
    if changes is None:
        return "Log: reading…"
    parts = [plural(changes, "change")]
    counts = kept or {}
    parts += [f"{counts[state]:,} {state}" for state in _KEPT_WORDS if counts.get(state)]
    return f"Log: {', '.join(parts)}"
