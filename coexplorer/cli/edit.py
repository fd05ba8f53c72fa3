"""``edit``: names, descriptions, tags, metadata, mount folders, by options or in an editor."""

from __future__ import annotations

import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coexplorer.cli.carry_out import carry_out, plan_options
from coexplorer.cli.completion import complete_tag_list, complete_tags
from coexplorer.cli.editor import EditedText
from coexplorer.cli.exits import code_of
from coexplorer.cli.format import moment_text, plural
from coexplorer.cli.metadata import meta_option, read_meta, unset_meta_option
from coexplorer.cli.missing_values import MayStandAlone
from coexplorer.cli.narration import NobodyToAskError, confirm, note, report_error, warn
from coexplorer.cli.output import Format, format_options, print_line
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import (
    Chosen,
    KnownAssetGoneError,
    Targets,
    choose_targets,
    read_targets,
    target_options,
)
from coexplorer.cli.values import TEXT
from coexplorer.config import find_paths
from coexplorer.errors import DocumentError, InvalidField, NotThere, Refused
from coexplorer.fields import FIELD_BY_NAME, SETS_LAST, FieldKind, Value

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.left_texts import LeftText
    from coexplorer.library.plans import Change, Plan
    from coexplorer.models import AssetId


def field_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for every editable field."""
    for field in reversed(SETS_LAST):
        metavar = "A,B,…" if field.kind is FieldKind.SET else None
        option = click.option(
            field.option,
            field.name,
            type=TEXT,
            metavar=metavar,
            help=field.help,
            shell_complete=complete_tag_list if field.name == "tags" else None,
        )
        command = option(command)
    return command


def read_values(options: Mapping[str, str | None]) -> dict[str, Value]:
    """Return the new values that the options of `field_options` give (pure).

    Raises:
        click.UsageError: Only commas are given for a set: what variables that are not set come to.
    """
    values: dict[str, Value] = {}
    for name, text in options.items():
        if text is not None:
            field = FIELD_BY_NAME[name]
            values[name] = split_tags(text) if field.kind is FieldKind.SET else text
            if text and not values[name]:
                raise click.UsageError(
                    f"{field.option} {text!r} has none in it; {''!r} removes all"
                )
    return values


_NAMED = 5
"""So many assets with an earlier text are named before an editor is opened."""


@click.command("edit")
@target_options
@field_options
@click.option(
    "--add-tag",
    "added",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tags,
    help="Add a tag.",
)
@click.option(
    "--remove-tag",
    "removed",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tags,
    help="Remove a tag.",
)
@meta_option
@unset_meta_option
@click.option("--editor", is_flag=True, help="Edit all of them as one text in $EDITOR.")
@click.option(
    "--resume",
    cls=MayStandAlone,
    type=TEXT,
    is_flag=False,
    flag_value="",
    metavar="[PATH|NUMBER]",
    help="Go on with a text that an editor left; without a value list them, if there are several.",
)
@plan_options
@format_options(OUTCOME)
@pass_invocation
def edit_command(
    invocation: Invocation,
    /,
    assets: tuple[str, ...],
    query: str | None,
    *,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    meta: tuple[str, ...],
    unset_meta: tuple[str, ...],
    editor: bool,
    resume: str | None,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
    **values: str | None,
) -> None:
    """Change assets: by options, or in $EDITOR if you give none.

    Changes that others made meanwhile are merged: tags as sets, metadata key by key, other fields
    one by one. If you both changed the same field, nothing is overwritten, and your text is kept:
    see log. What you typed and did not send is kept, too, until nobody has touched it for 90 days.
    """
    from coexplorer.library.plans import Change

    _sweep()
    targets = Targets() if resume is not None else read_targets(assets, query)
    change = Change(
        values=read_values(values),
        add_tags=added,
        remove_tags=removed,
        metadata=read_meta(meta, unset_meta),
    )
    if editor and change.title:
        raise click.UsageError("give either --editor or the changes, not both")
    if resume is not None and (assets or query is not None or change.title):
        raise click.UsageError("--resume takes the assets and the changes from the text")

    def carry(plan: Plan, written: Callable[[], None]) -> None:
        several = targets.query is not None or len(plan.items) > 1
        ask = several and not yes
        carry_out(invocation, plan, dry_run=dry_run, ask=ask, style=style, written=written)

    if resume is not None:
        _resume(invocation, resume, carry)
    elif change.title:
        plan = invocation.run(lambda library: _plan(library, targets, change, refresh=refresh))
        carry(plan, lambda: None)
    else:
        edit_as_text(invocation, targets, carry, refresh=refresh)


def split_tags(text: str) -> tuple[str, ...]:
    """Read ``a, b``; an empty text is no tags at all (pure)."""
    return tuple(tag for tag in (part.strip() for part in text.split(",")) if tag)


async def _plan(library: Library, targets: Targets, change: Change, *, refresh: bool) -> Plan:
    try:
        chosen = await choose_targets(library, targets, refresh=refresh, kept=True)
    except KnownAssetGoneError as error:
        if len(targets.named) == 1:
            await _keep(library, change, error)
        raise
    return await library.changes.plan(chosen.ids, change, fits=chosen.fits)


async def _keep(library: Library, change: Change, error: KnownAssetGoneError) -> None:
    """Keep what was asked for of an asset that may only not be shared any more."""
    from coexplorer.library.plans import change_fields

    base = error.record.asset.fields
    mine = change_fields(base, change)
    if mine == base:
        return
    entry = await library.changes.keep(error.record.asset.id, base, mine, error)
    error.hint = (
        f"what you wanted is kept, in case it is shared with you again: coexplorer retry {entry}"
        f" sends it, coexplorer discard {entry} gives it up"
    )


def edit_as_text(
    invocation: Invocation,
    targets: Targets,
    carry: Callable[[Plan, Callable[[], None]], None],
    *,
    refresh: bool = False,
) -> None:
    """Let the user edit all assets as one text, until it can be read, and carry the difference out.

    The text is kept, and it is said where, until it is in the journal: whoever says no to the plan,
    or stops at the question, has it still.

    Args:
        invocation: This run.
        targets: The assets.
        carry: Carries a plan out, and calls its second argument once the plan is written down.
        refresh: See `choose_targets`.
    """
    from coexplorer.library.plans import Plan

    async def write(library: Library) -> tuple[str, Chosen, list[str]]:
        chosen = await choose_targets(library, targets, refresh=refresh, kept=True)
        text = await library.changes.document(chosen.ids) if chosen.ids else ""
        return text, chosen, await _find_unsent(library, chosen.ids)

    before, chosen, unsent = invocation.run(write)
    if not before:
        carry(Plan(title="", items=()), lambda: None)
        return
    _offer(chosen.ids)
    for line in unsent:
        warn(line)
    edited = EditedText(before, ".coexplorer")
    try:
        carry(_edit_until_read(invocation, edited, before, chosen), edited.remove)
    finally:
        edited.tell()


async def _find_unsent(library: Library, ids: Sequence[AssetId]) -> list[str]:
    """Say which of the assets have an earlier text in the log: the editor shows the platform's."""
    chosen = frozenset(ids)
    waiting = {each.asset_id for each in await library.log.kept()} & chosen
    told = []
    for asset_id in [each for each in ids if each in waiting][:_NAMED]:
        entry = await library.log.find_text(asset_id)
        if entry is not None:
            told.append(
                f"an earlier text of {entry.asset_name} is not sent, and not in the editor:"
                f" coexplorer log -o json shows it (entry {entry.id}), coexplorer retry {entry.id}"
                " sends it; what you change now replaces it"
            )
    if len(waiting) > _NAMED:
        told.append(f"and {len(waiting) - _NAMED:,} more have changes that wait: coexplorer log")
    return told


def _sweep() -> None:
    """Remove texts that nobody has touched for long, and say so."""
    from coexplorer.library.left_texts import KEPT_DAYS, sweep_texts

    for path in sweep_texts(find_paths().state_dir, time.time()):
        warn(f"removed a text that nobody has touched for {KEPT_DAYS} days: {path}")


def _offer(ids: Sequence[AssetId]) -> None:
    """Say that a text of the same assets was left before, before another one is begun."""
    from coexplorer.library.left_texts import list_left

    chosen = frozenset(ids)
    left = [each for each in list_left(find_paths().state_dir) if chosen & set(each.assets)]
    if len(left) > 1:
        warn(
            f"{len(left)} texts of the same assets were left, the last one"
            f" {moment_text(left[0].at)}; coexplorer edit --resume lists them"
        )
    elif left:
        how = f"; {tell_resume(left[0])} goes on with it" if left[0].before is not None else ""
        warn(
            f"a text of the same assets was left in {left[0].path} ({moment_text(left[0].at)}){how}"
        )


def tell_resume(left: LeftText) -> str:
    """Return the command that goes on with a text (pure)."""
    return f"coexplorer edit --resume {shlex.quote(str(left.path))}"


def _find_left(given: str) -> LeftText | None:
    """Return the text that is meant; None: there are several, and they were listed.

    Args:
        given: Its number in the list, or its path; empty: the only one.

    Raises:
        NotThere: There is none of this number or path.
        Refused: There is none at all.
    """
    from coexplorer.library.left_texts import list_left

    found = [each for each in list_left(find_paths().state_dir) if each.before is not None]
    if not found:
        raise Refused("no text was left in an editor", hint="coexplorer edit ASSET begins one")
    if not given and len(found) > 1:
        for number, each in enumerate(found, start=1):
            about = plural(len(each.assets), "asset")
            print_line(f"{number}  {moment_text(each.at)}  about {about}  {each.path}")
        note("coexplorer edit --resume NUMBER goes on with one; remove a file to give it up")
        return None
    if not given:
        return found[0]
    numbered = {str(number): each for number, each in enumerate(found, start=1)}
    path = Path(given).absolute()
    named = next((each for each in found if each.path == path), None) or numbered.get(given)
    if named is None:
        raise NotThere(
            f"no text {given!r} was left in an editor", hint="coexplorer edit --resume lists them"
        )
    return named


def _resume(
    invocation: Invocation, given: str, carry: Callable[[Plan, Callable[[], None]], None]
) -> None:
    """Go on with a text that was left, as it would have gone on then."""
    left = _find_left(given)
    if left is None:
        return
    before = left.before or ""
    edited = EditedText(before, ".coexplorer", left=left.path)
    try:
        carry(
            _edit_until_read(invocation, edited, before, Chosen(list(left.assets), {})),
            edited.remove,
        )
    finally:
        edited.tell()


def _edit_until_read(
    invocation: Invocation, edited: EditedText, before: str, chosen: Chosen
) -> Plan:
    while True:
        after = edited.edit()
        try:
            return invocation.run(_planner(before, after, chosen))
        except (DocumentError, InvalidField) as error:
            report_error(error)
            if not _again():
                warn("nothing was sent")
                click.get_current_context().exit(code_of(error))


def _planner(before: str, after: str, chosen: Chosen) -> Callable[[Library], Awaitable[Plan]]:
    async def plan(library: Library) -> Plan:
        return await library.changes.plan_document(before, after, fits=chosen.fits)

    return plan


def _again() -> bool:
    try:
        return confirm("Open it again?")
    except NobodyToAskError:
        return False
