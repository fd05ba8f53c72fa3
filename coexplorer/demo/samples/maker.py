"""What all sample assets have in common: ids, people, use, favorites, archiving."""

from __future__ import annotations

import random

from coexplorer.demo.asset import (
    Bucket,
    Contained,
    MetadataValue,
    Provenance,
    Role,
    StoredAsset,
)
from coexplorer.demo.samples.calendar import DAY_S
from coexplorer.demo.samples.files import TREE_COUNT, build_code

_YEAR_S = 365 * DAY_S
_SPARE_CODES = 256 // TREE_COUNT

OWNERS_SHARE = 0.7
NEVER_USED, SIZE_UNKNOWN, FILES_UNKNOWN, NO_MOUNT = 0.45, 0.03, 0.04, 0.04
OWNERS_FAVORITES, COLLEAGUES_FAVORITES = 0.04, 0.03
ARCHIVED_A_YEAR = 0.035
EVERYONE, SHARED_TO_EDIT, SHARED_TO_VIEW = 0.15, 0.25, 0.5
"""Shares of all assets; the last three are steps of one draw."""


class Maker:
    """Makes single assets from one stream of random numbers.

    Args:
        rng: The stream.
        now: Epoch seconds.
        owner: Email of the first user.
        colleague: Email of the second.
        count: How many assets there will be: a larger institute has more subjects.
    """

    def __init__(
        self, rng: random.Random, now: int, owner: str, colleague: str, count: int
    ) -> None:
        self.rng = rng
        self.now = now
        self.owner = owner
        self.colleague = colleague
        self.count = count

    def make_id(self, tree: str = "") -> str:
        """Make a UUID (version 4) whose last byte says which files the asset has."""
        bits = f"{self.rng.getrandbits(128):032x}"
        last = bits[30:]
        if tree:
            last = f"{build_code(tree, self.rng.randrange(_SPARE_CODES)):02x}"
        variant = "89ab"[int(bits[16], 16) % 4]
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{variant}{bits[17:20]}-{bits[20:30]}{last}"

    def pick_owner(self) -> str:
        """Pick whose something is."""
        return self.owner if self.rng.random() < OWNERS_SHARE else self.colleague

    def pick_local_source(self) -> Bucket | None:
        """Say where something came from that no bucket held: uploads have an empty one."""
        return Bucket(origin="local") if self.rng.random() < 0.8 else None

    def make(
        self,
        name: str,
        created: int,
        *,
        tree: str,
        size: int,
        files: int,
        tags: tuple[str, ...],
        owner: str = "",
        type: str = "dataset",  # noqa: A002  # the platform's word
        description: str = "",
        source: Bucket | None = None,
        provenance: Provenance | None = None,
        contained: tuple[Contained, ...] = (),
        custom_metadata: dict[str, MetadataValue] | None = None,
    ) -> StoredAsset:
        """Make a ready asset, with what becomes of assets in the course of time."""
        rng = self.rng
        owner = owner or self.pick_owner()
        age_s = self.now - created
        unknown = rng.random()
        roles, everyone = self._pick_sharing(owner)
        return StoredAsset(
            id=self.make_id(tree),
            name=name,
            owner=owner,
            created=created,
            description=description,
            tags=tags,
            mount=self._pick_mount(name),
            type=type,
            last_used=(
                0 if rng.random() < NEVER_USED else created + int(age_s * rng.random() ** 0.7)
            ),
            size=None if unknown < SIZE_UNKNOWN else size,
            files=None if unknown < FILES_UNKNOWN else files,
            source=source,
            provenance=provenance,
            contained=contained,
            custom_metadata=custom_metadata or {},
            archived=rng.random() < ARCHIVED_A_YEAR * age_s / _YEAR_S,
            favorite_of=self._pick_favorites(),
            roles=roles,
            everyone=everyone,
        )

    def _pick_mount(self, name: str) -> str | None:
        draw = self.rng.random()
        if draw < NO_MOUNT:
            return None
        return name.replace(" ", "_").replace("/", "_").replace(",", "")

    def _pick_favorites(self) -> frozenset[str]:
        draw = self.rng.random()
        if draw < OWNERS_FAVORITES:
            return frozenset({self.owner})
        if draw < OWNERS_FAVORITES + COLLEAGUES_FAVORITES:
            return frozenset({self.colleague})
        return frozenset()

    def _pick_sharing(self, owner: str) -> tuple[dict[str, Role], str]:
        """Say who else may do what; the first user is never left out."""
        draw = self.rng.random()
        if draw < EVERYONE:
            return {}, "viewer"
        if owner == self.owner:
            if draw < SHARED_TO_EDIT:
                return {self.colleague: Role.EDITOR}, "none"
            if draw < SHARED_TO_VIEW:
                return {self.colleague: Role.VIEWER}, "none"
            return {}, "none"
        return {self.owner: Role.EDITOR if draw < SHARED_TO_VIEW else Role.VIEWER}, "none"
