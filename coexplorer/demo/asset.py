"""What the embedded Code Ocean holds of an asset, of a user and of a file's place.

This is the server's own record, not the wire: `dialects` encodes it for each kind of platform.
Times are epoch seconds, sizes are bytes.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What somebody other than its creator may do with an asset; there can be several owners.

    `DISCOVERABLE`, for groups and everyone alone, is to find it and see its object, without files.
    """

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"
    DISCOVERABLE = "discoverable"


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


MetadataValue = object
"""A value of custom metadata: text, a number (dates are epoch seconds), or a list of either.

An imported one can be any JSON; `metadata` says what may be set.
"""


class AppParameter(msgspec.Struct, frozen=True):
    """One of ``app_parameters``: what somebody entered in the app panel of a run."""

    name: str = ""
    value: str = ""


class StoredAsset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An asset with all that the server knows about it; change it with `msgspec.structs.replace`.

    Attributes:
        owner: Email of who created it.
        mount: None when the asset has no such key.
        size: None when the platform does not say.
        files: None when the platform does not say.
        last_transferred: Epoch seconds at which the files went to another storage; None: never.
        transfer_error: Why the last attempt at that failed.
        wire: JSON of the object that was imported, which is shown again as it came; empty for all
            others.
        edited: Names of the attributes that were changed since the import.
        archived: Not in the asset object; only a search tells.
        favorite_of: Emails of the users who marked it; not in the asset object either.
        roles: Email to role, for users that it is shared with by name.
        shared_to: Email to whether a search for what is shared finds it for that user; who is not
            named finds what is not their own and can be read.
        everyone: ``viewer`` (all can read it), ``discoverable`` (all can find it and see its
            object, without files) or ``none``.
        groups: Group name to role; each member has it.
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
    app_parameters: tuple[AppParameter, ...] = ()
    nextflow_profile: str = ""
    last_transferred: int | None = None
    transfer_error: str = ""
    wire: str = ""
    edited: frozenset[str] = frozenset()
    archived: bool = False
    favorite_of: frozenset[str] = frozenset()
    roles: dict[str, Role] = {}
    shared_to: dict[str, bool] = {}
    everyone: str = "none"
    groups: dict[str, Role] = {}
    files_listed: bool = True
    folder: str | None = None
    creating: bool = False

    @property
    def external(self) -> bool:
        """Whether the files stay outside Code Ocean."""
        return self.source is not None and self.source.external
