"""Custom metadata of the asset under the cursor, or of the marked ones: asked for, then a plan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import InvalidField
from coexplorer.fields import Fields
from coexplorer.library.bulk_change import Change, change_fields
from coexplorer.library.metadata import NO_SCHEMA
from coexplorer.library.plans import Plan
from coexplorer.metadata.rules import describe_field
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import AssetId
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.columns import cut_middle
from coexplorer.tui.metadata_text import find_key, offer_settings
from coexplorer.tui.screens.key_queue import FIELD

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench

TITLE = "metadata KEY=VALUE"


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
    """Ask until the answer can be read; None: nothing is to be set.

    A key alone goes on to its value. Nothing behind the ``=`` takes the key away, but only when
    Enter is pressed on what stood there: a key that was just chosen from the list has no value yet.
    """
    text, title = "", TITLE
    complete = partial(offer_settings, schema)
    while answer := await screen.prompt.ask(title, value=text, complete=complete):
        before, text, title = text, answer, TITLE
        key, sign, value = (part.strip() for part in answer.partition("="))
        if not value and (found := find_key(schema, key)) and answer != before:
            text = f"{found}="
            title = _describe_key(schema, found, screen.app.size.width // 2)
            continue
        if not sign or not key:
            screen.say("expected KEY=VALUE; nothing behind the = takes the key away", about=FIELD)
            continue
        change = Change(metadata={key: (value,) if value else None})
        try:
            change_fields(Fields(""), change, schema)
        except InvalidField as error:
            screen.say(error.message, severity="warning", about=FIELD)
        else:
            return change
    return None


def _describe_key(schema: MetadataSchema, key: str, cells: int) -> str:
    field = schema.find(key)
    takes = f"{describe_field(field)}; " if field is not None else ""
    return cut_middle(f"{takes}Enter takes it away", cells)


async def _plan(screen: Workbench, chosen: Sequence[AssetId], change: Change) -> Plan:
    fits = screen.state.marked.fits if screen.state.marked else None
    return await screen.library.changes.plan(chosen, change, fits=fits)


ACTIONS: dict[str, Action] = {"asset.metadata": set_metadata}
