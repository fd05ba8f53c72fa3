"""What a new asset is made from, as it was chosen before its form is filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast, get_args

import msgspec

from coexplorer.models import AssetId

FromKind = Literal["s3", "run", "workstation", "combine", "gcp"]

_KINDS: Final = frozenset(get_args(FromKind))
_PREFIX: Final = "made from "
"""Names of a draft's texts that nobody typed."""


class NewFrom(msgspec.Struct, frozen=True):
    """What a new asset is made from.

    Attributes:
        id: Of the run or of the workstation.
        title: What it is called, for the title of the form; empty for S3.
        ids: The assets to combine.
    """

    kind: FromKind = "s3"
    id: str = ""
    title: str = ""
    ids: tuple[AssetId, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """What a draft keeps of it."""
        found = {"kind": self.kind, "id": self.id, "title": self.title, "ids": " ".join(self.ids)}
        return {f"{_PREFIX}{name}": text for name, text in found.items() if text}


def read_from(texts: Mapping[str, str]) -> NewFrom:
    """Return what the texts of a draft keep; files in S3 where they keep nothing."""
    kind = texts.get(f"{_PREFIX}kind", "s3")
    if kind not in _KINDS:
        return NewFrom()
    return NewFrom(
        cast("FromKind", kind),
        texts.get(f"{_PREFIX}id", ""),
        texts.get(f"{_PREFIX}title", ""),
        tuple(AssetId(each) for each in texts.get(f"{_PREFIX}ids", "").split()),
    )
