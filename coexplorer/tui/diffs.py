"""Changes as lines: what a plan would do, how it ended, and the log. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from coexplorer.library.attachments import describe_attaching
from coexplorer.library.entries import ATTACHING, Action, Entry, State
from coexplorer.library.field_diffs import (
    FieldDiff,
    describe_difference,
    describe_folder,
    describe_roles,
    describe_storage,
)
from coexplorer.library.losses import describe_loss
from coexplorer.library.plans import Plan, PlanItem
from coexplorer.library.results import BatchReport, EditResult
from coexplorer.library.used_by import Uses, describe_uses
from coexplorer.models import AssetId
from coexplorer.sharing.roles import title_of
from coexplorer.spelling import spell
from coexplorer.text import clean, cut, fit, plural, width
from coexplorer.tui.columns import Line, Piece, Role, cut_middle, wrap
from coexplorer.tui.keys import key_of

MOST_ITEMS = 300
"""Items of a plan that are shown one by one."""
SHORT = 60
"""Cells below which a reason has no room beside a name."""
WIDE = 70
"""Cells from which a line has room for the day."""
_NARROWEST = 14
"""Cells of the column of titles, which stops at half of the screen."""
_VERBS = {
    Action.ARCHIVE: "archive",
    Action.UNARCHIVE: "unarchive",
    Action.DELETE: "delete permanently",
    Action.CREATE: "create",
    Action.TRANSFER: "transfer, for good",
}
_UNDER_WAY = {
    State.PLANNED: "written down, and sent as soon as it is its turn, by this or another window",
    State.INTENDED: "on its way to the platform, from this or another window: no answer yet",
}
ROLES = {
    State.APPLIED: Role.GOOD,
    State.UNCHANGED: Role.DIM,
    State.SKIPPED: Role.DIM,
    State.DISCARDED: Role.DIM,
    State.UNSENT: Role.BAD,
    State.REFUSED: Role.BAD,
    State.UNKNOWN: Role.WARN,
    State.CONFLICT: Role.WARN,
    State.STOPPED: Role.WARN,
}


def build_plan_title(plan: Plan, outside: Collection[AssetId] = frozenset()) -> str:
    """Return what a plan would do, in one line, and how much of it is not in the list."""
    todo, skipped = len(plan.todo), len(plan.skipped)
    assets = "asset" if todo == 1 else "assets"
    left = f", {skipped:,} left out" if skipped else ""
    unseen = sum(item.asset_id in outside for item in plan.todo)
    unseen_too = f" ({unseen:,} not in the list)" if unseen else ""
    return f"{clean(plan.title)}: {todo:,} {assets}{unseen_too}{left}"


def describe_plan(plan: Plan, origin: str) -> str:
    """Return what a plan takes back: ``undo: add tag rna, 3 assets, today 17:02``."""
    count = sum(not item.withdraws for item in plan.todo)
    assets = f", {plural(count, 'asset')}" if count > 1 else ""
    return f"{clean(plan.title)}{assets}, {origin}"


def build_plan_lines(
    plan: Plan, cells: int, outside: Collection[AssetId] = frozenset()
) -> list[Line]:
    """Return the diff of every asset, then the skipped ones, each with its reason."""
    lines: list[Line] = []
    for item in plan.todo[:MOST_ITEMS]:
        lines += _build_item(item, cells, outside=item.asset_id in outside)
    if len(plan.todo) > MOST_ITEMS:
        lines.append(((f"and {len(plan.todo) - MOST_ITEMS:,} more like these", Role.DIM),))
    if plan.given_up:
        lines += [(), (("replaced, as it is not on the platform; the log keeps it", Role.LABEL),)]
        for entry in plan.given_up[:MOST_ITEMS]:
            said = f"  {clean(entry.asset_name)}  {describe_entry(entry)}"
            lines.append(cut_line(((said, Role.WARN),), cells))
        if len(plan.given_up) > MOST_ITEMS:
            lines.append(((f"and {len(plan.given_up) - MOST_ITEMS:,} more", Role.DIM),))
    if plan.skipped:
        lines += [(), (("left out", Role.LABEL),)]
        lines += [
            cut_line(((f"  {clean(i.name)}", Role.DIM), (f"  {clean(i.reason)}", Role.WARN)), cells)
            for i in plan.skipped[:MOST_ITEMS]
        ]
    return lines


def _build_item(item: PlanItem, cells: int, *, outside: bool) -> Iterator[Line]:
    yield cut_line(((clean(item.name), Role.TITLE),), cells)
    if outside:
        yield cut_line((("  not in the list that is shown", Role.WARN),), cells)
    if item.since:
        text = f"  changed since it was marked: {' and '.join(item.since)}"
        yield cut_line(((text, Role.WARN),), cells)
    if item.withdraws:
        yield cut_line((("  this change was not carried out: it is given up", Role.WARN),), cells)
    if item.note:
        yield cut_line(((f"  {clean(item.note)}", Role.WARN),), cells)
    if item.archive_first:
        yield (("  archive first", Role.WARN),)
    if item.action in _VERBS:
        role = Role.BAD if item.action is Action.DELETE else Role.WARN
        files = f": {clean(describe_loss(item.loss))}" if item.loss is not None else ""
        yield cut_line(((f"  {_VERBS[item.action]}{files}", role),), cells)
    if item.uses is not None:
        yield from build_uses(item.uses, cells)
    yield from build_diffs(item.diff, cells)


def build_uses(uses: Uses, cells: int) -> Iterator[Line]:
    """Yield the lines of what uses an asset; what is used, or not known, stands out."""
    role = Role.DIM if uses.is_unused else Role.WARN
    for part in wrap(clean(describe_uses(uses)), max(1, cells - 2)):
        yield ((f"  {part}", role),)


def build_diffs(diffs: Sequence[FieldDiff], cells: int) -> Iterator[Line]:
    """Yield the lines of what changes in fields, or in roles, with the values below each other."""
    titles = (width(f"  {clean(diff.title)}  ") for diff in diffs if not diff.is_set)
    column = max((each for each in titles if each <= cells // 2), default=0)
    for diff in diffs:
        yield from _build_diff(diff, max(column, _NARROWEST), cells)


def _build_diff(diff: FieldDiff, column: int, cells: int) -> Iterator[Line]:
    """Yield the lines of one field's change: what goes with ``-``, what comes with ``+``."""
    if diff.is_set:
        pieces: list[Piece] = [(f"  {diff.title}  ", Role.LABEL)]
        pieces += [(f"-{clean(tag)} ", Role.BAD) for tag in diff.removed]
        pieces += [(f"+{clean(tag)} ", Role.GOOD) for tag in diff.added]
        yield cut_line(tuple(pieces), cells)
        return
    if diff.is_role:
        title = f"  {clean(diff.title)}  "
        was: list[Piece] = [(f"{clean(diff.before)} → ", Role.BAD)] if diff.before else []
        who: Piece = (fit(title, max(column, width(title))), Role.LABEL)
        yield cut_line((who, *was, (clean(diff.after), Role.GOOD)), cells)
        return
    label = fit(f"  {clean(diff.title)}", column)
    for text, sign, role in ((diff.before, "-", Role.BAD), (diff.after, "+", Role.GOOD)):
        yield cut_line(((label, Role.LABEL), (f"{sign} {clean(text) or '(empty)'}", role)), cells)


class Outcome(msgspec.Struct, frozen=True):
    """A line of what a batch came to.

    Attributes:
        line: As it is shown.
        result: What is said in full below; of a group, that of its first asset. None: nothing.
    """

    line: Line
    result: EditResult | None = None


def build_report(report: BatchReport, cells: int) -> list[Outcome]:
    """Return one outcome per line, failures first; a reason that several share comes once."""
    lines: list[Outcome] = []
    failed = [*report.failed, *report.skipped]
    groups: dict[tuple[str, str], list[EditResult]] = {}
    for result in failed:
        groups.setdefault((result.told, _reason_of(result)), []).append(result)
    for (state, reason), results in sorted(groups.items(), key=_rank):
        if len(results) == 1 or not reason:
            lines += [Outcome(_build_result(result, cells), result) for result in results]
            continue
        role = ROLES.get(results[0].state, Role.WARN)
        head = ((fit(state, 11), role), (f"{len(results):,} x {clean(reason)}", Role.TITLE))
        lines.append(Outcome(cut_line(head, cells), results[0]))
        if all(result.needless for result in results):
            continue  # nobody misses anything
        lines += [
            Outcome(cut_line(((" " * 11 + clean(result.asset_name), Role.TEXT),), cells), result)
            for result in results[:MOST_ITEMS]
        ]
        if len(results) > MOST_ITEMS:
            more = f"{' ' * 11}and {len(results) - MOST_ITEMS:,} more"
            lines.append(Outcome(((more, Role.DIM),)))
    left = max(0, 4 * MOST_ITEMS - len(lines))
    lines += [Outcome(_build_result(result, cells), result) for result in report.applied[:left]]
    if len(report.applied) > left:
        lines.append(Outcome(((f"and {len(report.applied) - left:,} more", Role.DIM),)))
    return lines


def _rank(group: tuple[tuple[str, str], list[EditResult]]) -> tuple[bool, int]:
    """Put what needs attention before what needed no change; largest groups first."""
    _, results = group
    return all(result.needless for result in results), -len(results)


def build_outcome(result: EditResult, cells: int) -> list[Line]:
    """Return all that is said of one outcome, with the way out; nothing of it is cut off."""
    said = [(_reason_of(result), ROLES.get(result.state, Role.WARN))]
    if result.error is not None and result.error.hint:
        said.append((spell(result.error.hint), Role.DIM))
    return [((part, role),) for text, role in said if text for part in wrap(clean(text), cells)]


def _reason_of(result: EditResult) -> str:
    if result.skipped_fields:
        return f"left alone: {' and '.join(result.skipped_fields)}"
    return result.reason


def _build_result(result: EditResult, cells: int) -> Line:
    role = ROLES.get(result.state, Role.WARN)
    said = _name_and_reason(result.asset_name, _reason_of(result), cells - 11)
    return cut_line(((fit(result.told, 11), role), (said, Role.TEXT)), cells)


def _name_and_reason(name: str, reason: str, cells: int) -> str:
    """Return both in one line: the name is cut before its end, which tells assets apart."""
    if cells < SHORT:
        reason = ""  # it is said in full below
    room = cells // 2 if reason else cells
    return f"{cut_middle(clean(name), room)}  {clean(reason)}".rstrip()


def describe_entry(entry: Entry) -> str:
    """Return what was done in a few words: ``+keep -raw name``, ``archive``."""
    before, after = entry.before or entry.base, entry.after or entry.mine
    if entry.action is Action.SHARE:
        return " ".join(f"{clean(title_of(m))}:{clean(role)}" for m, role in entry.roles.items())
    if entry.action in ATTACHING:
        return describe_attaching(entry)
    if entry.action is not Action.EDIT or before is None or after is None:
        return str(entry.action)
    words: list[str] = []
    for diff in describe_difference(before, after):
        if diff.is_set:
            words += [f"+{clean(tag)}" for tag in diff.added]
            words += [f"-{clean(tag)}" for tag in diff.removed]
        else:
            words.append(diff.title)
    return " ".join(words) or str(entry.action)


def build_entry_details(entry: Entry, cells: int) -> list[Line]:
    """Return what an entry changed or wanted to, and what can be done about it."""
    lines: list[Line] = [cut_line(((clean(entry.asset_name), Role.TITLE),), cells)]
    conflict = entry.state is State.CONFLICT and entry.action is Action.EDIT
    keys = f"{key_of('log.unfold')} shows both versions, {key_of('log.edit')} opens the text again"
    # Why it failed comes first: a long text would push it out of sight.
    said = (
        (explain_entry(entry), ROLES.get(entry.state, Role.WARN)),
        (keys if conflict else spell(entry.hint), Role.ACCENT if conflict else Role.WARN),
    )
    lines += [cut_line(((clean(text), role),), cells) for text, role in said if text]
    describe = describe_folder if entry.action in ATTACHING else describe_roles
    if entry.action is Action.TRANSFER:
        describe = describe_storage
    diffs = (*describe_change(entry), *describe(entry.roles_before, entry.roles))
    lines += build_diffs(diffs, cells)
    return lines


def describe_change(entry: Entry) -> tuple[FieldDiff, ...]:
    """Return what an entry changed of the fields, or wanted to."""
    before, after = entry.before or entry.base, entry.after or entry.mine
    return describe_difference(before, after) if before is not None and after is not None else ()


def explain_entry(entry: Entry) -> str:
    """Return why an entry is as it is; empty: its state says all."""
    return entry.reason or _UNDER_WAY.get(entry.state, "")


def cut_line(line: Sequence[Piece], cells: int) -> Line:
    """Return the pieces of a line as far as they have room."""
    out: list[Piece] = []
    left = cells
    for text, role in line:
        if left <= 0:
            break
        kept = cut(text, left)
        out.append((kept, role))
        left -= width(kept)
    return tuple(out)
