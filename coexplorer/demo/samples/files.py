"""The files of a sample asset: their list and every byte of them, from the asset's id alone.

An id's last byte says which tree it has (`TREES`), so that neither a rename nor any other edit
moves a file. Sizes are modest, whatever the asset's size claims: they are meant to be downloaded.
Of one tree, `VAST`, they are not. Nothing is stored; any range of any file is available at once.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from coexplorer.demo.samples.contents import build_text, find_fixed_size, make_content

KB, MB, GB = 1000, 1_000_000, 1_000_000_000


class Spec(NamedTuple):
    """Files alike.

    Attributes:
        path: ``{n}`` in it counts the copies.
        size_bytes: About so much; 0: the content decides it.
        copies: How many.
        exact: The size is to be exactly this.
    """

    path: str
    size_bytes: int = 0
    copies: int = 1
    exact: bool = False


_CROWD_SIZES: Final = 4096
"""So many sizes the files of a crowd have."""


class Crowd(NamedTuple):
    """Very many files, alone in a folder: they are made when that is listed.

    Attributes:
        folder: Where; its parent is the root.
        stem: Begins each name; a number of six digits, from 0, and ``.bin`` end it.
        copies: How many.
    """

    folder: str
    stem: str
    copies: int

    def build_name(self, number: int) -> str:
        """Return the name of the n-th file."""
        return f"{self.stem}{number:06}.bin"

    def find_size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None when there is none of this name."""
        digits = name.removeprefix(self.stem).removesuffix(".bin")
        if not (digits.isascii() and digits.isdigit()) or int(digits) >= self.copies:
            return None
        return self._size_one(int(digits)) if self.build_name(int(digits)) == name else None

    def measure(self) -> int:
        """Return the size of all, in bytes."""
        turns, rest = divmod(self.copies, _CROWD_SIZES)
        one = sum(map(self._size_one, range(_CROWD_SIZES)))
        return turns * one + sum(map(self._size_one, range(rest)))

    @staticmethod
    def _size_one(number: int) -> int:
        return 100 + number % _CROWD_SIZES


_COMMON = (
    Spec("data_description.json"),
    Spec("metadata.json"),
    Spec("metadata/subject.json"),
    Spec("metadata/procedures.json"),
)

TREES: dict[str, tuple[Spec, ...]] = {
    "ecephys": (
        *_COMMON,
        Spec("ecephys/ecephys_clipped/structure.oebin.json"),
        Spec("ecephys/ecephys_clipped/Probe{n}/continuous.dat", 6 * MB, 3),
        Spec("ecephys/ecephys_clipped/Probe{n}/timestamps.npy", 400 * KB, 3),
        Spec("ecephys/ecephys_compressed/Probe{n}-AP.zarr/.zattrs.json", 0, 3),
        Spec("ecephys/ecephys_compressed/Probe{n}-AP.zarr/traces/0.0", 2 * MB, 3),
        Spec("behavior/trials.csv"),
        Spec("behavior-videos/side_camera.mp4", 9 * MB),
        Spec("README.md"),
        Spec("ecephys/electrodes.tsv"),
        Spec("ecephys/units.parquet"),
        Spec("logs/acquisition.log"),
        Spec("ecephys/session.nwb", 5 * MB),
    ),
    "behavior": (
        *_COMMON,
        Spec("behavior/trials.csv"),
        Spec("behavior/licks.csv"),
        Spec("behavior/Behavior.harp/Behavior_{n}.bin", 120 * KB, 8),
        Spec("behavior-videos/face_camera.mp4", 4 * MB),
        Spec("logs/acquisition.log"),
        Spec("behavior/events.tsv"),
        Spec("behavior/tables.zip"),
    ),
    "multiplane-ophys": (
        *_COMMON,
        Spec("ophys/plane_{n}/timeseries.h5", 3 * MB, 8),
        Spec("ophys/plane_{n}/max_projection.png", 0, 8),
        Spec("behavior/trials.csv"),
    ),
    "SmartSPIM": (
        *_COMMON,
        Spec("SmartSPIM/Ex_488_Em_525.zarr/0/{n}/0.0.0", 500 * KB, 20),
        Spec("SmartSPIM/Ex_488_Em_525.zarr/.zattrs.json"),
        Spec("derivatives/MIP/XY_projection.tiff", 2 * MB),
        Spec("derivatives/cell_counts.csv"),
    ),
    "exaSPIM": (
        *_COMMON,
        Spec("exaSPIM/tile_x_{n}_y_0000_z_0000_ch_488.zarr/0/0.0.0", 4 * MB, 6),
        Spec("exaSPIM/tiles.json"),
        Spec("manifest.csv"),
    ),
    "HCR": (
        *_COMMON,
        Spec("round_{n}/488.zarr/0/0.0.0", 1500 * KB, 5),
        Spec("round_{n}/genes.csv", 0, 5),
        Spec("segmentation/cells.csv"),
    ),
    "scRNAseq": (
        *_COMMON,
        Spec("fastq/S1_L00{n}_R1_001.fastq.gz", 5 * MB, 4),
        Spec("fastq/S1_L00{n}_R2_001.fastq.gz", 7 * MB, 4),
        Spec("outs/web_summary.html"),
        Spec("outs/filtered_feature_bc_matrix.h5", 3 * MB),
        Spec("outs/metrics_summary.csv"),
    ),
    "FIP": (
        *_COMMON,
        Spec("FIP/green_{n}.csv", 0, 4),
        Spec("FIP/raw_{n}.bin", 300 * KB, 3),
        Spec("logs/acquisition.log"),
    ),
    "result": (
        Spec("output"),
        Spec("processing.json"),
        Spec("units/unit_table.csv"),
        Spec("figures/panel_{n}.png", 0, 7),
        Spec("summary.md"),
        Spec("units/units.nwb", 400 * KB),
        Spec("units/units.parquet"),
    ),
    "model": (Spec("config.json"), Spec("weights/epoch_{n}.pt", 8 * MB, 2), Spec("README.md")),
    "reference": (Spec("README.md"), Spec("annotation_25.nrrd", 4 * MB), Spec("ontology.json")),
    "nasty": (
        Spec("with space.csv"),
        Spec(".hidden/.keep"),
        Spec("-rf"),
        Spec("empty.bin"),
        Spec("données/mesuré «µm».csv"),
        Spec("脳/🧠.json"),
        Spec("a%2Fb.csv"),
        Spec("a"),
        Spec("a.b/c.csv"),
        Spec("escape\x1b[2J.csv"),
        Spec("x" * 251 + ".csv"),
        Spec("/".join(["deep"] * 30) + "/leaf.json"),
        Spec("a/inside.txt"),
        Spec("two\nlines.txt"),
        Spec("bell\x07 tab\t back\x08.log"),
        Spec("report_\u202egnp.txt"),
        Spec("caf\u00e9.txt"),
        Spec("cafe\u0301.txt"),
        Spec("Case.txt"),
        Spec("case.txt"),
        Spec("back\\slash 'quote\" $(touch pwned) *?.txt"),
        Spec("#100% & more; [red].csv"),
        Spec("x~"),
        Spec("trailing . "),
    ),
}
VAST: Final = "vast"
"""The tree of one sample: huge files, a folder of very many, and a very deep one.

No other asset has it, and no id gets it by chance.
"""

_VAST_CODE = 0xFC
_VAST_TREE = (
    Spec("README.md"),
    Spec("recording.bin", 64 * GB, exact=True),
    Spec("recording.nwb", 64 * GB, exact=True),
    Spec("acquisition.log", 2 * GB, exact=True),
    Spec("events.csv", GB, exact=True),
    Spec("/".join(["deep", *(f"{level:03}" for level in range(2, 201))]) + "/leaf.json"),
)
_VAST_CROWD = Crowd("many", "part_", 100_000)

TREE_NAMES = tuple(TREES)
TREE_COUNT = len(TREE_NAMES)


def build_code(tree: str, turn: int) -> int:
    """Return the last byte of an id that has a tree.

    Args:
        tree: Its name.
        turn: Which one of those bytes, from 0.
    """
    return _VAST_CODE if tree == VAST else TREE_NAMES.index(tree) + TREE_COUNT * turn


def find_tree_name(asset_id: str) -> str:
    """Say which tree an asset has; any text is an id to it."""
    try:
        code = int(asset_id[-2:], 16)
    except ValueError:
        code = zlib.crc32(asset_id.encode())
    return VAST if code == _VAST_CODE else TREE_NAMES[code % TREE_COUNT]


def make_result_tree(any_id: str) -> str:
    """Make of an id another one whose files are those of a result."""
    return f"{any_id}-{TREE_NAMES.index('result'):02x}"


def file_tree(asset_id: str) -> list[tuple[str, int]]:
    """List an asset's files as ``(path, size in bytes)``, in the order of their paths."""
    return sorted(_iter_files(asset_id))


def measure_files(asset_id: str) -> tuple[int, int]:
    """Return how many files an asset has, and their size in bytes."""
    tree, crowd = _build_tree(asset_id), _find_crowd(asset_id)
    count, size = len(tree), sum(tree.values())
    return (count, size) if crowd is None else (count + crowd.copies, size + crowd.measure())


def list_level(asset_id: str, folder: str) -> list[tuple[str, int | None]] | None:
    """List what is in a folder: names and sizes in bytes (None: a folder); None if it is no folder.

    A name can be there twice, as a folder and as a file.

    Args:
        asset_id: Whose files.
        folder: From the root, without a slash at its end; empty is the root.
    """
    crowd = _find_crowd(asset_id)
    if crowd is not None and folder == crowd.folder:
        names = (crowd.build_name(number) for number in range(crowd.copies))
        return [(name, crowd.find_size(name)) for name in names]
    found = _build_index(asset_id).get(folder)
    return None if found is None else list(found)


def find_size(asset_id: str, path: str) -> int | None:
    """Return the size of a file in bytes, None when there is none."""
    size = _build_tree(asset_id).get(path)
    crowd = _find_crowd(asset_id)
    folder, _, name = path.rpartition("/")
    if size is None and crowd is not None and folder == crowd.folder:
        return crowd.find_size(name)
    return size


def file_bytes(asset_id: str, path: str, start: int = 0, stop: int | None = None) -> bytes:
    """Return the bytes ``start`` to ``stop`` (exclusive; None: the end) of a file.

    Raises:
        KeyError: The asset has no such file.
    """
    size = find_size(asset_id, path)
    if size is None:
        raise KeyError(path)
    start, stop, _ = slice(start, stop).indices(size)
    if start >= stop:
        return b""
    if size < _LARGEST_TEXT and (text := _build_text(asset_id, path)) is not None:
        return text[start:stop]
    return make_content(asset_id, path, size).read(start, stop)


_LARGEST_TEXT = 100 * MB
"""What is larger is made in parts, whatever it is."""


def _iter_files(asset_id: str) -> Iterator[tuple[str, int]]:
    yield from _build_tree(asset_id).items()
    if (crowd := _find_crowd(asset_id)) is not None:
        for name, size in list_level(asset_id, crowd.folder) or ():
            yield f"{crowd.folder}/{name}", size or 0


def _find_crowd(asset_id: str) -> Crowd | None:
    return _VAST_CROWD if find_tree_name(asset_id) == VAST else None


@lru_cache(maxsize=512)
def _build_index(asset_id: str) -> dict[str, tuple[tuple[str, int | None], ...]]:
    """Return what is in each folder."""
    index: dict[str, dict[tuple[str, bool], int | None]] = {"": {}}
    for path, size in _build_tree(asset_id).items():
        *folders, name = path.split("/")
        at = ""
        for each in folders:
            index.setdefault(at, {})[each, True] = None
            at = f"{at}/{each}" if at else each
        index.setdefault(at, {})[name, False] = size
    if (crowd := _find_crowd(asset_id)) is not None:
        index[""][crowd.folder, True] = None
    return {
        folder: tuple((name, size) for (name, _), size in found.items())
        for folder, found in index.items()
    }


@lru_cache(maxsize=512)
def _build_tree(asset_id: str) -> dict[str, int]:
    name = find_tree_name(asset_id)
    rng = random.Random(f"tree {asset_id}")
    tree = {}
    for spec in _VAST_TREE if name == VAST else TREES[name]:
        for n in range(spec.copies):
            path = spec.path.replace("{n}", f"{n + 1:02}" if spec.copies > 9 else str(n + 1))
            tree[path] = _find_size(asset_id, path, spec, rng)
    return dict(sorted(tree.items()))


def _find_size(asset_id: str, path: str, spec: Spec, rng: random.Random) -> int:
    if spec.exact:
        return spec.size_bytes
    if (fixed := find_fixed_size(path)) is not None:
        return fixed
    if (text := _build_text(asset_id, path)) is not None:
        return len(text)
    return make_content(asset_id, path, int(spec.size_bytes * rng.uniform(0.3, 1.7))).size


@lru_cache(maxsize=256)
def _build_text(asset_id: str, path: str) -> bytes | None:
    return build_text(asset_id, path, find_tree_name(asset_id))
