"""Custom metadata of the asset under the cursor, or of the marked ones: asked for, then a plan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import InvalidField
from coexplorer.fields import Fields
from coexplorer.library.metadata import NO_SCHEMA
from coexplorer.library.plans import Change, Plan, change_fields
from coexplorer.metadata import MetadataSchema
from coexplorer.models import AssetId
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.metadata_text import offer_settings

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench


async def set_metadata(screen: Workbench) -> None:
    """Ask for a key and its value, and plan that for the asset, or the marked ones."""
    row = screen.rows.current
    chosen = list(screen.state.marked) or ([row.id] if row else [])
    if not chosen:
        return
    schema = await screen.library.platform.metadata_schema()
    if not schema.known:
        screen.say(NO_SCHEMA, severity="warning")
    change = await _ask(screen, schema)
    if change is not None:
        await carry_out(screen, partial(_plan, screen, chosen, change), len(chosen))


async def _ask(screen: Workbench, schema: MetadataSchema) -> Change | None:
    """Ask until the answer can be read; None: nothing is to be set."""
    text = ""
    complete = partial(offer_settings, schema)
    while answer := await screen.prompt.ask("metadata KEY=VALUE", value=text, complete=complete):
        text = answer
        key, sign, value = (part.strip() for part in answer.partition("="))
        if not sign or not key:
            screen.say("expected KEY=VALUE; nothing behind the = takes the key away")
            continue
        change = Change(metadata={key: (value,) if value else None})
        try:
            change_fields(Fields(""), change, schema)
        except InvalidField as error:
            screen.say(error.message, severity="warning")
        else:
            return change
    return None


async def _plan(screen: Workbench, chosen: Sequence[AssetId], change: Change) -> Plan:
    fits = screen.state.marked.fits if screen.state.marked else None
    return await screen.library.changes.plan(chosen, change, fits=fits)


ACTIONS: dict[str, Action] = {"asset.metadata": set_metadata}
