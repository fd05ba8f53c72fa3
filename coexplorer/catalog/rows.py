"""Records ↔ the columns of the catalog. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from coexplorer.catalog.letters import letters_of
from coexplorer.models import Asset, MetadataValue, Record, Row
from coexplorer.query import SEPARATOR, fold, spell_value

ROW_COLUMNS = (
    "a.n, a.id, a.name, a.type, a.state, a.size_bytes, a.files, a.created, a.last_used, a.tags,"
    " a.mount, a.owner, a.archived, a.favorite, a.mine, a.shared, a.external"
)
"""Columns of `asset AS a` in the order of `build_row`."""

_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def build_row(columns: tuple[object, ...]) -> Row:
    """Return the row of `ROW_COLUMNS`."""
    *plain, tags, mount, owner, archived, favorite, mine, shared, external = columns
    flags = (archived == 1, favorite == 1, mine == 1, shared == 1, external == 1)
    return Row(*plain, _decode_tags(tags), mount, owner, *flags)  # type: ignore[arg-type,call-arg]  # SQLite's columns are as the schema says


class Columns(msgspec.Struct, frozen=True, gc=False):
    """What is written for one asset, table by table.

    Attributes:
        asset: Named columns of `asset` that come from the platform's object.
        folded: name and description for the full-text index.
        labels: Tags and values of custom metadata that are not found with those anyway.
        tags: ``(folded, text)``.
        metadata: ``(key, position, text, number, name)``.
        source: The columns of `source`; None when there is nothing to say.
        inputs: ``(parent, kind)``.
    """

    asset: dict[str, object]
    folded: tuple[str, str]
    labels: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    metadata: tuple[tuple[str, int, str, float | None, str], ...]
    source: tuple[str, ...] | None
    inputs: tuple[tuple[str, str], ...]


def storable(text: str) -> str:
    """Return `text` with lone surrogates replaced: SQLite stores valid Unicode only."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def build_columns(asset: Asset) -> Columns:
    """Return what the catalog writes for an asset, apart from its raw JSON."""
    tags = tuple(storable(tag) for tag in asset.tags)
    metadata = tuple(_metadata(asset.custom_metadata))
    name, description = fold(asset.name), fold(asset.description)
    labels = reduce_labels(
        name, description, [fold(tag) for tag in tags] + [text for _, _, text, _, _ in metadata]
    )
    source, made = asset.source, asset.provenance
    texts = (
        source.bucket if source else "",
        source.prefix if source else "",
        made.run_script if made else "",
        made.commit if made else "",
        made.capsule if made else "",
        made.computation if made else "",
    )
    columns: dict[str, object] = {
        "id": asset.id,
        "created": asset.created,
        "last_used": asset.last_used,
        "size_bytes": _integer(asset.size_bytes),
        "files": _integer(asset.files),
        "external": int(source is not None and source.external),
        "type": storable(asset.type),
        "state": storable(asset.state),
        "letters": letters_of((name, description, *labels)),
        "id_order": order_of(asset.id),
        "owner_id": storable(asset.owner_id).lower(),
        "tags": msgspec.json.encode(tags).decode(),
        **_spell(storable(asset.name), storable(asset.owner), asset.mount),
    }
    parents = made.data_assets if made else ()
    return Columns(
        asset=columns,
        folded=(name, description),
        labels=labels,
        tags=tuple({(fold(tag), tag): None for tag in tags}),
        metadata=metadata,
        source=tuple(fold(text) for text in texts) if any(texts) else None,
        inputs=tuple(
            {(storable(parent), "made_from"): None for parent in parents}
            | {(storable(parent), "contains"): None for parent in asset.contained}
        ),
    )


def _spell(name: str, owner: str, mount: str | None) -> dict[str, object]:
    """Return the columns of these texts: folded, and as they are spelled where that is new."""
    name_folded, owner_folded = fold(name), fold(owner)
    mount = None if mount is None else storable(mount)
    mount_folded = fold(mount or "")
    likely = name if mount_folded == name_folded else mount_folded
    return {
        "name_folded": name_folded,
        "name_spelled": None if name == name_folded else name,
        "owner_folded": owner_folded,
        "owner_spelled": None if owner == owner_folded else owner,
        "mount_folded": mount_folded,
        "mount_spelled": None if mount == likely else mount,
        "has_mount": int(mount is not None),
    }


def reduce_labels(name: str, description: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels that no other text of an asset contains: a search finds the others there.

    All texts are folded (`query.fold`).
    """
    kept: list[str] = []
    texts = f"{name}{SEPARATOR}{description}"
    for label in sorted(dict.fromkeys(labels), key=len, reverse=True):
        if label not in texts:
            kept.append(label)
            texts = f"{texts}{SEPARATOR}{label}"
    return tuple(kept)


_ORDERED: Final = 12
_KNOWN: Final = "-0123456789abcdefghijklmnopqrstuvwx"
_DIGITS: Final = "123456789abcdefghijklmnopqrstuvwxyz"
_PLACES: Final = dict(zip(_KNOWN, _DIGITS, strict=True))
"""The digit of each character that ids are made of; 0 is for the end."""


def order_of(asset_id: str) -> int:
    """Return a number that is no smaller than those of ids before this one, and seldom equal.

    It ends the keys of lists: assets that are otherwise equal stand by their ids, everywhere.
    """
    digits = ""
    for character in asset_id[:_ORDERED]:
        digit = _PLACES.get(character)
        if digit is None:  # behind all that goes on with the nearest one before it
            lower = max((one for one in _KNOWN if one < character), default="")
            digits = f"{digits}{_PLACES[lower]}".ljust(_ORDERED, "z") if lower else digits
            break
        digits += digit
    return int(digits.ljust(_ORDERED, "0"), 36)


def _integer(number: int | None) -> int | None:
    """Return a number that fits SQLite; None for one that is absurd."""
    return number if number is not None and abs(number) < 2**63 else None


def _metadata(
    values: dict[str, MetadataValue],
) -> list[tuple[str, int, str, float | None, str]]:
    rows = []
    for name, value in values.items():
        items = value if isinstance(value, list) else [] if value is None else [value]
        for position, item in enumerate(items):
            number = float(item) if isinstance(item, int | float) else None
            usable = number is not None and math.isfinite(number) and not isinstance(item, bool)
            text = fold(spell_value(item))
            rows.append((fold(name), position, text, number if usable else None, storable(name)))
    return rows


def digest(record: Record) -> bytes:
    """Return what tells two replies about an asset apart."""
    # It brings the whole of OpenSSL, which the first frame need not wait for.
    import hashlib  # noqa: PLC0415

    return hashlib.blake2b(record.asset.raw, digest_size=12).digest()
