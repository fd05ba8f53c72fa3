"""Asset objects of every platform version ↔ `Asset`: tolerant, and loses nothing it received.

A strange value never breaks a list: it counts as not given, and stays in `Asset.raw`. All spellings
come from (design: api.md, The asset object).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from coexplorer.fields import (
    FIELD_BY_NAME,
    FIELDS,
    EditableField,
    FieldKind,
    Fields,
    Map,
)
from coexplorer.lenient_json import clean_value, decode_json, decode_loosely, encode_json
from coexplorer.models import (
    Asset,
    AssetId,
    Excerpt,
    Provenance,
    SourceBucket,
    TransferState,
    is_asset_id,
)

LATEST_S: Final = 253_402_300_799
"""The last second of the year 9999: a later time is not one, and no calendar could show it."""

LARGEST_BYTES: Final = 2**63 - 1
"""More than this is not a size, and no database could hold it."""

_LONGEST_ODD: Final = 40
"""Characters that are kept of a state or type that is not a text."""

# Field of the model → its keys on the wire, today's first.
_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id",),
    **{field.name: (field.key, *field.older) for field in FIELDS},
    "state": ("state",),
    "type": ("type",),
    "failure_reason": ("failure_reason", "failureReason"),
    "created": ("created",),
    "last_used": ("last_used", "lastUsed"),
    "size_bytes": ("size", "sizeInBytes", "size_in_bytes"),
    "files": ("files",),
    # `owner` alone is an opaque id on newer platforms; the address is what people search by.
    "owner": ("owner_email", "ownerEmail", "owner"),
    "source": ("source_bucket", "sourceBucket"),
    "provenance": ("provenance", "Provenance"),
    "contained": ("contained_data_assets", "containedDataAssets"),
}
_SOURCE_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "bucket": ("bucket",),
    "origin": ("origin",),
    "prefix": ("prefix",),
    "external": ("external",),
}
_PROVENANCE_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "commit": ("commit", "Commit"),
    "run_script": ("run_script", "runScript", "RunScript"),
    "docker_image": ("docker_image", "dockerImage", "DockerImage"),
    "capsule": ("capsule", "Capsule"),
    "computation": ("computation", "Computation"),
    "data_assets": ("data_assets", "dataAssets", "DataAssets"),
}


def parse_asset(
    obj: Mapping[str, object],
    *,
    raw: bytes | None = None,
    odd: Mapping[str, object] | None = None,
) -> Asset:
    """Read one asset object, in any spelling.

    Args:
        obj: The decoded JSON object.
        raw: The bytes that `obj` was decoded from; encoded again when None.
        odd: See `Asset.odd`.

    Raises:
        ValueError: `id` is missing or can't be one (`is_asset_id`). Nothing else can be wrong
            enough.
    """
    if raw is None:
        raw = encode_json(obj)
        obj = cast("dict[str, object]", decode_json(raw))
    asset_id = obj.get("id")
    if not isinstance(asset_id, str) or not is_asset_id(asset_id):
        raise ValueError("an asset without a usable id")
    get = obj.get
    last_used = get("last_used")
    size = get("size")
    source = get("source_bucket")
    provenance = get("provenance")
    contained = get("contained_data_assets")
    editable = {name: read(get(key)) for name, key, read in _READERS}
    # The plain name is asked for here and the older ones only when it has nothing: a sweep parses a
    # hundred thousand of these.
    for name, read in _OLDER:
        if editable[name] is None:
            editable[name] = read(first_of(obj, name))
    return Asset(
        id=AssetId(asset_id),
        **editable,
        state=_enum(get("state"), "DATA_ASSET_STATE_"),
        type=_enum(get("type"), "DATA_ASSET_TYPE_"),
        failure_reason=_text(first_of(obj, "failure_reason")),
        created=read_time(get("created")),
        last_used=read_time(first_of(obj, "last_used") if last_used is None else last_used),
        size_bytes=read_whole(first_of(obj, "size_bytes") if size is None else size),
        files=read_whole(get("files")),
        owner=_text(first_of(obj, "owner")),
        owner_id=_text(get("owner")),
        source=_source(first_of(obj, "source") if source is None else source),
        provenance=_provenance(first_of(obj, "provenance") if provenance is None else provenance),
        contained=_ids(first_of(obj, "contained") if contained is None else contained),
        raw=raw,
        odd=dict(odd or {}),
    )


def asset_from_json(raw: bytes) -> Asset:
    """Read one asset from its JSON text.

    Raises:
        ValueError: `raw` is not a JSON object, or has no usable id.
    """
    obj, raw, odd = read_object(raw)
    return parse_asset(obj, raw=raw, odd=odd)


def read_object(raw: bytes) -> tuple[dict[str, object], bytes, dict[str, object]]:
    """Decode one asset.

    Returns:
        It; its JSON text, mended where no strict decoder reads it; and what that changed of the
        editable fields, as `Asset.odd` has it.

    Raises:
        ValueError: `raw` is not a JSON object.
    """
    odd: dict[str, object] = {}
    try:
        obj = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        loose = decode_loosely(raw)
        obj = clean_value(loose)
        raw = encode_json(obj)
        if isinstance(loose, dict) and isinstance(obj, dict):
            odd = {
                field.key: loose[field.key]
                for field in FIELDS
                if field.key in loose and loose[field.key] != obj[field.key]
            }
    if not isinstance(obj, dict):
        raise ValueError("an asset that is not a JSON object")
    return obj, raw, odd


# Reads the editable fields, where they are as the manual has them.
_DOCUMENTED: Final = msgspec.json.Decoder(
    msgspec.defstruct(
        "_Documented",
        [
            (field.name, field.type, *([] if field.required else [field.default]))
            for field in msgspec.structs.fields(Fields)
        ],
        rename={field.name: field.key for field in FIELDS},
    )
)
_SETS: Final = tuple(field.name for field in FIELDS if field.kind is FieldKind.SET)


def excerpt_from_json(raw: bytes) -> Excerpt:
    """Read the editable fields of one asset, in a fifth of the time of `asset_from_json`.

    Raises:
        ValueError: What `asset_from_json` can't read, as far as it affects these fields.
    """
    try:
        found = msgspec.structs.asdict(_DOCUMENTED.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return asset_from_json(raw).excerpt
    for name in _SETS:
        found[name] = tuple(dict.fromkeys(found[name]))
    return Excerpt(Fields(**found), raw)


def read_transfer(asset: Asset) -> TransferState:
    """Say where the transfer of an asset's files to another storage stands."""
    try:
        obj = decode_json(asset.raw)
    except ValueError:
        return TransferState()
    if not isinstance(obj, dict):
        return TransferState()
    return TransferState(read_time(obj.get("last_transferred")), _text(obj.get("transfer_error")))


def unknown_fields(asset: Asset) -> dict[str, object]:
    """Return, decoded, what the platform said about an asset that the model does not hold.

    Keys inside ``provenance`` and ``source_bucket`` come as ``provenance.key``.

    Raises:
        ValueError: `asset.raw` is not a JSON object.
    """
    obj = decode_json(asset.raw)
    if not isinstance(obj, dict):
        raise ValueError("an asset that is not a JSON object")
    unknown = _left_over(obj, _SPELLINGS) | _left_out(obj, asset)
    for field, spellings in (("source", _SOURCE_SPELLINGS), ("provenance", _PROVENANCE_SPELLINGS)):
        for key in _SPELLINGS[field]:
            inner = obj.get(key)
            if isinstance(inner, dict):
                rest = _left_over(inner, spellings)
                unknown.update({f"{key}.{name}": value for name, value in rest.items()})
    return unknown


def _left_out(obj: Mapping[str, object], asset: Asset) -> dict[str, object]:
    """Return the values of known fields that could not be read at all, and such members of sets."""
    left: dict[str, object] = {}
    for name, keys in _SPELLINGS.items():
        key = next((key for key in keys if obj.get(key) not in _EMPTY), None)
        if key is None:
            continue
        value = obj[key]
        if getattr(asset, name) in _EMPTY:
            left[key] = value
        elif FIELD_BY_NAME.get(name, FIELDS[0]).kind is FieldKind.SET and isinstance(value, list):
            unread = [item for item in value if read_text(item) is None]
            left |= {key: unread} if unread else {}
    return left


_EMPTY: Final[tuple[object, ...]] = (None, "", [], (), {})


def _left_over(
    obj: Mapping[str, object], spellings: Mapping[str, tuple[str, ...]]
) -> dict[str, object]:
    """Return the items of `obj` that no field was read from."""
    held = {
        next((key for key in keys if obj.get(key) is not None), None) for keys in spellings.values()
    }
    known = {key for keys in spellings.values() for key in keys}
    return {
        key: value
        for key, value in obj.items()
        if key not in held and not (key in known and value is None)
    }


def first_of(
    obj: Mapping[str, object],
    field: str,
    spellings: Mapping[str, tuple[str, ...]] = _SPELLINGS,
) -> object:
    """Return the value of a field of the model, by the first spelling that is there."""
    for key in spellings[field]:
        value = obj.get(key)
        if value is not None:
            return value
    return None


def read_text(value: object) -> str | None:
    """Read a text, or a number as one; None: it is neither."""
    if type(value) is str:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def _text(value: object) -> str:
    return value if type(value) is str else (read_text(value) or "")


def _texts(value: object) -> tuple[str, ...]:
    """Read a list of text without repeating any; a lone text is a list of one."""
    if type(value) is str:
        value = [value] if value else []
    if not isinstance(value, list) or not value:
        return ()
    return tuple(dict.fromkeys(text for item in value if (text := read_text(item)) is not None))


def _enum(value: object, prefix: str) -> str:
    """Read ``ready`` and ``DATA_ASSET_STATE_READY`` alike; what is unknown stays, in lower case.

    What is not a text is unknown too, and not the same as nothing, which stays empty: nobody may
    take an asset for ready because its state was left out.
    """
    if isinstance(value, (bool, dict, list)):
        return _show_odd(value)
    return _text(value).strip().removeprefix(prefix).lower()


def _show_odd(value: object) -> str:
    """Show the beginning of a value that is not what it should be."""
    try:
        return encode_json(value).decode()[:_LONGEST_ODD]
    except ValueError:
        return "?"


def _number(value: object) -> int | float | None:
    if type(value) is int or type(value) is float:
        return value
    if type(value) is str:
        try:
            return int(value) if value.strip().isdecimal() else float(value)
        except ValueError:
            return None
    return None


def read_time(value: object) -> float | None:
    """Read a time in epoch seconds, a number or a text; None: it is none."""
    number = _number(value)
    return float(number) if number is not None and 0 <= number <= LATEST_S else None


def read_whole(value: object) -> int | None:
    """Read a size or a count, a number or a text; None: it is none."""
    number = _number(value)
    return int(number) if number is not None and 0 <= number <= LARGEST_BYTES else None


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _ids(value: object) -> tuple[AssetId, ...]:
    """Read a list of ids, or of objects that have one; what can't be an id is left out."""
    if not isinstance(value, list):
        return ()
    ids = (item.get("id") if isinstance(item, dict) else item for item in value)
    texts = (text for text in ids if isinstance(text, str) and is_asset_id(text))
    return tuple(dict.fromkeys(AssetId(text) for text in texts))


def _source(value: object) -> SourceBucket | None:
    if not isinstance(value, dict):
        return None
    return SourceBucket(
        bucket=_text(value.get("bucket")),
        origin=_text(value.get("origin")).lower(),
        prefix=_text(value.get("prefix")),
        external=_is_true(value.get("external")),
    )


def _provenance(value: object) -> Provenance | None:
    if not isinstance(value, dict) or not value:
        return None
    return Provenance(
        commit=_text(first_of(value, "commit", _PROVENANCE_SPELLINGS)),
        run_script=_text(first_of(value, "run_script", _PROVENANCE_SPELLINGS)),
        docker_image=_text(first_of(value, "docker_image", _PROVENANCE_SPELLINGS)),
        capsule=_text(first_of(value, "capsule", _PROVENANCE_SPELLINGS)),
        computation=_text(first_of(value, "computation", _PROVENANCE_SPELLINGS)),
        data_assets=_ids(first_of(value, "data_assets", _PROVENANCE_SPELLINGS)),
    )


def _map(value: object) -> Map | None:
    return value if isinstance(value, dict) else None


def _reader_of(field: EditableField) -> Callable[[object], Any]:
    if field.kind is FieldKind.SET:
        return _texts
    if field.kind is FieldKind.MAP:
        return _map
    return read_text if field.can_be_absent else _text


# Attribute, key and reader of each editable field; down here, where the readers are known.
_READERS: Final = tuple((field.name, field.key, _reader_of(field)) for field in FIELDS)
_OLDER: Final = tuple((field.name, _reader_of(field)) for field in FIELDS if field.older)
