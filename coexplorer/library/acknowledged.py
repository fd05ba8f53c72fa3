"""Changes that the platform has but the catalog does not, because a crash came between.

Whoever was told that a save is done must find it at the next start, even offline.
"""

from __future__ import annotations

import time

import msgspec

from coexplorer.asset_body import encode_fields
from coexplorer.assets import asset_from_json
from coexplorer.errors import CatalogError
from coexplorer.fields import Fields
from coexplorer.library.context import Context
from coexplorer.library.entries import Entry
from coexplorer.models import Record

_BACK_S = 24 * 3600.0
_MOST = 1000


async def apply_acknowledged(context: Context) -> int:
    """Let the catalog know what the journal says was done since it last saw an asset.

    Returns:
        How many assets the catalog learned something about.

    Raises:
        JournalError: The journal can't be read.
    """
    entries = await context.run(context.journal.applied_edits, time.time() - _BACK_S, _MOST)
    newest: dict[str, Entry] = {}
    for entry in entries:
        newest.setdefault(entry.asset_id, entry)
    records = [
        record
        for entry in newest.values()
        if (record := await _bring_up(context, entry)) is not None
    ]
    try:
        if records:
            await context.run(context.catalog.upsert, records)
    except CatalogError as error:
        context.note_catalog_problem(error)
        return 0
    return len(records)


async def _bring_up(context: Context, entry: Entry) -> Record | None:
    """Return an asset as a change left it; None where the catalog has seen it since."""
    known = await context.known(entry.asset_id)
    if known is None or entry.after is None or entry.settled_at is None:
        return None
    if known.fetched_at >= entry.settled_at or known.asset.fields.same_as(entry.after):
        return None
    raw = _put_fields(known.asset.raw, entry.after)
    return Record(asset_from_json(raw), fetched_at=entry.settled_at)


def _put_fields(raw: bytes, fields: Fields) -> bytes:
    """Replace the editable fields of an asset's JSON."""
    values = msgspec.json.decode(raw, type=dict[str, object])
    values.update(encode_fields(fields))
    return msgspec.json.encode(values)
