"""Creating assets, and deleting them permanently."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import ChangedSince
from coexplorer.library.bulk_change import Change
from coexplorer.text import plural
from coexplorer.tui.actions.plans import carry_out

if TYPE_CHECKING:
    from coexplorer.library.drafts import FormDraft
    from coexplorer.tui.new_from import NewFrom
    from coexplorer.tui.workbench import Action, Workbench


async def create(screen: Workbench) -> None:
    """Ask what it is made from, then open the form.

    That stays until the asset is ready or failed, or is left before.
    """
    from coexplorer.tui.actions.sources import choose_source  # noqa: PLC0415  needed here only

    made_of = await choose_source(screen)
    if made_of is not None:
        await fill_in(screen, made_of=made_of)


async def fill_in(
    screen: Workbench, draft: FormDraft | None = None, made_of: NewFrom | None = None
) -> None:
    """Open the form, with what was typed already if anything was."""
    from coexplorer.tui.screens.create import CreateScreen  # noqa: PLC0415  needed here only

    made = await screen.app.push_screen_wait(CreateScreen(screen.library, draft, made_of))
    if made is not None:
        screen.feeds.list.load(go_to=made.asset.id)


async def delete(screen: Workbench) -> None:
    """Delete after a typed confirmation that says what will be gone."""
    from coexplorer.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415  needed here only

    ids = screen.targets()
    known = await screen.library.assets.records(ids)
    if not known:
        return
    while True:
        records = await screen.app.push_screen_wait(
            ConfirmScreen(screen.library, known, note=_tell_outside(screen))
        )
        if not records:
            screen.feeds.list.load()  # it may have been read again, or found to be gone
            return
        first = any(not record.membership.archived for record in records)
        if len(records) > 1:
            break
        asset = records[0].asset
        try:
            if (fit := screen.state.marked.fits.get(asset.id)) is not None:
                fit.ensure(records[0])
            await screen.library.changes.delete(asset.id, archive_first=first, shown=asset)
        except ChangedSince as error:
            screen.report(error)
            known = list(records)  # it is shown once more, as it is now
            continue
        screen.say(f"deleted {asset.name}")
        screen.state.marked.drop([asset.id])
        screen.show_marks()
        screen.feeds.list.load()
        return
    change = Change(delete=True, archive_first=first)
    make = partial(screen.library.changes.plan, records, change, fits=screen.state.marked.fits)
    await carry_out(screen, make, len(records))


def _tell_outside(screen: Workbench) -> str:
    """Say that some of what is marked is not in the list that is shown."""
    outside = len(screen.state.marked.outside)
    return f"{plural(outside, 'asset')} of these not in the list that is shown" if outside else ""


ACTIONS: dict[str, Action] = {
    "asset.create": create,
    "asset.delete": delete,
}
