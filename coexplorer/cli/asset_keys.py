"""The keys that an asset has for programs, each with where its value comes from.

A new key is one row of `_KEYS`: ``ls`` and ``show`` print it in every format, and ``--columns``
takes it. An editable field that is not there has a key of its own (`coexplorer.fields`). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from coexplorer.cli.row_kinds import Holds, Key, RowKind, Values, time_text, used_time
from coexplorer.fields import FIELDS, EditableField, FieldKind
from coexplorer.query.fold import fold

if TYPE_CHECKING:
    from coexplorer.metadata.schema import MetadataSchema
    from coexplorer.models import Asset, Membership, Provenance, Record, Row, SourceBucket


class _AssetKey(msgspec.Struct, frozen=True):
    """A key, and its value.

    Attributes:
        of_asset: Its value in a whole asset, with what searches say of it if that is known.
        of_row: Its value in a light row; None: a light row has none.
    """

    key: Key
    of_asset: Callable[[Asset, Membership | None], object]
    of_row: Callable[[Row], object] | None = None


def _plain(key: Key, attribute: str = "") -> _AssetKey:
    """Return a key whose value is an attribute, of an asset and of a light row alike."""
    take = attrgetter(attribute or key.name)
    return _AssetKey(key, lambda asset, _: take(asset), take)


def _whole(key: Key, of_asset: Callable[[Asset], object]) -> _AssetKey:
    """Return a key that only a whole asset has; a line of CSV has it where it is asked for."""
    key = msgspec.structs.replace(key, detail=True)
    return _AssetKey(key, lambda asset, _: of_asset(asset))


def _searched(key: Key) -> _AssetKey:
    """Return a key that only searches tell: nobody knows it of an asset read by itself."""
    take = attrgetter(key.name)
    return _AssetKey(key, lambda _, said: None if said is None else take(said), take)


def _of_source(key: Key, take: Callable[[SourceBucket], str]) -> _AssetKey:
    return _whole(key, lambda asset: (asset.source and take(asset.source)) or None)


def _of_origin(key: Key, take: Callable[[Provenance], str]) -> _AssetKey:
    return _whole(key, lambda asset: (asset.provenance and take(asset.provenance)) or None)


_KEYS = (
    _plain(Key("id", Holds.TEXT, "The asset's id.")),
    _plain(Key("name", Holds.TEXT, "The asset's name.")),
    _plain(Key("type", Holds.TEXT, "`dataset`, `result`, `combined`, `model`; empty: not known.")),
    _plain(Key("state", Holds.TEXT, "`draft`, `ready` or `failed`; empty: not known.")),
    _plain(Key("size", Holds.BYTES, "Size of all its files.", nullable=True), "size_bytes"),
    _plain(Key("files", Holds.NUMBER, "Number of its files.", nullable=True)),
    _AssetKey(
        Key("created", Holds.TIME, "When it was created.", nullable=True),
        lambda asset, _: time_text(asset.created),
        lambda row: time_text(row.created),
    ),
    _AssetKey(
        Key(
            "last_used",
            Holds.TIME,
            "When it was last used; null: never, or not known.",
            nullable=True,
            title="USED",
        ),
        lambda asset, _: used_time(asset.last_used),
        lambda row: used_time(row.last_used),
    ),
    _plain(Key("owner", Holds.TEXT, "Its owner.")),
    _plain(Key("mount", Holds.TEXT, "Its folder inside a capsule.", nullable=True)),
    _plain(Key("tags", Holds.TEXTS, "Its tags.")),
    _searched(Key("archived", Holds.FLAG, "Whether it is archived.", nullable=True)),
    _searched(Key("favorite", Holds.FLAG, "Whether it is one of your favorites.", nullable=True)),
    _searched(Key("mine", Holds.FLAG, "Whether you made it.", nullable=True)),
    _searched(Key("shared", Holds.FLAG, "Whether it is shared with you.", nullable=True)),
    _AssetKey(
        Key("external", Holds.FLAG, "Whether its files stay in your bucket.", detail=True),
        lambda asset, _: asset.source is not None and asset.source.external,
        lambda row: row.external,
    ),
    _whole(Key("description", Holds.TEXT, "Its description (Markdown)."), lambda a: a.description),
    _whole(
        Key("failure", Holds.TEXT, "Why its creation failed.", nullable=True),
        lambda asset: asset.failure_reason or None,
    ),
    _of_source(
        Key("bucket", Holds.TEXT, "The bucket its files came from.", nullable=True),
        lambda source: source.bucket,
    ),
    _of_source(
        Key("prefix", Holds.TEXT, "The folder in that bucket.", nullable=True),
        lambda source: source.prefix,
    ),
    _of_origin(
        Key("capsule", Holds.TEXT, "The capsule that made it.", nullable=True),
        lambda made: made.capsule,
    ),
    _of_origin(
        Key("computation", Holds.TEXT, "The run that made it.", nullable=True),
        lambda made: made.computation,
    ),
    _of_origin(
        Key("commit", Holds.TEXT, "The commit of that capsule.", nullable=True),
        lambda made: made.commit,
    ),
    _of_origin(
        Key("run_script", Holds.TEXT, "The script that made it.", nullable=True),
        lambda made: made.run_script,
    ),
    _whole(
        Key("made_from", Holds.TEXTS, "Ids of the assets it was made from."),
        lambda asset: asset.provenance.data_assets if asset.provenance else (),
    ),
    _whole(
        Key("contains", Holds.TEXTS, "Ids of the assets that it combines."),
        lambda asset: asset.contained,
    ),
    _whole(
        Key("metadata", Holds.OBJECT, "Custom metadata, as the platform has it."),
        lambda asset: asset.custom_metadata,
    ),
)

_HELD = {FieldKind.SET: Holds.TEXTS, FieldKind.MAP: Holds.OBJECT}


def _of_field(field: EditableField) -> _AssetKey:
    """Return the key of an editable field that has no row above."""
    holds = _HELD.get(field.kind, Holds.TEXT)
    key = Key(field.name, holds, f"Its {field.title}.", nullable=field.can_be_absent)
    return _whole(key, field.value_of)


_NAMED = frozenset(each.key.name for each in _KEYS)
_ALL = (*_KEYS, *(_of_field(field) for field in FIELDS if field.name not in _NAMED))
_OF_ASSET = tuple((each.key.name, each.of_asset) for each in _ALL)
_OF_ROW = tuple((each.key.name, each.of_row) for each in _ALL if each.of_row is not None)

ASSET = RowKind(
    "asset", ("ls", "show", "create", "wait"), tuple(each.key for each in _ALL), id_key="id"
)

LIGHT = frozenset(name for name, _ in _OF_ROW)
"""The keys of `row_values`."""


def row_values(row: Row) -> Values:
    """Return the keys of an asset that a light row holds."""
    return {name: take(row) for name, take in _OF_ROW}


def asset_values(asset: Asset, membership: Membership | None = None) -> Values:
    """Return all keys of an asset; without a membership what only a search says is not known."""
    return {name: take(asset, membership) for name, take in _OF_ASSET}


def metadata_values(
    asset: Asset, names: Sequence[str], schema: MetadataSchema, *, whole: bool
) -> Values:
    """Return the columns ``metadata.KEY`` of an asset; the case of a key does not matter.

    Args:
        asset: The asset.
        names: Columns; others are left out.
        schema: Says how values are shown.
        whole: Values as the platform has them; otherwise as people read them.
    """
    from coexplorer.metadata.showing import show_value

    held = asset.metadata or {}
    found: Values = {}
    for name, asked in find_keys(names).items():
        key = asked if asked in held else next((k for k in held if fold(k) == fold(asked)), "")
        value = held.get(key)
        shown = whole or key not in held
        found[name] = value if shown else show_value(schema.find(key), value)
    return found


def find_keys(names: Sequence[str]) -> dict[str, str]:
    """Return the columns that show a key of the custom metadata, each with its key."""
    return {name: name.removeprefix(OF_METADATA) for name in names if name.startswith(OF_METADATA)}


OF_METADATA = "metadata."
"""A column whose name begins so shows one key of the custom metadata."""


def record_values(record: Record) -> Values:
    """Return all keys of an asset that is known here."""
    return asset_values(record.asset, record.membership)
