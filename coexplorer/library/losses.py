"""What happens to an asset's files when it is deleted, worded for every front end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from coexplorer.models import Asset, AssetType
from coexplorer.text import plural, size_text


class Fate(StrEnum):
    """What becomes of an asset's files."""

    GONE = "gone"
    """The platform keeps them, and deletes them with the asset."""
    STAY = "stay"
    """They are on external storage: only the platform's entry goes."""
    OTHERS = "others"
    """They belong to the assets that this one combines, and stay with those."""


class Loss(msgspec.Struct, frozen=True):
    """What deleting an asset does to its files.

    Attributes:
        fate: What becomes of them.
        files: How many there are; None when that is not known.
        size_bytes: How large they are; None likewise.
        place: Bucket and path of files that stay; empty when not known.
        combined: How many assets it combines.
    """

    fate: Fate
    files: int | None = None
    size_bytes: int | None = None
    place: str = ""
    combined: int = 0


def find_loss(asset: Asset) -> Loss:
    """Return what deleting an asset does to its files, as the platform describes them."""
    source = asset.source
    if asset.contained or asset.type == AssetType.COMBINED:
        fate = Fate.OTHERS
    else:
        fate = Fate.STAY if source is not None and source.external else Fate.GONE
    place = ""
    if fate is Fate.STAY and source is not None and source.bucket:
        place = f"{source.bucket}/{source.prefix}".rstrip("/")
    return Loss(fate, asset.files, asset.size_bytes, place, len(asset.contained))


def describe_loss(loss: Loss) -> str:
    """Return what becomes of one asset's files, as half a sentence: ``its 391 files … go``."""
    match loss.fate:
        case Fate.STAY:
            where = f"in {loss.place}" if loss.place else "where they are"
            return f"its files stay {where}: external storage"
        case Fate.OTHERS:
            whose = f"the {plural(loss.combined, 'asset')}" if loss.combined else "the assets"
            return f"the files of {whose} that it combines stay"
        case _:
            what = _measure([loss])
            return f"its files are deleted: {what}" if what else "its files are deleted"


def describe_losses(losses: Sequence[Loss]) -> list[tuple[Fate, str]]:
    """Return a sentence for each fate that the files of several assets have, the worst first."""
    lines: list[tuple[Fate, str]] = []
    for fate in Fate:
        fitting = [loss for loss in losses if loss.fate is fate]
        if not fitting:
            continue
        one = len(fitting) == 1
        if fate is Fate.GONE:
            what = _measure(fitting)
            text = f"The files of {plural(len(fitting), 'asset')} are deleted"
            lines.append((fate, f"{text}: {what}." if what else f"{text}."))
        elif fate is Fate.STAY:
            whose = "1 asset is" if one else f"{len(fitting):,} assets are"
            files = "its files" if one else "their files"
            lines.append((fate, f"{whose} on external storage: {files} stay."))
        else:
            verb = "combines" if one else "combine"
            whose = plural(len(fitting), "asset")
            lines.append((fate, f"{whose} {verb} others: the files of those stay."))
    return lines


def _measure(losses: Iterable[Loss]) -> str:
    """Return ``391 files, 230 GB``, as far as that is known."""
    losses = list(losses)
    files = [loss.files for loss in losses if loss.files is not None]
    sizes = [loss.size_bytes for loss in losses if loss.size_bytes is not None]
    parts = [plural(sum(files), "file")] if files else []
    parts += [size_text(sum(sizes))] if sizes else []
    known = len(losses) == 1 or min(len(files), len(sizes)) == len(losses)
    return ("" if known or not parts else "at least ") + ", ".join(parts)
