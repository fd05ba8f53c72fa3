"""Who reads gets one text, whole: whatever others save, rename or change meanwhile."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

LONG = "old " * 60_000
"""More than the kernel reads ahead: a part of it is asked for when it has changed already."""


def replace(_: Mounted, path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.tmp")
    scratch.write_text(text)
    scratch.replace(path)


def cut_and_write(_: Mounted, path: Path, text: str) -> None:
    path.write_text(text)


def write_in_place(_: Mounted, path: Path, text: str) -> None:
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def cut_by_name(_: Mounted, path: Path, text: str) -> None:
    os.truncate(path, 0)
    path.write_text(text)


def remove_and_create(_: Mounted, path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def move_away_and_create(_: Mounted, path: Path, text: str) -> None:
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def change_elsewhere(mounted: Mounted, path: Path, text: str) -> None:
    field = {"description.md": "description"}[path.name]
    mounted.server.store.update(_id_of(path.parent), **{field: text.rstrip("\n")})

    def has_come() -> bool:
        if mounted.status()["reading news"] == "no":
            (mounted.folder / ".coexplorer" / "refresh").touch()
        return path.read_text() == text

    wait_until(has_come, "what a colleague has written")


WAYS: dict[str, Callable[[Mounted, Path, str], None]] = {
    way.__name__: way
    for way in (
        replace,
        cut_and_write,
        write_in_place,
        cut_by_name,
        remove_and_create,
        move_away_and_create,
        change_elsewhere,
    )
}
NAMES = (*WAYS, "race_replace", "race_cut", "race_json", "renamed", "moved")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name, description=LONG) for number, name in enumerate(NAMES, 1)]
    with mounting(tmp_path_factory.mktemp("whole"), assets) as mounted:
        yield mounted


def _id_of(folder: Path) -> str:
    return make_id(NAMES.index(folder.name) + 1)


def read_in_pieces(descriptor: int) -> str:
    text = b""
    while piece := os.pread(descriptor, 7000, len(text)):
        text += piece
    return text.decode()


@pytest.mark.parametrize("length", [3, 300_000])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_open_is_read_to_its_end(mounted: Mounted, way: str, length: int) -> None:
    path = mounted.asset(way) / "description.md"
    before, after = path.read_text(), "new" * length + "\n"
    with path.open("rb") as file, path.open("rb") as other:
        descriptor = file.fileno()
        assert os.pread(descriptor, 3, 0).decode() == before[:3]

        WAYS[way](mounted, path, after)

        assert os.fstat(descriptor).st_size == len(before)
        assert read_in_pieces(descriptor) == before
        with mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ) as pages:
            assert pages[:].decode() == before
        again = Path(f"/proc/self/fd/{descriptor}")
        assert again.read_text() == before
        assert path.read_text() == after
        assert path.stat().st_size == len(after)
        copied = mounted.run('cat "$P"; tail -c 3 "$P"; dd bs=7 status=none if="$P"', P=str(path))
        assert copied.stdout == after + after[-3:] + after, copied.stderr
    assert path.read_text() == after


READER = r"""
import json, mmap, os, pathlib, sys
path, until = sys.argv[1], pathlib.Path(sys.argv[2])
def check(text):
    if path.endswith("json"):
        text = json.loads(text)["description"].encode() + b"\n"
    words = text.split()
    assert text[-1:] == b"\n" and len(words) == int(words[0]) and len(set(words)) == 1, (
        len(text), text[:40], text[-40:])
count = 0
while not until.exists():
    count += 1
    with open(path, "rb") as file:
        whole = file.read()
    if whole:
        check(whole)
    descriptor = os.open(path, os.O_RDONLY)
    pieces = b""
    while piece := os.read(descriptor, 900):
        pieces += piece
    os.close(descriptor)
    if pieces:
        check(pieces)
    if sys.argv[3] == "private":
        # Of a text that is just being cut: a process may die of that, as on any disk.
        child = os.fork()
        if not child:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)[:]
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    if sys.argv[3] == "mmap":
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
            check(pages[:])
            assert os.fstat(file.fileno()).st_size == len(pages)
assert count
"""
WRITER = r"""
import os, sys
path, way = sys.argv[1:3]
for number in (2900, 11, 700, 1, 1900, 37) * 4:
    words = [str(number)] * number
    text = " ".join(words) + "\n"
    if way == "cut":
        with open(path, "w") as file:
            file.write(text)
    else:
        with open(path + ".tmp", "w") as file:
            file.write(text)
        os.replace(path + ".tmp", path)
"""


@pytest.mark.parametrize(
    ("asset", "name", "way", "extra"),
    [
        ("race_replace", "description.md", "replace", "mmap"),
        ("race_cut", "description.md", "cut", "private"),
        ("race_json", "asset.json", "replace", "mmap"),
    ],
)
def test_nobody_reads_half_of_a_save(
    mounted: Mounted, asset: str, name: str, way: str, extra: str
) -> None:
    written = mounted.asset(asset) / "description.md"
    written.write_text("2 2\n")
    done = mounted.home / f"{asset} done"
    reader = [sys.executable, "-c", READER, str(mounted.asset(asset) / name), str(done), extra]
    with ThreadPoolExecutor(3) as pool:
        readers = [
            pool.submit(subprocess.run, reader, capture_output=True, text=True, check=False)
            for _ in range(3)
        ]
        try:
            subprocess.run([sys.executable, "-c", WRITER, str(written), way], check=True)
        finally:
            done.touch()
        for each in readers:
            assert each.result().returncode == 0, each.result().stderr


def test_a_file_is_there_while_a_rename_over_it_is_on_its_way(mounted: Mounted) -> None:
    by_id = mounted.folder / "by-id" / _id_of(mounted.asset("renamed"))
    for name, old, new in (
        ("description.md", f"{LONG}\n", "new text\n"),
        ("tags", "beta\nalpha\n", "gamma\n"),
        ("mount", "place\n", "elsewhere\n"),
        ("name", "renamed\n", "renamed anew\n"),
        ("description.md", "new text\n", "newer text\n"),
        ("description.md", "newer text\n", "newest text\n"),
    ):
        path = by_id.resolve() / name
        scratch = path.with_name(f"{name}.tmp")
        scratch.write_text(new)
        gate = mounted.server.hooks.before("PUT")
        with ThreadPoolExecutor(2) as pool:
            moving = pool.submit(mounted.run, 'mv "$S" "$P"', S=str(scratch), P=str(path))
            gate.wait()
            assert path.stat().st_size == len(old)
            assert mounted.run('cat "$P"', P=str(path)).stdout == old
            assert path.read_text() == old
            gate.release()
            assert moving.result().returncode == 0, moving.result().stderr
        path = by_id.resolve() / name
        assert path.read_text() == new
        assert path.stat().st_size == len(new)


def test_who_opens_it_to_write_waits_for_the_rename_over_it(mounted: Mounted) -> None:
    path = mounted.asset("moved") / "description.md"
    scratch = path.with_name("t")
    scratch.write_text("first\n")
    gate = mounted.server.hooks.before("PUT")
    with ThreadPoolExecutor(2) as pool:
        moving = pool.submit(mounted.run, 'mv "$S" "$P"', S=str(scratch), P=str(path))
        gate.wait()
        saving = pool.submit(mounted.run, 'echo second >> "$P"', P=str(path))
        gate.release()
        assert moving.result().returncode == 0, moving.result().stderr
        assert saving.result().returncode == 0, saving.result().stderr

    assert path.read_text() == "first\nsecond\n"
    assert mounted.server.store.get(_id_of(path.parent)).description == "first\nsecond"
