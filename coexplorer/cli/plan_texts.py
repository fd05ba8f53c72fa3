"""Plans as texts: what a change would do to each asset, as a diff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from coexplorer.cli.format import plural
from coexplorer.cli.output import Format, print_rows
from coexplorer.cli.row_values import plan_values
from coexplorer.cli.schema import PLAN
from coexplorer.text import clean, clean_lines, diff_lines, width

if TYPE_CHECKING:
    from coexplorer.fields import Fields
    from coexplorer.library.field_diffs import FieldDiff
    from coexplorer.library.plans import Plan, PlanItem
    from coexplorer.library.used_by import Uses

_NARROWEST, _WIDEST = 11, 32
"""Cells of the column of titles; a longer title, such as a long address, reaches into the next."""

_MOST_DIFFED = 2000
"""Lines of a text that is compared line by line."""


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
        lines.append(f"this change gives up one that the platform does not have: {what}")
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
    what = f"{name_action(plan)} {plural(sent, 'asset')} {plan.where if sent else ''}".rstrip()
    parts = [what] if sent or nothing_else else []
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
        parts.append(f"ask the platform about {unsure:,} that {seems} to be that way already")
    if plan.skipped:
        parts.append(f"leave {len(plan.skipped):,} out")
    line = ", ".join(parts)
    return line[0].upper() + line[1:]


def name_action(plan: Plan) -> str:
    """Return what a plan does, as the first word of a sentence (pure)."""
    actions = {item.action for item in plan.todo or plan.items if not item.withdraws}
    verb = actions.pop() if len(actions) == 1 else "change"
    return "Change the sharing of" if verb == "share" else str(verb).capitalize()


def _describe_item(item: PlanItem) -> list[str]:
    head = click.style(clean(item.name), bold=True)
    action = "archive and delete" if item.archive_first else item.action
    plain = item.action in {"edit", "share", "attach", "detach"}
    note = "" if plain and not item.withdraws else f": {action}"
    if item.withdraws:
        note += " that is not on the platform: given up"
    if item.is_unsure:
        note += f": {item.remark}"
    lines = [f"{head}  {item.asset_id[:8]}{note}"]
    if item.loss is not None:
        lines.append(f"  {clean(_describe_files(item))}")
    if item.uses is not None:
        lines.append(_describe_uses(item.uses))
    if item.remark and not item.is_unsure:
        lines.append(f"  {clean(item.remark)}")
    return [*lines, *describe_fields(item.diff)]


def _describe_uses(uses: Uses) -> str:
    """Return what uses an asset; what is used, or not known, stands out."""
    from coexplorer.library.used_by import describe_uses

    text = f"  {clean(describe_uses(uses))}"
    return text if uses.is_unused else click.style(text, fg="yellow")


def describe_change(before: Fields, after: Fields) -> list[str]:
    """Return the fields that differ as a diff."""
    from coexplorer.library.field_diffs import describe_difference

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
