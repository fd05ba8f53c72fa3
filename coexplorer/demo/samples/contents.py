"""What is in the sample files: texts, tables, pictures, archives, HDF5, meaningless bytes."""

from __future__ import annotations

import io
import json
import math
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from coexplorer.demo.samples.hdf5 import Array, Group, write_head
from coexplorer.demo.samples.noise import make_noise
from coexplorer.demo.samples.parquet import write_table
from coexplorer.demo.samples.vocabulary import EXPERIMENTERS, REGIONS, RIGS

PICTURE_WIDTH, PICTURE_HEIGHT = 192, 144
CHANNELS = 128
"""Columns of the arrays that are as large as their files."""

_NEVER = (1980, 1, 1, 0, 0, 0)
"""The date of the files in an archive: the first one that a zip can say."""


class Content(NamedTuple):
    """A file whose bytes are made when they are read.

    Attributes:
        size: In bytes.
        read: Returns the bytes from one offset to another, both within the file.
    """

    size: int
    read: Callable[[int, int], bytes]


def build_text(asset_id: str, path: str, title: str) -> bytes | None:
    """Write a file that is small and whole; None: it is not one of those.

    Args:
        asset_id: Decides what is in it, with the path.
        path: From the root.
        title: What the asset holds, in a word.
    """
    rng = random.Random(f"text {asset_id}/{path}")
    name = path.rpartition("/")[2]
    match name.rpartition(".")[2]:
        case "json":
            text = json.dumps(_build_facts(rng, asset_id, name), indent=2, ensure_ascii=False)
        case "md":
            text = _build_page(rng, asset_id, title)
        case "csv":
            text = _build_table(rng)
        case "tsv":
            text = _build_table(rng).replace(",", "\t")
        case "log" | "output":
            text = "".join(_iter_log(rng))
        case "html":
            text = f"<!doctype html>\n<title>{title}</title>\n<h1>Summary of {asset_id}</h1>\n"
        case "zip":
            return _build_archive(rng, asset_id, title)
        case "parquet":
            return _build_units(rng)
        case "keep" | "-rf" | "a" | "txt":
            text = "kept\n"
        case _:
            return None
    return text.encode()


def find_fixed_size(path: str) -> int | None:
    """Return the size of a file that has always the same one, in bytes, without making it."""
    return _measure_picture() if path.endswith(".png") else None


def make_content(asset_id: str, path: str, size: int) -> Content:
    """Make a file of a size that is not a text: a picture, an array, HDF5, or bytes."""
    key = f"{asset_id}/{path}"
    match path.rpartition(".")[2]:
        case "png":
            picture = _build_picture(key)
            return Content(len(picture), lambda start, stop: picture[start:stop])
        case "h5" | "nwb":
            build_head: Callable[[int], bytes] = _build_recording
        case "npy":
            return _make_times(size)
        case "log":
            return _make_lines(size, "[{n:012}] INFO  daq: block {n} of the session is written")
        case "csv":
            return _make_lines(size, "{n:012},{m:04},{k:06.3f},ok")
        case _:
            build_head = _build_nothing

    def read(start: int, stop: int) -> bytes:
        head = build_head(size)
        begin = head[start:stop]
        if stop <= len(head):
            return begin
        at = len(head)
        return begin + make_noise(key, max(start, at) - at, stop - at)

    return Content(size, read)


def _make_lines(size: int, pattern: str) -> Content:
    """Make a table or a log of any length: its lines are as long as each other."""

    def build(number: int) -> str:
        return f"{pattern.format(n=number, m=number * 7 % 1000, k=number * 13 % 997 / 10)}\n"

    width = 80

    def read(start: int, stop: int) -> bytes:
        first, last = start // width, -(-stop // width)
        lines = "".join(f"{build(each)[:-1]:<{width - 1}}\n" for each in range(first, last))
        return lines.encode()[start - first * width : stop - first * width]

    return Content(size, read)


def _make_times(size: int) -> Content:
    """Make an array of NumPy's: the times of samples at 30 kHz, in seconds."""
    count = max(0, (size - 128) // 8)
    facts = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}"
    head = b"\x93NUMPY\x01\0" + struct.pack("<H", 118) + f"{facts:<117}\n".encode()

    def read(start: int, stop: int) -> bytes:
        first, last = max(0, start - 128) // 8, -(-max(0, stop - 128) // 8)
        times = struct.pack(f"<{last - first}d", *(each / 30_000 for each in range(first, last)))
        offset = 128 + first * 8
        return head[start:stop] + times[max(0, start - offset) : max(0, stop - offset)]

    return Content(128 + count * 8, read)


def _build_nothing(_size: int) -> bytes:
    return b""


@lru_cache(maxsize=32)
def _build_recording(size: int) -> bytes:
    """Build an HDF5 file up to its largest array, which is as large as the file has room for.

    It looks like one of Neurodata Without Borders: many small groups with attributes, and arrays.
    """
    head = _build_recording(0) if size else b""
    return _write_recording(max(0, size - len(head)) // (2 * CHANNELS))


def _write_recording(rows: int) -> bytes:
    times = tuple(number / 60 for number in range(60))
    series = {
        f"m{number:03}": Group(
            {
                "timestamps": Array("f8", (60,), times, {"unit": "seconds"}),
                "data": Array("f8", (60,), tuple(math.sin(time * number) for time in times)),
            },
            {"neurodata_type": "TimeSeries", "namespace": "core", "description": f"Lick {number}"},
        )
        for number in range(24)
    }
    units = Group(
        {
            "id": Array("i8", (40,), tuple(range(40))),
            "spike_times": Array("f8", (400,), tuple(number * 0.0125 for number in range(400))),
            "spike_times_index": Array("i8", (40,), tuple(range(10, 401, 10))),
        },
        {"neurodata_type": "Units", "namespace": "core", "description": "Sorted units"},
    )
    raw = Array("i2", (rows, CHANNELS), None, {"unit": "volts"})
    recording = Group({"data": raw}, {"neurodata_type": "ElectricalSeries", "namespace": "core"})
    typed = {"neurodata_type": "NWBFile", "namespace": "core", "nwb_version": "2.7.0"}
    return write_head(
        Group(
            {
                "acquisition": Group({"ap": recording}),
                "general": Group({}, {"institution": "Institute"}),
                "intervals": Group(),
                "processing": Group({"behavior": Group(series)}),
                "stimulus": Group(),
                "units": units,
            },
            typed,
        )
    )


@lru_cache(maxsize=64)
def _build_picture(key: str) -> bytes:
    """Draw a PNG: bright spots on dark ground, in colors."""
    rng = random.Random(f"picture {key}")
    spots = [
        (
            [math.exp(-(((x - center_x) / width) ** 2)) for x in range(PICTURE_WIDTH)],
            [height * math.exp(-(((y - center_y) / width) ** 2)) for y in range(PICTURE_HEIGHT)],
        )
        for center_x, center_y, width, height in (
            (
                rng.uniform(0, PICTURE_WIDTH),
                rng.uniform(0, PICTURE_HEIGHT),
                rng.uniform(6, 40),
                rng.uniform(60, 200),
            )
            for _ in range(6)
        )
    ]
    rows = [[0.0] * PICTURE_WIDTH] * PICTURE_HEIGHT
    for across, down in spots:
        rows = [
            [value + bright * there for value, there in zip(row, across, strict=True)]
            for row, bright in zip(rows, down, strict=True)
        ]
    return _write_png(b"".join(b"\0" + bytes(min(255, int(v)) for v in row) for row in rows))


@lru_cache(maxsize=1)
def _measure_picture() -> int:
    return len(_write_png(bytes((PICTURE_WIDTH + 1) * PICTURE_HEIGHT)))


def _write_png(pixels: bytes) -> bytes:
    """Write a PNG of 256 colors; not compressed, so that its size says nothing of what it shows."""
    palette = bytes(
        part
        for value in range(256)
        for part in (min(255, value * 3 // 2), value * value // 255, min(255, 80 + value // 2))
    )
    header = struct.pack(">IIBBBBB", PICTURE_WIDTH, PICTURE_HEIGHT, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(pixels, 0)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in (*chunks, (b"IEND", b""))
    )


def _build_archive(rng: random.Random, asset_id: str, title: str) -> bytes:
    files = {
        "README.md": _build_page(rng, asset_id, title),
        "tables/trials.csv": _build_table(rng),
        "settings/rig.json": json.dumps(_build_facts(rng, asset_id, "rig.json"), indent=2),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _NEVER), text)
    return out.getvalue()


def _build_units(rng: random.Random) -> bytes:
    numbers = range(rng.randrange(40, 400))
    return write_table(
        {
            "unit": list(numbers),
            "region": [rng.choice(REGIONS) for _ in numbers],
            "firing_rate": [round(rng.lognormvariate(1.5, 0.8), 3) for _ in numbers],
            "spikes": [rng.randrange(100, 90_000) for _ in numbers],
        }
    )


def _build_facts(rng: random.Random, asset_id: str, name: str) -> dict[str, object]:
    facts: dict[str, object] = {
        "describes": name.removesuffix(".json"),
        "asset": asset_id,
        "schema_version": f"1.{rng.randrange(9)}.{rng.randrange(9)}",
        "subject_id": str(rng.randrange(400_000, 800_000)),
        "rig": rng.choice(RIGS),
        "experimenter": rng.choice(EXPERIMENTERS),
        "targets": rng.sample(REGIONS, 3),
    }
    if name == "data_description.json":
        facts |= {
            "project_name": f"{rng.choice(REGIONS)} in learning",
            "modality": [{"name": "Extracellular electrophysiology", "abbreviation": "ecephys"}],
            "funding_source": [{"funder": "Institute", "grant_number": None}],
            "license": "CC-BY-4.0",
            "restrictions": None,
        }
    return facts


def _build_page(rng: random.Random, asset_id: str, title: str) -> str:
    rows = "".join(
        f"| {region} | {rng.randrange(20, 400)} |\n" for region in rng.sample(REGIONS, 3)
    )
    return (
        f"# {title}\n\nAsset `{asset_id}`.\n\n- rig: {rng.choice(RIGS)}\n"
        f"- experimenter: **{rng.choice(EXPERIMENTERS)}**\n\n## Units\n\n"
        f"| region | units |\n|---|---|\n{rows}\n"
        "```python\nimport h5py\n\nfile = h5py.File('session.nwb')\n```\n"
    )


def _build_table(rng: random.Random) -> str:
    rows = ["trial,region,start_time,rewarded"]
    at = 0.0
    for trial in range(rng.randrange(40, 400)):
        at += rng.uniform(4, 9)
        rows.append(f"{trial},{rng.choice(REGIONS)},{at:.3f},{rng.randrange(2)}")
    return "\n".join(rows) + "\n"


def _iter_log(rng: random.Random) -> Iterator[str]:
    for second in range(rng.randrange(20, 900)):
        what, draw = f"block {second} ok", rng.random()
        if draw < 0.02:
            what = f"WARNING: {rng.randrange(1, 40)} frames dropped"
        elif draw < 0.025:
            what = "\x1b[31mERROR\x1b[0m: the camera does not answer; trying again"
        yield f"[{second // 60:02}:{second % 60:02}] {what}\n"
