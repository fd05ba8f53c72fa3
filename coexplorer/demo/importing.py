"""Reading an export of a real deployment: one asset per line, as a JSON object.

Lines are the platform's own objects, in any spelling that its versions have used (design: api.md,
The asset object), as search replies hold them and as ``coexplorer ls --raw`` prints them;
the latter add what only a search tells, under ``_coexplorer``. The first user stands for the person
who made the export.

An imported asset is shown exactly as it came, to the byte, until somebody changes it; then only the
changed fields have new values (`overlay`). What this module reads from the object is for the
server's own use: searching, sorting, listing files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypedDict, TypeVar, cast

import msgspec

from coexplorer.demo.asset import (
    Bucket,
    Contained,
    MetadataValue,
    Provenance,
    Role,
    StoredAsset,
)

MEMBERSHIP_KEY: Final = "_coexplorer"
"""What ``ls --raw`` adds: ``archived``, ``favorite``, ``mine`` and ``shared``."""

HIGHEST_INTEGER: Final = 2**63 - 1
"""Beyond it nothing is a size or a count: SQLite could not hold it."""

DEEPEST: Final = 100
"""Levels of an object; no platform's has more than a few."""

LONGEST_ID: Final = 200
"""Characters; the platform's own have 36."""

SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "name": ("name",),
    "description": ("description",),
    "tags": ("tags",),
    "mount": ("mount",),
    "created": ("created",),
    "type": ("type",),
    "state": ("state",),
    "failure_reason": ("failure_reason", "failureReason"),
    "last_used": ("last_used", "lastUsed"),
    "size": ("size", "sizeInBytes", "size_in_bytes"),
    "files": ("files",),
    "source": ("source_bucket", "sourceBucket"),
    "provenance": ("provenance", "Provenance"),
    "contained": ("contained_data_assets", "containedDataAssets"),
    "custom_metadata": ("custom_metadata", "customMetadata"),
}
"""Attribute of a `StoredAsset` → its keys on the wire, today's first."""

_OWN_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_T = TypeVar("_T")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class BadLineError(ValueError):
    """A line that is not an asset; the message names the file and the line."""


def import_assets(
    path: Path,
    *,
    owner: str,
    colleague: str,
    on_bad_line: Callable[[BadLineError], None],
    as_admin: bool = False,
) -> Iterator[StoredAsset]:
    """Stream the assets of a file; if an id repeats, as in pages, only its first.

    Args:
        path: The file; empty lines are skipped.
        owner: Email of the first user, whose the assets are unless the line says otherwise.
        colleague: Email of the second, who has the others and shares them.
        on_bad_line: Called with each line that is not a JSON object, or has no good id or no name;
            it is left out.
        as_admin: Let the first user change and delete what is not theirs, as an administrator can.

    Raises:
        OSError: The file can't be read.
    """
    seen: set[str] = set()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            text = line.removeprefix(_BYTE_ORDER_MARK).strip()
            if not text:
                continue
            try:
                asset = parse_asset_line(text, owner=owner, colleague=colleague, as_admin=as_admin)
            except ValueError as error:
                on_bad_line(BadLineError(f"{path.name}, line {number}: {error}"))
                continue
            if asset.id not in seen:
                seen.add(asset.id)
                yield asset


def parse_asset_line(
    text: bytes, *, owner: str, colleague: str, as_admin: bool = False
) -> StoredAsset:
    """Read one asset object; whatever is strange in it counts as absent, but id and name.

    Raises:
        ValueError: It is not a JSON object, or has no good id or no name.
    """
    if text.startswith(b"["):
        raise ValueError("an array; expected one object per line, as ls --raw prints them")
    try:
        items = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        raw_membership = items.pop(MEMBERSHIP_KEY, msgspec.Raw(b"null"))
        wire = msgspec.json.encode(items).decode()
        fields = _decode_object(wire)
        membership = _Fields(_as_object(msgspec.json.decode(raw_membership)))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except msgspec.DecodeError as error:
        raise ValueError(f"not an asset object: {error}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if _is_deeper(fields, DEEPEST):
        raise ValueError("nested too deeply")
    asset_id, name = fields.get("id"), fields.get("name")
    if not isinstance(asset_id, str) or not asset_id:
        raise ValueError("the asset has no id")
    if not is_good_id(asset_id):
        raise ValueError(f"{asset_id[:80]!a} can't be an id")
    if not isinstance(name, str) or not name:
        raise ValueError("the asset has no name")
    if _OWN_TIME.fullmatch(str(fields.get("created"))):
        # A time in words is what our own rows have: what the platform said is not in them.
        raise ValueError("a row of coexplorer's own; export with: coexplorer ls --all --raw")
    is_mine = membership.take("mine") is not False
    shared = membership.take("shared")
    archived, favorite = membership.take("archived"), membership.take("favorite")
    return StoredAsset(
        id=asset_id,
        owner=owner if is_mine else colleague,
        archived=archived is True,
        favorite_of=frozenset({owner} if favorite is True else ()),
        roles=_build_roles(
            owner, colleague, is_mine=is_mine, is_shared=shared is True, as_admin=as_admin
        ),
        shared_to={owner: shared} if isinstance(shared, bool) else {},
        wire=wire,
        **_read_attributes(fields),
    )


def is_good_id(text: str) -> bool:
    """Tell whether an id can stand in an address and on a line of its own."""
    return (
        len(text) <= LONGEST_ID
        and text.isprintable()
        and not any(c.isspace() or c in "/\\?#%" for c in text)
        and text.strip(".") != ""
    )


def overlay(asset: StoredAsset, known: Mapping[str, object]) -> dict[str, object]:
    """Return the object of an imported asset: as it came, with what was changed since.

    Args:
        asset: The asset.
        known: Its object as the server would write it, from which changed values are taken.
    """
    shown: dict[str, object] = dict(msgspec.json.decode(asset.wire, type=dict[str, msgspec.Raw]))
    if not asset.edited:
        return shown
    before: Mapping[str, object] = {**_read_attributes(_decode_object(asset.wire))}
    for attribute in sorted(asset.edited & SPELLINGS.keys()):
        spellings = SPELLINGS[attribute]
        if _is_same(getattr(asset, attribute), before[attribute]):
            continue
        value = next((known[key] for key in spellings if key in known), None)
        key = next((key for key in spellings if key in shown), spellings[0])
        for other in set(spellings) - {key}:
            shown.pop(other, None)
        if value is None:
            shown.pop(key, None)
        else:
            shown[key] = value
    return shown


def _is_same(now: object, before: object) -> bool:
    if isinstance(now, tuple) and isinstance(before, tuple):  # tags, which have no order
        return sorted(now, key=repr) == sorted(before, key=repr)
    return is_same_json(now, before)


def is_same_json(one: object, other: object) -> bool:
    """Tell whether two values are the same on the wire, where true is not 1."""
    encode = msgspec.json.encode
    return encode(one, order="deterministic") == encode(other, order="deterministic")


def _decode_object(text: str) -> dict[str, object]:
    return msgspec.json.decode(text, type=dict[str, object])


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


class _Attributes(TypedDict):
    """What is read of an asset's object."""

    name: str
    description: str
    tags: tuple[str, ...]
    mount: str | None
    created: int
    type: str
    state: str
    failure_reason: str
    last_used: int
    size: int | None
    files: int | None
    source: Bucket | None
    provenance: Provenance | None
    contained: tuple[Contained, ...]
    custom_metadata: dict[str, MetadataValue]


def _read_attributes(wire: Mapping[str, object]) -> _Attributes:
    fields = _Fields(wire)

    def take(attribute: str) -> object:
        return fields.take(*SPELLINGS[attribute])

    return _Attributes(
        name=_as_text(take("name")),
        description=_as_text(take("description")),
        tags=tuple(dict.fromkeys(_as_texts(take("tags")))),
        mount=_as_optional_text(take("mount")),
        created=_as_count(take("created")) or 0,
        type=_shorten(_as_text(take("type")), "DATA_ASSET_TYPE_") or "dataset",
        state=_shorten(_as_text(take("state")), "DATA_ASSET_STATE_") or "ready",
        failure_reason=_as_text(take("failure_reason")),
        last_used=_as_count(take("last_used")) or 0,
        size=_as_count(take("size")),
        files=_as_count(take("files")),
        source=_parse_if_object(take("source"), _parse_bucket),
        provenance=_parse_if_object(take("provenance"), _parse_provenance),
        contained=_parse_contained(take("contained")),
        custom_metadata=_as_object(take("custom_metadata")),
    )


class _Fields:
    """An object's fields."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    def take(self, *spellings: str) -> object:
        """Return the first spelling that says anything."""
        values = (self._fields.get(spelling) for spelling in spellings)
        return next((value for value in values if value is not None), None)

    def take_text(self, *spellings: str) -> str:
        return _as_text(self.take(*spellings))


def _as_count(value: object) -> int | None:
    """Read a size, a count or a time, which some platforms give as text or as a fraction."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        number = value
    elif isinstance(value, str) and value.strip().isdecimal():
        number = int(value.strip()[:32])
    elif isinstance(value, float) and math.isfinite(value):
        number = int(value)
    else:
        return None
    return number if 0 <= number <= HIGHEST_INTEGER else None


def _as_object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _as_texts(value: object) -> tuple[str, ...]:
    """Read a list of text; a lone text is a list of one."""
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _as_ids(value: object) -> tuple[str, ...]:
    """Read a list of ids, or of objects that have one."""
    if not isinstance(value, list):
        return ()
    ids = (one.get("id") if isinstance(one, dict) else one for one in value)
    return tuple(one for one in ids if isinstance(one, str))


def _as_optional_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _shorten(text: str, prefix: str) -> str:
    """Turn the long spelling of an enumeration into the short one."""
    return text.removeprefix(prefix).lower() if text.startswith(prefix) else text


def _parse_if_object(value: object, parse: Callable[[_Fields], _T]) -> _T | None:
    return parse(_Fields(value)) if isinstance(value, dict) else None


def _parse_bucket(fields: _Fields) -> Bucket:
    return Bucket(
        bucket=fields.take_text("bucket"),
        origin=fields.take_text("origin"),
        prefix=fields.take_text("prefix"),
        external=_is_true(fields.take("external")),
    )


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _parse_provenance(fields: _Fields) -> Provenance:
    return Provenance(
        commit=fields.take_text("commit", "Commit"),
        run_script=fields.take_text("run_script", "runScript", "RunScript"),
        docker_image=fields.take_text("docker_image", "dockerImage", "DockerImage"),
        capsule=fields.take_text("capsule", "Capsule"),
        computation=fields.take_text("computation", "Computation"),
        data_assets=_as_ids(fields.take("data_assets", "dataAssets", "DataAssets")),
    )


def _parse_contained(value: object) -> tuple[Contained, ...]:
    if not isinstance(value, list):
        return ()
    parts = [_parse_part(_Fields(part)) for part in value if isinstance(part, dict)]
    return tuple(part for part in parts if part.id)


def _parse_part(fields: _Fields) -> Contained:
    size = _as_count(fields.take("size")) or 0
    return Contained(fields.take_text("id"), fields.take_text("mount"), size)


def _build_roles(
    owner: str, colleague: str, *, is_mine: bool, is_shared: bool, as_admin: bool
) -> dict[str, Role]:
    """Say who else sees it: an export does not tell whether they may edit, so they may not."""
    if not is_mine:
        return {owner: Role.OWNER if as_admin else Role.VIEWER}
    return {colleague: Role.VIEWER} if is_shared else {}
