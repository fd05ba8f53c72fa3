"""Assets as a text in $EDITOR: the changes made there become a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from coexplorer.errors import CoexplorerError
from coexplorer.fields import Value
from coexplorer.library.plans import Plan, note_changes
from coexplorer.library.selection import Fit
from coexplorer.models import AssetId
from coexplorer.tui import external
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench


async def edit_external(screen: Workbench) -> None:
    """Open the assets as a text in $EDITOR."""
    text = await screen.library.changes.document(screen.targets())
    await write(screen, text, text, fits=screen.state.marked.fits, seen=screen.state.marked.seen)


async def write(
    screen: Workbench,
    before: str,
    text: str,
    *,
    fits: Mapping[AssetId, Fit] | None = None,
    seen: Mapping[AssetId, Mapping[str, Value]] | None = None,
) -> None:
    """Let the user write until there is a plan that is carried out, or the text is given up.

    What is written is a draft until then: an app that ends in the middle leaves it. From the
    moment that the plan is written down it is the journal's.

    Args:
        screen: The main screen.
        before: The text as it was built from the assets.
        text: What has been written so far.
        fits: What its assets must still be when they are changed; see `Changes.plan`.
        seen: How they looked when they were marked.
    """
    memory, is_done = screen.coexplorer.memory, False
    while True:
        edited = await screen.coexplorer.run_editor(before, text)
        if edited.problem or edited.text == before:
            level = "warning" if edited.problem else "information"
            screen.say(edited.problem or "nothing was changed", severity=level)
            break
        text = edited.text
        question = "the plan was left"

        async def make(text: str = text) -> Plan:
            nonlocal is_done
            plan = await screen.library.changes.plan_document(before, text, fits=fits)
            is_done = not plan.todo and not plan.missed
            return note_changes(plan, seen or {})

        try:
            count = len(screen.targets())
            if await carry_out(screen, make, count, written=memory.texts.drop) or is_done:
                break
        except CoexplorerError as error:
            question = error.message
        if not await _write_on(screen, question, text):
            break
    memory.texts.drop()


async def _write_on(screen: Workbench, question: str, text: str) -> bool:
    """Ask whether a text goes back to the editor; it is thrown away only if the user says so."""
    answer = await screen.prompt.choose(
        question,
        [
            Choice("edit", text="edit the text again", key="e"),
            Choice("throw away", text="throw away what was written", key="t"),
        ],
    )
    if answer is None:
        screen.say(f"the text is kept in {external.keep_text(text)}", severity="warning")
    return answer == "edit"


ACTIONS: dict[str, Action] = {
    "edit.external": edit_external,
}
