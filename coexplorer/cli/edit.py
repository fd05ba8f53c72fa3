"""``edit``: names, descriptions, tags and mount folders, by options or in an editor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from coexplorer.cli.editor import EditedText
from coexplorer.cli.exits import code_of
from coexplorer.cli.narration import confirm, report_error, warn
from coexplorer.cli.output import Format, format_options
from coexplorer.cli.plans import carry_out, plan_options
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import Chosen, Targets, choose_targets, read_targets, target_options
from coexplorer.errors import CoexplorerError, DocumentError, InvalidField

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.changes import Change, Plan


@click.command("edit")
@target_options
@click.option("--name", help="The new name.")
@click.option("--description", help="The new description (Markdown).")
@click.option("--mount", help="The new mount folder.")
@click.option("--tags", metavar="A,B,…", help="All tags, in place of those that are there.")
@click.option("--add-tag", "added", multiple=True, metavar="TAG", help="Add a tag.")
@click.option("--remove-tag", "removed", multiple=True, metavar="TAG", help="Remove a tag.")
@click.option("--editor", is_flag=True, help="Open all of them as one text in $EDITOR.")
@plan_options
@format_options(Format.JSON, Format.JSON_LINES)
@pass_invocation
def edit_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    name: str | None,
    description: str | None,
    mount: str | None,
    tags: str | None,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    editor: bool,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Change assets; without an option that says how, in $EDITOR.

    What others changed meanwhile is merged: tags as sets, other fields one by one. The same
    field changed by both is a conflict: nothing is overwritten, and your text is kept (log).
    """
    from coexplorer.library.changes import Change

    targets = read_targets(assets, query)
    change = Change(
        name=name,
        description=description,
        mount=mount,
        replace_tags=None if tags is None else split_tags(tags),
        add_tags=added,
        remove_tags=removed,
    )
    if editor and change.title:
        raise click.UsageError("give either --editor or the changes, not both")
    if change.title:
        plan = invocation.run(lambda library: _plan(library, targets, change, refresh=refresh))
    else:
        plan = edit_as_text(invocation, targets, refresh=refresh)
    several = targets.query is not None or len(plan.items) > 1
    carry_out(invocation, plan, dry_run=dry_run, ask=several and not yes, style=style)


def split_tags(text: str) -> tuple[str, ...]:
    """Read ``a, b``; an empty text is no tags at all (pure)."""
    return tuple(tag for tag in (part.strip() for part in text.split(",")) if tag)


async def _plan(library: Library, targets: Targets, change: Change, *, refresh: bool) -> Plan:
    chosen = await choose_targets(library, targets, refresh=refresh)
    return await library.plan(chosen.ids, change, fits=chosen.fits)


def edit_as_text(invocation: Invocation, targets: Targets, *, refresh: bool = False) -> Plan:
    """Let the user edit all assets as one text, until it can be read, and plan the difference."""
    from coexplorer.library.changes import Plan

    async def write(library: Library) -> tuple[str, Chosen]:
        chosen = await choose_targets(library, targets, refresh=refresh)
        return await library.document(chosen.ids) if chosen.ids else "", chosen

    before, chosen = invocation.run(write)
    if not before:
        return Plan(title="", items=())
    edited = EditedText(before, ".coexplorer")
    while True:
        after = edited.edit()
        try:
            plan = invocation.run(_planner(before, after, chosen))
        except (DocumentError, InvalidField) as error:
            report_error(error)
            if _again():
                continue
            warn(f"nothing was sent; your text is kept in {edited.path}")
            click.get_current_context().exit(code_of(error))
        except CoexplorerError:
            warn(f"nothing was sent; your text is kept in {edited.path}")
            raise
        edited.remove()
        return plan


def _planner(before: str, after: str, chosen: Chosen) -> Callable[[Library], Awaitable[Plan]]:
    async def plan(library: Library) -> Plan:
        return await library.plan_document(before, after, fits=chosen.fits)

    return plan


def _again() -> bool:
    try:
        return confirm("Open it again?")
    except click.UsageError:
        return False
