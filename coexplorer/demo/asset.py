"""What the embedded Code Ocean holds of an asset, of a user and of a file's place.

This is the server's own record, not the wire: `dialects` encodes it for each kind of platform.
Times are epoch seconds, sizes are bytes.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What somebody other than the owner may do with an asset."""

    EDITOR = "editor"
    VIEWER = "viewer"


class User(msgspec.Struct, frozen=True):
    """Somebody who can sign in.

    Attributes:
        id: The platform's id of the user: a UUID, as text.
        email: How permissions name the user, and `StoredAsset` too.
        token: API token with every scope.
        read_token: API token without the scope to write.
    """

    id: str
    email: str
    name: str
    token: str
    read_token: str


class Bucket(msgspec.Struct, frozen=True):
    """``source_bucket``: where the files came from, or still are (``external``)."""

    bucket: str = ""
    origin: str = "aws"
    prefix: str = ""
    external: bool = False


class Provenance(msgspec.Struct, frozen=True):
    """``provenance``: what a result was made by."""

    commit: str = ""
    run_script: str = ""
    docker_image: str = ""
    capsule: str = ""
    computation: str = ""
    data_assets: tuple[str, ...] = ()


class Contained(msgspec.Struct, frozen=True):
    """A part of a combined asset."""

    id: str
    mount: str = ""
    size: int = 0


MetadataValue = str | int | float | list[str]
"""A value of custom metadata; dates are epoch seconds."""


class StoredAsset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An asset with all that the server knows about it; change it with `msgspec.structs.replace`.

    Attributes:
        owner: Email of the owner.
        mount: None when the asset has no such key.
        size: None when the platform does not say.
        files: None when the platform does not say.
        extra: Wire fields that nothing here holds, shown as they are in every reply (an import's
            unknown fields); they win over those made from the other attributes.
        archived: Not in the asset object; only a search tells.
        favorite_of: Emails of those who marked it; not in the asset object either.
        roles: Email to role of those that it is shared with by name.
        everyone: ``viewer`` (all can read it), ``discoverable`` or ``none``.
        groups: Group name to role; kept and given back, without effect.
        files_listed: False when its files are not indexed.
        folder: Folder of real files, relative to the server's data folder; None: the files are
            made up (``files``).
        creating: True from the create until its outcome.
    """

    id: str
    name: str
    owner: str
    created: int
    description: str = ""
    tags: tuple[str, ...] = ()
    mount: str | None = None
    type: str = "dataset"
    state: str = "ready"
    failure_reason: str = ""
    last_used: int = 0
    size: int | None = None
    files: int | None = None
    source: Bucket | None = None
    provenance: Provenance | None = None
    contained: tuple[Contained, ...] = ()
    custom_metadata: dict[str, MetadataValue] = {}
    extra: dict[str, object] = {}
    archived: bool = False
    favorite_of: frozenset[str] = frozenset()
    roles: dict[str, Role] = {}
    everyone: str = "none"
    groups: dict[str, str] = {}
    files_listed: bool = True
    folder: str | None = None
    creating: bool = False

    @property
    def external(self) -> bool:
        """Whether the files stay outside Code Ocean."""
        return self.source is not None and self.source.external
