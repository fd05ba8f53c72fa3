"""Changes that the platform has but the catalog does not, because a crash came between.

Whoever was told that a save is done must find it at the next start, even offline.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from coexplorer.asset_body import encode_fields
from coexplorer.assets import asset_from_json
from coexplorer.catalog import Catalog
from coexplorer.errors import CatalogError
from coexplorer.fields import Fields
from coexplorer.library.context import Context
from coexplorer.library.entries import FOUND, Entry
from coexplorer.library.events import RowsChanged
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
    try:
        records = await context.read(_bring_up_all, context.catalog, list(newest.values()))
        if records:
            await context.run(context.catalog.upsert, records)
    except CatalogError as error:
        context.note_catalog_problem(error)
        return 0
    if records:
        context.bus.publish(RowsChanged(tuple(record.asset.id for record in records)))
    return len(records)


def _bring_up_all(catalog: Catalog, entries: Sequence[Entry]) -> list[Record]:
    records = []
    for entry in entries:
        known = catalog.get(entry.asset_id)
        if known is not None and (record := _bring_up(known, entry)) is not None:
            records.append(record)
    return records


def _bring_up(known: Record, entry: Entry) -> Record | None:
    """Return an asset as a change left it; None where the catalog has seen it since (pure)."""
    if entry.after is None or entry.settled_at is None:
        return None
    fields = known.asset.fields
    if known.fetched_at >= entry.settled_at or fields.same_as(entry.after):
        return None
    # Whoever found it by a look may have seen what others have changed since: that stays.
    if entry.reason == FOUND and (entry.before is None or not fields.same_as(entry.before)):
        return None
    raw = _put_fields(known.asset.raw, entry.after)
    return Record(asset_from_json(raw), fetched_at=entry.settled_at)


def _put_fields(raw: bytes, fields: Fields) -> bytes:
    """Replace the editable fields of an asset's JSON."""
    values = msgspec.json.decode(raw, type=dict[str, object])
    values.update(encode_fields(fields))
    return msgspec.json.encode(values)
