"""``edit``: names, descriptions, tags, metadata, mount folders, by options or in an editor."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from coexplorer.cli.carry_out import carry_out, plan_options
from coexplorer.cli.completion import complete_tag_list, complete_tags
from coexplorer.cli.editor import EditedText
from coexplorer.cli.exits import code_of
from coexplorer.cli.left_texts import find_left, find_origin, offer_left, sweep_texts
from coexplorer.cli.metadata import meta_option, read_meta, unset_meta_option
from coexplorer.cli.missing_values import MayStandAlone
from coexplorer.cli.narration import NobodyToAskError, confirm, report_error, warn
from coexplorer.cli.output import Format, format_options
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
from coexplorer.errors import DocumentError, InvalidField
from coexplorer.fields import FIELD_BY_NAME, SETS_LAST, FieldKind, Fields, Value, replace_values

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.bulk_change import Change
    from coexplorer.library.left_texts import Author
    from coexplorer.library.plans import Plan
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


_TAG = re.compile(r'\s*+("(?:[^"]|"")*+"|[^,"\s][^,]*+|)\s*+(?:,|$)')
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
    help="Continue with a text left over from an editor; without a value, list them if there are"
    " several.",
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
    see log. Text that you typed and did not send is kept, too, until nobody has touched it for 90
    days.
    """
    from coexplorer.library.bulk_change import Change

    sweep_texts()
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
        if plan.todo:  # what is refused is not tidied either
            tell_tidied(replace_values(Fields(""), change.values))
        carry(plan, lambda: None)
    else:
        edit_as_text(invocation, targets, carry, refresh=refresh)


def tell_tidied(given: Fields) -> None:
    """Say which of the given lines are saved without the spaces around them."""
    from coexplorer.library.validate import describe_tidied

    if told := describe_tidied(given, Fields("")):
        warn(told)


def split_tags(text: str) -> tuple[str, ...]:
    """Read ``a, b``; an empty text is no tags at all (pure).

    A tag with a comma in it stands in quotes, with its own quotes doubled, as in CSV.

    Raises:
        click.UsageError: A quote is not closed, or more follows it.
    """
    tags: dict[str, None] = {}
    place = 0
    while place < len(text):
        found = _TAG.match(text, place)
        if found is None:
            raise click.UsageError(
                f"--tags {text!r}: a quote is not closed, or more follows it; a tag with a comma in"
                ' it stands in quotes: x,"y, z"'
            )
        quoted = found[1].startswith('"')
        tag = (found[1][1:-1].replace('""', '"') if quoted else found[1]).strip()
        if tag:
            tags[tag] = None
        place = found.end()
    return tuple(tags)


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
    from coexplorer.library.bulk_change import change_fields

    base = error.record.asset.fields
    mine = change_fields(base, change)
    if mine == base:
        return
    entry = await library.saves.keep(error.record.asset.id, base, mine, error)
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

    async def write(library: Library) -> tuple[str, Chosen, list[str], Author]:
        chosen = await choose_targets(library, targets, refresh=refresh, kept=True)
        text = await library.changes.document(chosen.ids) if chosen.ids else ""
        unsent = await _find_unsent(library, chosen.ids)
        return text, chosen, unsent, await find_origin(library)

    before, chosen, unsent, origin = invocation.run(write)
    if not before:
        carry(Plan(title="", items=()), lambda: None)
        return
    offer_left(chosen.ids, origin)
    for line in unsent:
        warn(line)
    edited = EditedText(before, ".coexplorer", origin)
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
                " sends it; if you change the same field now, that replaces it"
            )
    if len(waiting) > _NAMED:
        told.append(f"and {len(waiting) - _NAMED:,} more have changes that wait: coexplorer log")
    return told


def _resume(
    invocation: Invocation, given: str, carry: Callable[[Plan, Callable[[], None]], None]
) -> None:
    """Go on with a text that was left, as it would have gone on then."""
    left = find_left(invocation, given)
    if left is None:
        return
    before = left.before or ""
    edited = EditedText(before, ".coexplorer", left.origin, left=left.path)
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
            report_error(error, anew=True)
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
