"""Sample files are what their names say, as programs that others wrote read them."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet
import pytest

from coexplorer.demo.files import Tree, find_content, list_folder
from coexplorer.demo.samples import file_bytes, file_tree, find_size, list_level
from coexplorer.demo.samples.contents import PICTURE_HEIGHT, PICTURE_WIDTH
from coexplorer.demo.samples.files import TREE_NAMES, VAST, find_tree_name, measure_files
from coexplorer.demo.samples.hdf5 import Array, Group, write_head
from coexplorer.demo.samples.parquet import Values, write_table
from coexplorer.demo.samples.vocabulary import REGIONS

VAST_ID = "00000000-0000-4000-8000-0000000000fc"


def make_id(tree: str) -> str:
    return f"00000000-0000-4000-8000-0000000000{TREE_NAMES.index(tree):02x}"


class Reader(io.RawIOBase):
    """A sample file as Python's files are; it counts the bytes that are read."""

    def __init__(self, asset_id: str, path: str) -> None:
        self._asset_id, self._path = asset_id, path
        self._size = find_size(asset_id, path) or 0
        self._at = 0
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._size)[whence] + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = file_bytes(self._asset_id, self._path, self._at, self._at + len(buffer))
        buffer[: len(content)] = content
        self._at += len(content)
        self.read_bytes += len(content)
        return len(content)


@pytest.mark.parametrize("tree", TREE_NAMES)
def test_files_are_what_their_names_say(tree: str) -> None:
    asset_id = make_id(tree)
    for path, size in file_tree(asset_id):
        content = file_bytes(asset_id, path)
        assert len(content) == size
        match path.rpartition(".")[2]:
            case "json":
                assert json.loads(content)["asset"] == asset_id
            case "csv" | "tsv" as kind:
                dialect = "excel" if kind == "csv" else "excel-tab"
                rows = list(csv.reader(content.decode().splitlines(), dialect))
                assert {len(row) for row in rows} == {4}
            case "md":
                assert content.startswith(b"# ")
            case "png":
                check_picture(content)
            case "npy":
                times = np.load(io.BytesIO(content))
                assert np.allclose(times[:3] * 30_000, [0, 1, 2])
            case "zip":
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    assert archive.testzip() is None
                    assert "README.md" in archive.namelist()
            case "parquet":
                table = pyarrow.parquet.read_table(io.BytesIO(content))
                assert table.column_names == ["unit", "region", "firing_rate", "spikes"]
                assert table["unit"].to_pylist() == list(range(table.num_rows))
                assert set(table["region"].to_pylist()) <= set(REGIONS)
            case "h5" | "nwb":
                with h5py.File(io.BytesIO(content)) as file:
                    check_recording(file, size)


def check_picture(content: bytes) -> None:
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = dict[bytes, bytes](), 8
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        chunks[name] = content[at + 8 : at + 8 + length]
        [crc] = struct.unpack_from(">I", content, at + 8 + length)
        assert crc == zlib.crc32(name + chunks[name])
        at += 12 + length
    assert struct.unpack_from(">II", chunks[b"IHDR"]) == (PICTURE_WIDTH, PICTURE_HEIGHT)
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == (PICTURE_WIDTH + 1) * PICTURE_HEIGHT
    assert len(set(pixels)) > 50


def check_recording(file: h5py.File, size: int) -> None:
    assert file.attrs["neurodata_type"] == "NWBFile"
    assert file["units/spike_times"][2] == pytest.approx(0.025)
    assert file["processing/behavior/m003"].attrs["description"] == "Lick 3"
    names = list[str]()
    file.visit(names.append)
    assert len(names) > 70
    assert size - file["acquisition/ap/data"].nbytes < 60_000


def test_hdf5_of_every_kind_of_array_and_text(tmp_path: Path) -> None:
    text = {"plain": "x", "empty": "", "umlaut": "µm « »" * 50}
    root = Group(
        {
            "i2": Array("i2", (2, 3), (-1, 2, 3, 4, 5, -32768)),
            "i8": Array("i8", (1,), (-(2**62),)),
            "f8": Array("f8", (2,), (0.1, -1e300), text),
            "none": Array("f8", (0,), ()),
            "many": Group({f"group {n} é": Group({}, {"n": str(n)}) for n in range(300)}),
            "rest": Array("i8", (2, 2), None),
        },
        text,
    )
    path = tmp_path / "x.h5"
    path.write_bytes(write_head(root) + struct.pack("<4q", 1, 2, 3, 4))
    with h5py.File(path) as file:
        assert dict(file.attrs) == dict(file["f8"].attrs) == text
        assert file["i2"][:].tolist() == [[-1, 2, 3], [4, 5, -32768]]
        assert file["i8"][0] == -(2**62)
        assert file["f8"][:].tolist() == [0.1, -1e300]
        assert file["none"].shape == (0,)
        assert file["rest"][:].tolist() == [[1, 2], [3, 4]]
        assert [file["many"][f"group {n} é"].attrs["n"] for n in (0, 299)] == ["0", "299"]


@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_parquet_of_every_kind_of_column(count: int) -> None:
    columns: dict[str, Values] = {
        "whole": [number - 5 for number in range(count)],
        "other": [number / 3 for number in range(count)],
        "text": [f"µ{number}" * (number % 40) for number in range(count)],
        **{f"column {number}": list(range(count)) for number in range(20)},
    }
    table = pyarrow.parquet.read_table(io.BytesIO(write_table(columns)))
    assert table.num_rows == count
    assert {name: table[name].to_pylist() for name in table.column_names} == columns


def test_any_part_of_a_huge_file_is_there_at_once() -> None:
    assert find_tree_name(VAST_ID) == VAST
    reader = Reader(VAST_ID, "recording.nwb")
    with h5py.File(reader) as file:
        data = file["acquisition/ap/data"]
        assert data.nbytes > 63 * 10**9
        assert len(data[-1]) == 128
    assert reader.read_bytes < 1_000_000
    lines = file_bytes(VAST_ID, "acquisition.log", 2_000_000_000 - 200).splitlines()
    assert lines[-1].rstrip() == lines[-2].rstrip().replace(b"24999998", b"24999999")
    for path in ("recording.bin", "events.csv", "acquisition.log", "recording.nwb"):
        start = 999_000_123
        part = file_bytes(VAST_ID, path, start, start + 200_000)
        pieces = [
            file_bytes(VAST_ID, path, at, at + 1234) for at in range(start, start + 9872, 1234)
        ]
        assert part.startswith(b"".join(pieces))


def test_no_block_of_a_huge_file_is_like_another() -> None:
    step = 65_536
    places = [*range(0, 40 * step, step), *range(63 * 10**9 // step * step, 64 * 10**9, 97 * step)]
    blocks = {file_bytes(VAST_ID, "recording.bin", at + 8, at + 4096) for at in places}
    assert len(blocks) == len(places)


@pytest.mark.parametrize("asset_id", [VAST_ID, make_id("nasty"), make_id("ecephys")])
def test_number_and_size_of_all_files(asset_id: str) -> None:
    files = file_tree(asset_id)
    assert measure_files(asset_id) == (len(files), sum(size for _, size in files))


def test_folder_of_very_many_files_and_one_that_is_very_deep(tmp_path: Path) -> None:
    tree = Tree(VAST_ID)
    crowd = list_folder(tree, tmp_path, "many") or []
    assert len(crowd) == 100_000
    assert crowd[99_999].size == find_size(VAST_ID, "many/part_099999.bin") == 100 + 99_999 % 4096
    for name in ("part_100000.bin", "part_1.bin", "part_0000001.bin", "part_00000²", "x"):
        assert find_size(VAST_ID, f"many/{name}") is None
    content = find_content(tree, tmp_path, "many/part_000007.bin")
    assert content is not None
    assert len(b"".join(content.read(0, content.size))) == 107
    folder, levels = "deep", 1
    while (found := list_level(VAST_ID, folder) or []) and found[0][1] is None:
        folder, levels = f"{folder}/{found[0][0]}", levels + 1
    assert levels == 200
    assert [name for name, _ in found] == ["leaf.json"]


def test_name_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    tree = Tree(make_id("nasty"))
    both = [entry for entry in list_folder(tree, tmp_path, "") or [] if entry.name == "a"]
    assert [entry.type for entry in both] == ["folder", "file"]
    assert [entry.path for entry in list_folder(tree, tmp_path, "a") or []] == ["a/inside.txt"]
    for path in ("a", "a/inside.txt"):
        assert find_content(tree, tmp_path, path) is not None
