"""What is seen of files: good ones, damaged ones, hostile ones, and how much of them is read."""

from __future__ import annotations

import gzip
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Awaitable, Callable

import anyio
import pytest

from coexplorer.demo.samples.contents import build_text, make_content
from coexplorer.errors import Unreachable
from coexplorer.previews import (
    HexPreview,
    MarkdownPreview,
    PicturePreview,
    Preview,
    TablePreview,
    TextPreview,
    TreePreview,
    helper,
    join_parts,
    make_preview,
    read_part_after,
    read_part_before,
    read_start,
    read_tail,
)

PART = 65_536
Look = Callable[..., Awaitable[Preview]]


class File:
    """Bytes, and what was read of them."""

    def __init__(self, data: bytes, *, size: int | None = None) -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.reads: list[tuple[int, int]] = []

    async def read(self, offset: int, size: int) -> bytes:
        await anyio.lowlevel.checkpoint()
        self.reads.append((offset, size))
        wanted = min(size, self.size - offset)
        return self.data[offset : offset + wanted].ljust(wanted, b"1")

    @property
    def total(self) -> int:
        return sum(size for _, size in self.reads)


async def look(name: str, data: bytes, *, size: int | None = None) -> tuple[Preview, File]:
    file = File(data, size=size)
    return await make_preview(name, file.size, file.read), file


def sample(name: str, size: int = 0) -> bytes:
    text = build_text("an-id", name, "raw")
    if text is not None:
        return text
    content = make_content("an-id", name, size)
    return content.read(0, content.size)


async def test_json_is_a_tree_also_lines_of_it_and_what_breaks_off() -> None:
    shown, _ = await look("a.json", b'{"b": [1, {"c": "x\\n"}], "d": null}')
    assert isinstance(shown, TreePreview)
    assert [(n.depth, n.label, n.value, n.stop) for n in shown.nodes] == [
        (0, "", "{2}", 6),
        (1, "b", "[2]", 5),
        (2, "0", "1", 3),
        (2, "1", "{1}", 5),
        (3, "c", '"x\\n"', 5),
        (1, "d", "null", 6),
    ]
    assert not shown.note
    lines, _ = await look("a.jsonl", b'{"a": 1}\n{"a": 2}\n')
    assert isinstance(lines, TreePreview)
    assert [n.value for n in lines.nodes] == ["{1}", "1", "{1}", "2"]
    broken, _ = await look("a.json", b'{"a": 1,\n "b": oh no}')
    assert isinstance(broken, TreePreview)
    assert "line 2 is not JSON" in broken.note
    assert len(broken.nodes) == 2


@pytest.mark.parametrize("start", [b'{"a": [', b"[" * PART, b'{"a":' * PART, b'["' + b"x" * PART])
async def test_of_ten_gigabytes_on_one_line_only_the_beginning_is_read(start: bytes) -> None:
    shown, file = await look("a.json", start, size=10**10)
    assert isinstance(shown, TreePreview)
    assert "the first" in shown.note
    assert file.total <= PART


async def test_tables_markdown_text_and_bytes_are_known_by_name_and_content() -> None:
    table, _ = await look("t.csv", b'a;b\n"x;1";2\n3;4;5\n')
    assert isinstance(table, TablePreview)
    assert (table.head, table.rows) == (["a", "b"], [["x;1", "2"], ["3", "4", "5"]])
    cut, file = await look("t.tsv", b"a\tb\n" + b"1\t2\n" * 100_000)
    assert isinstance(cut, TablePreview)
    assert set(map(tuple, cut.rows)) == {("1", "2")}
    assert file.total == PART
    assert isinstance((await look("README.md", b"# t\n"))[0], MarkdownPreview)
    assert isinstance((await look("output", b"a\x1b[31mred\n"))[0], TextPreview)
    latin, _ = await look("x.txt", "größer\n".encode("latin-1"))
    assert isinstance(latin, TextPreview)
    wide, _ = await look("x.txt", "größer\n".encode("utf-16"))
    assert isinstance(wide, TextPreview)
    assert wide.part.lines[0][0] == "größer"
    raw, _ = await look("x.csv", bytes(range(256)))
    assert isinstance(raw, HexPreview)
    array, _ = await look("x.npy", sample("x.npy", 10_000))
    assert "<f8" in array.title
    empty, file = await look("x.json", b"")
    assert empty.note == "this file has no bytes"
    assert not file.reads


async def test_a_text_is_read_from_both_ends_and_its_parts_fit_together() -> None:
    lines = [f"{n:05} {'ä' * (n % 90)}".encode() for n in range(6_000)]
    lines[50] = b"x" * 20_000  # longer than any reader wants
    file = File(b"\n".join(lines))
    part = await read_start(file.read, file.size)
    while part.stop < file.size:
        part = join_parts(part, await read_part_after(file.read, part), keep_first=False)
    whole = "\n".join(text for text, _ in part.lines)
    assert whole.replace("\n", "") == b"".join(lines).decode()
    file.reads.clear()
    end = await read_tail(file.read, file.size)
    assert file.reads == [(file.size - PART, PART)]
    while end.start:
        end = join_parts(await read_part_before(file.read, end), end, keep_first=True)
    assert end.lines[-1] == part.lines[-1]
    assert "".join(text for text, _ in end.lines) == "".join(text for text, _ in part.lines)


async def test_the_end_of_a_line_without_an_end_is_read_too() -> None:
    file = File(b"x", size=10**10)
    end = await read_tail(file.read, file.size)
    assert end.stop == file.size
    assert file.total == PART
    before = await read_part_before(file.read, end)
    assert (before.stop, file.total) == (end.start, 2 * PART)


async def test_what_is_in_an_archive_is_told_and_nothing_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
        for number in range(3_000):
            archive.writestr(f"data/{number}", b"x")
    shown, file = await look("a.zip", bomb.getvalue())
    assert isinstance(shown, TablePreview)
    assert shown.rows[0] == ["50 MB", "49 kB", "zeros"]
    assert len(shown.rows) == 3_001
    assert file.total < 500_000
    for damaged in (bomb.getvalue()[:-30], b"PK\3\4" + bytes(1_000)):
        found, _ = await look("a.zip", damaged)
        assert "damaged zip" in found.note
    small, _ = await look("a.json.gz", gzip.compress(b"[" + b"1," * 30_000_000))
    assert isinstance(small, TreePreview)
    assert "20,000 values" in small.note
    assert "damaged gzip" in (await look("a.gz", b"\x1f\x8b\x08\xff"))[0].note


def grow_picture(data: bytes) -> bytes:
    """Let a PNG say that it is 100,000 pixels wide and high."""
    grown = bytearray(data)
    grown[16:24] = struct.pack(">II", 100_000, 100_000)
    grown[29:33] = struct.pack(">I", zlib.crc32(grown[12:29]))
    return bytes(grown)


async def test_structures_and_pictures_are_read_in_a_process_of_their_own() -> None:
    shown, file = await look("a.nwb", sample("a.nwb", 30_000_000))
    assert isinstance(shown, TreePreview)
    assert {"acquisition/", "@neurodata_type"} <= {n.label for n in shown.nodes}
    (raw,) = [n for n in shown.nodes if "128, 29 MB" in n.value or "128, 30 MB" in n.value]
    assert raw.value.startswith("int16 ")
    assert shown.nodes[0].stop == 1
    assert file.total < 1_000_000
    table, _ = await look("a.parquet", sample("a.parquet"))
    assert isinstance(table, TreePreview)
    assert table.nodes[0].label == "unit"
    picture, _ = await look("a.png", sample("a.png"))
    assert isinstance(picture, PicturePreview)
    assert len(picture.pixels) == picture.width * picture.height * 3


HDF5 = sample("a.nwb", 300_000)
DAMAGED = {
    "cut.h5": HDF5[:20_000],
    "bent.h5": bytes(
        random.Random(at).randrange(256) if 100 < at < 90_000 and at % 97 == 0 else each
        for at, each in enumerate(HDF5)
    ),
    "huge.png": grow_picture(sample("a.png")),
    "cut.png": sample("a.png")[:3_000],
    "junk.parquet": b"PAR1" + bytes(100) + struct.pack("<I", 2**31 - 1) + b"PAR1",
}


@pytest.mark.parametrize("name", DAMAGED)
async def test_a_damaged_file_is_one_sentence(name: str) -> None:
    shown, file = await look(name, DAMAGED[name])
    assert isinstance(shown, HexPreview | TreePreview)
    told = shown.note if isinstance(shown, HexPreview) else str(shown.nodes)
    assert "damaged" in told or "too large" in told
    assert "\n" not in shown.note
    assert file.total <= 3 * len(DAMAGED[name]) + PART


async def test_no_more_is_read_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "MOST_BYTES", 10_000)
    shown, file = await look("a.nwb", HDF5)
    assert "too much would have to be read" in shown.note
    assert file.total <= PART + 10_000


async def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "find_spec", lambda _: None)
    shown, _ = await look("a.png", sample("a.png"))
    assert isinstance(shown, HexPreview)
    assert re.search(
        r"to look into pictures, install pillow: .+ (install|inject .+) pillow", shown.note
    )


async def test_an_error_of_the_reader_comes_through_and_the_process_ends() -> None:
    file = File(HDF5)

    async def read(offset: int, size: int) -> bytes:
        if file.reads:
            raise Unreachable("the storage does not answer")
        return await file.read(offset, size)

    with pytest.raises(Unreachable):
        await make_preview("a.nwb", file.size, read)


async def test_the_process_gets_no_secrets() -> None:
    env = helper._build_environment({"PATH": "p", "COEXPLORER_TOKEN": "t", "AWS_PROFILE": "x"})
    assert env["PATH"] == "p"
    assert not {"COEXPLORER_TOKEN", "AWS_PROFILE"} & set(env)
