"""Reading an export of a real deployment: asset objects, one JSON object a line.

Lines are the platform's own objects, in any spelling that its versions have used (design: api.md,
The asset object), as search replies hold them and as ``coexplorer ls --json-lines`` prints them;
the latter add what only a search tells, under ``_coexplorer``. Whoever signs in as the first user
stands for the one who made the export.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from coexplorer.demo.asset import (
    Bucket,
    Contained,
    MetadataValue,
    Provenance,
    Role,
    StoredAsset,
)

MEMBERSHIP_KEY = "_coexplorer"
"""What ``ls --json-lines`` adds: ``archived``, ``favorite``, ``mine`` and ``shared``."""

HIGHEST_INTEGER = 2**63 - 1
"""Beyond it nothing is a size or a count: SQLite could not hold it."""

_T = TypeVar("_T")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_decode = msgspec.json.Decoder(dict[str, object]).decode


class BadImportError(ValueError):
    """A line that is no asset; the message names the file and the line."""


def import_assets(path: Path, *, owner: str, colleague: str) -> Iterator[StoredAsset]:
    """Stream the assets of a file; of those that repeat an id, as pages do, only the first.

    Args:
        path: The file; empty lines are skipped.
        owner: Email of the first user, whose the assets are unless the line says otherwise.
        colleague: Email of the second, who has the others and shares them.

    Raises:
        BadImportError: A line is no JSON object, or has no id or no name.
        OSError: The file can't be read.
    """
    seen: set[str] = set()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            text = line.removeprefix(_BYTE_ORDER_MARK).strip()
            if not text:
                continue
            try:
                asset = parse_asset_line(text, owner=owner, colleague=colleague)
            except ValueError as error:
                raise BadImportError(f"{path.name}, line {number}: {error}") from error
            if asset.id not in seen:
                seen.add(asset.id)
                yield asset


def parse_asset_line(text: bytes, *, owner: str, colleague: str) -> StoredAsset:
    """Read one asset object; whatever is strange in it counts as absent, but id and name.

    Raises:
        ValueError: It is no JSON object, or has no id or no name.
    """
    if text.startswith(b"["):
        raise ValueError("an array; expected one object a line, as ls --json-lines prints them")
    try:
        fields = _Fields(_decode(text))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except msgspec.DecodeError as error:
        raise ValueError(f"not an asset object: {error}") from error
    asset_id, name = fields.take_text("id"), fields.take_text("name")
    if not asset_id or not name:
        raise ValueError(f"the asset has no {'name' if asset_id else 'id'}")
    membership = _Fields(_as_object(fields.take(MEMBERSHIP_KEY)))
    is_mine = membership.take("mine") is not False
    is_shared = membership.take("shared") is True
    return StoredAsset(
        id=asset_id,
        name=name,
        owner=owner if is_mine else colleague,
        created=fields.take_count("created") or 0,
        description=fields.take_text("description"),
        tags=tuple(dict.fromkeys(_as_texts(fields.take("tags")))),
        mount=_as_optional_text(fields.take("mount")),
        type=_shorten(fields.take_text("type"), "DATA_ASSET_TYPE_") or "dataset",
        state=_shorten(fields.take_text("state"), "DATA_ASSET_STATE_") or "ready",
        failure_reason=fields.take_text("failure_reason", "failureReason"),
        last_used=fields.take_count("last_used", "lastUsed") or 0,
        size=fields.take_count("size", "sizeInBytes"),
        files=fields.take_count("files"),
        source=_parse_if_object(fields.take("source_bucket", "sourceBucket"), _parse_bucket),
        provenance=_parse_if_object(fields.take("provenance"), _parse_provenance),
        contained=_parse_contained(fields.take("contained_data_assets")),
        custom_metadata=_parse_metadata(fields.take("custom_metadata")),
        archived=membership.take("archived") is True,
        favorite_of=frozenset({owner} if membership.take("favorite") is True else ()),
        roles=_build_roles(owner, colleague, is_mine=is_mine, is_shared=is_shared),
        extra=fields.rest,
    )


class _Fields:
    """An object's fields, taken out one by one; `rest` are those that nobody took."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.rest = dict(fields)

    def take(self, *spellings: str) -> object:
        """Take the first spelling that says anything."""
        values = [self.rest.pop(spelling, None) for spelling in spellings]
        return next((value for value in values if value is not None), None)

    def take_text(self, *spellings: str) -> str:
        value = self.take(*spellings)
        return value if isinstance(value, str) else ""

    def take_count(self, *spellings: str) -> int | None:
        """Take a size, a count or a time, which some platforms give as text or as a fraction."""
        value = self.take(*spellings)
        if isinstance(value, bool):
            return None
        if isinstance(value, int):
            number = value
        elif isinstance(value, str) and value.strip().isdecimal():
            number = int(value[:32])
        elif isinstance(value, float) and math.isfinite(value):
            number = int(value)
        else:
            return None
        return number if 0 <= number <= HIGHEST_INTEGER else None


def _as_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _as_texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


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
        external=fields.take("external") is True,
    )


def _parse_provenance(fields: _Fields) -> Provenance:
    return Provenance(
        commit=fields.take_text("commit", "Commit"),
        run_script=fields.take_text("run_script", "runScript", "RunScript"),
        docker_image=fields.take_text("docker_image", "dockerImage", "DockerImage"),
        capsule=fields.take_text("capsule", "Capsule"),
        computation=fields.take_text("computation", "Computation"),
        data_assets=_as_texts(fields.take("data_assets", "dataAssets", "DataAssets")),
    )


def _parse_contained(value: object) -> tuple[Contained, ...]:
    if not isinstance(value, list):
        return ()
    parts = [_parse_part(_Fields(part)) for part in value if isinstance(part, dict)]
    return tuple(part for part in parts if part.id)


def _parse_part(fields: _Fields) -> Contained:
    return Contained(
        fields.take_text("id"), fields.take_text("mount"), fields.take_count("size") or 0
    )


def _parse_metadata(value: object) -> dict[str, MetadataValue]:
    """Keep what custom metadata can hold; anything else as its JSON, so that it is still seen."""
    kept: dict[str, MetadataValue] = {}
    for key, one in _as_object(value).items():
        if isinstance(one, (str, int, float)) and not isinstance(one, bool):
            kept[key] = one
        elif isinstance(one, list) and all(isinstance(item, str) for item in one):
            kept[key] = list(one)
        elif one is not None:
            kept[key] = msgspec.json.encode(one).decode()
    return kept


def _build_roles(owner: str, colleague: str, *, is_mine: bool, is_shared: bool) -> dict[str, Role]:
    """Say who else sees it: an export does not tell whether they may edit, so they may not."""
    if not is_mine:
        return {owner: Role.VIEWER}
    return {colleague: Role.VIEWER} if is_shared else {}
