"""The files of a sample asset: their list and every byte of them, from the asset's id alone.

An id's last byte says which tree it has (`TREES`), so that neither a rename nor any other edit
moves a file. Sizes are modest, whatever the asset's size claims: they are meant to be downloaded.
Nothing is stored; any range of any file is available at once.
"""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from functools import lru_cache
from typing import NamedTuple

from coexplorer.demo.samples.vocabulary import EXPERIMENTERS, REGIONS, RIGS

KB, MB = 1000, 1_000_000
BLOCK_BYTES = 65_536
"""Pseudo-random content is made in blocks of this size."""


class Spec(NamedTuple):
    """Files alike: ``{n}`` in the path counts the copies; text files have no size to give."""

    path: str
    size_bytes: int = 0
    copies: int = 1


_COMMON = (Spec("metadata.json"), Spec("metadata/subject.json"), Spec("metadata/procedures.json"))

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
    ),
    "behavior": (
        *_COMMON,
        Spec("behavior/trials.csv"),
        Spec("behavior/licks.csv"),
        Spec("behavior/Behavior.harp/Behavior_{n}.bin", 120 * KB, 8),
        Spec("behavior-videos/face_camera.mp4", 4 * MB),
        Spec("logs/acquisition.log"),
    ),
    "multiplane-ophys": (
        *_COMMON,
        Spec("ophys/plane_{n}/timeseries.h5", 3 * MB, 8),
        Spec("ophys/plane_{n}/max_projection.png", 90 * KB, 8),
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
        Spec("outs/web_summary.html", 700 * KB),
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
        Spec("figures/panel_{n}.png", 220 * KB, 7),
        Spec("summary.md"),
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
    ),
}
TREE_NAMES = tuple(TREES)
TREE_COUNT = len(TREE_NAMES)


def find_tree_name(asset_id: str) -> str:
    """Say which tree an asset has; any text is an id to it."""
    try:
        code = int(asset_id[-2:], 16)
    except ValueError:
        code = zlib.crc32(asset_id.encode())
    return TREE_NAMES[code % TREE_COUNT]


def make_result_tree(any_id: str) -> str:
    """Make of an id another one whose files are those of a result."""
    return f"{any_id}-{TREE_NAMES.index('result'):02x}"


def file_tree(asset_id: str) -> list[tuple[str, int]]:
    """List an asset's files as ``(path, size in bytes)``, in the order of their paths."""
    return list(_build_tree(asset_id).items())


def file_bytes(asset_id: str, path: str, start: int = 0, stop: int | None = None) -> bytes:
    """Return the bytes ``start`` to ``stop`` (exclusive; None: the end) of a file.

    Raises:
        KeyError: The asset has no such file.
    """
    size = _build_tree(asset_id)[path]
    start, stop, _ = slice(start, stop).indices(size)
    text = _build_text(asset_id, path)
    if text is not None:
        return text[start:stop]
    first, last = start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)
    blocks = b"".join(_build_block(asset_id, path, block) for block in range(first, last))
    offset = first * BLOCK_BYTES
    return blocks[start - offset : stop - offset]


@lru_cache(maxsize=512)
def _build_tree(asset_id: str) -> dict[str, int]:
    rng = random.Random(f"tree {asset_id}")
    tree = {}
    for spec in TREES[find_tree_name(asset_id)]:
        for n in range(spec.copies):
            path = spec.path.replace("{n}", f"{n + 1:02}" if spec.copies > 9 else str(n + 1))
            text = _build_text(asset_id, path)
            tree[path] = int(spec.size_bytes * rng.uniform(0.3, 1.7)) if text is None else len(text)
    return dict(sorted(tree.items()))


def _build_block(asset_id: str, path: str, block: int) -> bytes:
    return hashlib.shake_256(f"{asset_id}/{path}#{block}".encode()).digest(BLOCK_BYTES)


@lru_cache(maxsize=256)
def _build_text(asset_id: str, path: str) -> bytes | None:
    """Write a readable file; None for the others."""
    rng = random.Random(f"text {asset_id}/{path}")
    name = path.rpartition("/")[2]
    match name.rpartition(".")[2]:
        case "json":
            text = json.dumps(_build_facts(rng, asset_id, name), indent=2, ensure_ascii=False)
        case "md":
            rig = rng.choice(RIGS)
            text = f"# {find_tree_name(asset_id)}\n\nAsset `{asset_id}`.\n\n- rig: {rig}\n"
        case "csv":
            text = _build_table(rng)
        case "log" | "output":
            text = "".join(
                f"[{second // 60:02}:{second % 60:02}] block {second} ok\n"
                for second in range(rng.randrange(20, 300))
            )
        case "keep" | "-rf" | "a":
            text = "kept\n"
        case _:
            return None
    return text.encode()


def _build_facts(rng: random.Random, asset_id: str, name: str) -> dict[str, object]:
    return {
        "describes": name.removesuffix(".json"),
        "asset": asset_id,
        "schema_version": f"1.{rng.randrange(9)}.{rng.randrange(9)}",
        "subject_id": str(rng.randrange(400_000, 800_000)),
        "rig": rng.choice(RIGS),
        "experimenter": rng.choice(EXPERIMENTERS),
        "targets": rng.sample(REGIONS, 3),
    }


def _build_table(rng: random.Random) -> str:
    rows = ["trial,region,start_time,rewarded"]
    at = 0.0
    for trial in range(rng.randrange(40, 400)):
        at += rng.uniform(4, 9)
        rows.append(f"{trial},{rng.choice(REGIONS)},{at:.3f},{rng.randrange(2)}")
    return "\n".join(rows) + "\n"
