"""The places that are always there, by their names."""

from __future__ import annotations

from coexplorer.fs.handlers.control_files import CONTROL_FILES, FIXED_FILES
from coexplorer.fs.kernel.inodes import Place

ROOT_NAMES: dict[bytes, Place] = {
    b"all": Place.ALL,
    b"archived": Place.ARCHIVED,
    b"deleted": Place.DELETED,
    b"by-id": Place.BY_ID,
    b"mine": Place.MINE,
    b"shared": Place.SHARED,
    b"favorites": Place.FAVORITES,
    b"tags": Place.TAGS,
    b"search": Place.SEARCH,
    b".coexplorer": Place.CONTROL,
    **FIXED_FILES,
}
DIRECTORY_PLACES = frozenset(
    {place for name, place in ROOT_NAMES.items() if name not in FIXED_FILES}
    | {Place.ROOT, Place.UNSENT, Place.FILES}
)
ASSET_FOLDERS = (Place.ALL, Place.ARCHIVED, Place.DELETED)
FOLDER_NAMES: dict[Place, bytes] = {Place.ALL: b"all", Place.ARCHIVED: b"archived"}

FIXED_LISTINGS: dict[Place, dict[bytes, Place]] = {
    Place.ROOT: ROOT_NAMES,
    Place.CONTROL: {**CONTROL_FILES, b"unsent": Place.UNSENT},
}
