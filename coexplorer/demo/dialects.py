"""The wire of each kind of platform, written by hand: names, enums and shapes of every reply.

Legacy is the platform of the v2.10 manual, with the spellings seen on old deployments (design:
api.md, The asset object): long enums, camel case, 64-bit numbers as text, empty fields left out,
none of the newer fields. In between is the platform of versions 2.18 to 3.0, as the official SDK
knew it before its 0.3: today's search, but without ``next_token``, and today's spellings, but none
of what came later: owners, combined assets and models, files, transfers, the schema, reading
permissions.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from coexplorer.demo.asset import Bucket, Provenance, StoredAsset
from coexplorer.demo.importing import overlay


class Dialect(StrEnum):
    """Which platform the server plays."""

    LEGACY = "legacy"
    V3_0 = "3.0"
    CURRENT = "current"


VERSIONS = {Dialect.LEGACY: (2, 10, 0), Dialect.V3_0: (3, 0, 0), Dialect.CURRENT: (4, 8, 0)}
"""What each says its version is, unless told otherwise.

A platform refuses a client that wants a later version, and lacks the calls of later ones.
"""

OWNER_EMAIL_SINCE = (4, 3)

LATER_TYPES = ("combined", "model")
"""Types of asset that came with 3.1: before, an asset of one is not there."""

_LATER_FIELDS = frozenset(
    (
        *("owner", "owner_email", "contained_data_assets", "nextflow_profile"),
        *("last_transferred", "transfer_error"),
    )
)
"""What asset objects did not have up to 3.0."""

_encoder = msgspec.json.Encoder()


def build_object(
    asset: StoredAsset,
    dialect: Dialect,
    *,
    owner_id: str,
    created: bool = False,
    version: tuple[int, ...] | None = None,
) -> dict[str, object]:
    """Return the asset object of a reply.

    Args:
        asset: The asset.
        dialect: Whose spelling.
        owner_id: The platform's id of the owner.
        created: Whether this replies to a create, which old platforms spell differently.
        version: Of a platform of today's dialect, which may lack a field; None: the newest.
    """
    if dialect is Dialect.LEGACY:
        known = _legacy_object(asset, created=created)
    elif dialect is Dialect.V3_0:
        known = _v3_0_object(asset)
    else:
        known = _current_object(asset, owner_id)
        if version is not None and version < OWNER_EMAIL_SINCE:
            del known["owner_email"]
    # What was imported is the deployment's own, in whatever spelling.
    return overlay(asset, known) if asset.wire else known


def encode_page(objects: list[dict[str, object]], *, has_more: bool, token: str | None) -> bytes:
    """Return the body of a search's reply; without a token there is no such key."""
    page: dict[str, object] = {"has_more": has_more, "results": objects}
    if token is not None:
        page["next_token"] = token
    return _encoder.encode(page)


def _current_object(asset: StoredAsset, owner_id: str) -> dict[str, object]:
    wire: dict[str, object] = {
        "id": asset.id,
        "created": asset.created,
        "name": asset.name,
        "description": asset.description,
        "tags": asset.tags,
        "type": asset.type,
        "state": asset.state,
        "last_used": asset.last_used,
        "owner": owner_id,
        "owner_email": asset.owner,
        "custom_metadata": asset.custom_metadata,
        # The official SDK can't read an asset without one: today's platforms never leave it out.
        "mount": asset.mount or "",
    }
    optional = {
        "files": asset.files,
        "size": asset.size,
        "failure_reason": asset.failure_reason or None,
        "source_bucket": asset.source,
        "provenance": _current_provenance(asset.provenance) if asset.provenance else None,
        "contained_data_assets": asset.contained or None,
        "app_parameters": asset.app_parameters or None,
        "nextflow_profile": asset.nextflow_profile or None,
        "last_transferred": asset.last_transferred,
        "transfer_error": asset.transfer_error or None,
    }
    wire.update((key, value) for key, value in optional.items() if value is not None)
    return wire


def _v3_0_object(asset: StoredAsset) -> dict[str, object]:
    wire = _current_object(asset, "")
    wire = {key: value for key, value in wire.items() if key not in _LATER_FIELDS}
    if asset.provenance:
        # The SDK of then can't read a provenance without each of these.
        fields = msgspec.structs.asdict(asset.provenance)
        wire["provenance"] = {key: fields[key] for key in fields if key != "computation"}
    return wire


def _current_provenance(provenance: Provenance) -> dict[str, object]:
    fields = msgspec.structs.asdict(provenance)
    return {key: value for key, value in fields.items() if value}


def _legacy_object(asset: StoredAsset, *, created: bool) -> dict[str, object]:
    """Return the object in old platforms' spelling: a create's reply differs from all others.

    Seen in replies of 2022 and 2023. What they had in common: empty fields are left out, but the
    description of a get and a search; and the default mount is in none but a create's.
    """
    wire: dict[str, object] = {
        "id": asset.id,
        "created": asset.created,
        "name": asset.name,
    }
    if created:
        wire |= {
            "type": f"DATA_ASSET_TYPE_{asset.type.upper()}",
            "state": f"DATA_ASSET_STATE_{asset.state.upper()}",
            "lastUsed": asset.last_used,
            "sizeInBytes": asset.size or 0,
        }
    else:
        wire |= {
            "type": asset.type,
            "state": asset.state,
            "last_used": asset.last_used,
            "description": asset.description,
        }
    optional = {
        "description": asset.description,
        "tags": asset.tags,
        "mount": asset.mount if created else None,
        "files": asset.files,
        "size": None if created else asset.size,
        "failure_reason": asset.failure_reason,
        "sourceBucket": _legacy_bucket(asset.source) if asset.source else None,
        "provenance": _legacy_provenance(asset.provenance) if asset.provenance else None,
        "custom_metadata": asset.custom_metadata,
    }
    wire.update((key, value) for key, value in optional.items() if value)
    return wire


def _legacy_bucket(source: Bucket) -> dict[str, object]:
    return {"bucket": source.bucket, "origin": source.origin, "prefix": source.prefix}


def _legacy_provenance(provenance: Provenance) -> dict[str, object]:
    fields: dict[str, object] = {
        "commit": provenance.commit,
        "runScript": provenance.run_script,
        "DockerImage": provenance.docker_image,
        "Capsule": provenance.capsule,
        "DataAssets": provenance.data_assets,
    }
    return {key: value for key, value in fields.items() if value}
