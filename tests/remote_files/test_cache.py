"""The cache on the disk: never a wrong byte, never more room than it may take."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coexplorer.remote_files import BLOCK_BYTES, BlockCache, CacheKey, Version
from coexplorer.remote_files.blocks import DATA_START, PAGE_BYTES, SEGMENT_BLOCKS
from tests.remote_files.conftest import KEY
from tests.support.generated import generate
from tests.support.pages import ROOT

SIZE = 40 * BLOCK_BYTES + 100
VERSION = Version(SIZE, '"1"')


def block(number: int, size: int = SIZE) -> bytes:
    start = number * BLOCK_BYTES
    return generate(1, start, min(BLOCK_BYTES, size - start))


def fill(cache: BlockCache, first: int, stop: int, key: CacheKey = KEY) -> bool:
    return cache.write(key, VERSION, first, [block(n) for n in range(first, stop)])


def read(cache: BlockCache, first: int = 0, stop: int = 41) -> dict[int, bytes]:
    return {n: bytes(b) for n, b in cache.read(KEY, VERSION, range(first, stop)).items()}


def find_file(cache: BlockCache) -> Path:
    (path,) = (each for each in cache.folder.rglob("*.0"))
    return path


def test_blocks_come_back_and_holes_stay_holes(cache: BlockCache) -> None:
    assert fill(cache, 3, 6)
    assert fill(cache, 39, 41)
    assert read(cache) == {n: block(n) for n in (3, 4, 5, 39, 40)}
    assert cache.find_missing(KEY, VERSION, range(41)) == [0, 1, 2, *range(6, 39)]
    assert cache.find_version(KEY, SIZE) == VERSION
    again = BlockCache(cache.folder, 10**9)
    assert read(again) == read(cache)
    assert again.measure().used_bytes < 6 * BLOCK_BYTES + 5 * PAGE_BYTES


def test_a_large_file_has_a_cache_file_for_each_segment(cache: BlockCache) -> None:
    size = 2 * SEGMENT_BLOCKS * BLOCK_BYTES
    version = Version(size, "")
    blocks = [block(n, size) for n in range(SEGMENT_BLOCKS - 2, SEGMENT_BLOCKS + 2)]
    assert cache.write(KEY, version, SEGMENT_BLOCKS - 2, blocks)
    wanted = range(SEGMENT_BLOCKS - 3, SEGMENT_BLOCKS + 3)
    found = cache.read(KEY, version, wanted)
    assert [bytes(found[n]) for n in wanted[1:-1]] == blocks
    assert set(found) == set(wanted[1:-1])
    assert cache.find_version(KEY, size) == version
    assert cache.find_version(KEY, 10**15) == version


def test_only_the_user_can_read_it_whatever_the_umask(cache: BlockCache) -> None:
    former = os.umask(0)
    try:
        fill(cache, 0, 3)
        cache.write_file(KEY, "folder", b"names")
    finally:
        os.umask(former)
    for path in cache.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert cache.folder.stat().st_mode & 0o077 == 0


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize(
    ("offset", "lost"),
    [
        (0, {0, 1, 2}),  # whose file it is
        (20, {0, 1, 2}),
        (PAGE_BYTES + 4, {1}),  # the mark of a block
        (DATA_START, {0}),
        (DATA_START + 2 * BLOCK_BYTES - 1, {1}),
        (DATA_START + 3 * BLOCK_BYTES - 7, {2}),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_flipped_bit_is_never_believed(
    cache: BlockCache, offset: int, lost: set[int], *, is_open: bool
) -> None:
    fill(cache, 0, 3)
    if not is_open:
        cache = BlockCache(cache.folder, 10**9)
    elif offset < PAGE_BYTES:
        lost = set()  # who has it open knows whose it is
    flip(find_file(cache), offset)
    left = {n: block(n) for n in {0, 1, 2} - lost}
    assert read(cache) == left
    assert fill(cache, 0, 3), "what is missing can be kept again"
    assert read(cache) == {n: block(n) for n in range(3)}
    assert read(BlockCache(cache.folder, 10**9)) or is_open


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"x" * 100_000),
    "torn": lambda path: os.truncate(path, DATA_START + BLOCK_BYTES + 5),
    "only a beginning": lambda path: os.truncate(path, PAGE_BYTES - 1),
    "gone": lambda path: path.unlink(),
    "zeros": lambda path: path.write_bytes(bytes(200_000)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_torn_or_foreign_file_is_thrown_away(
    cache: BlockCache, damage: Callable[[Path], object]
) -> None:
    fill(cache, 0, 3)
    damage(find_file(cache))
    for other in (cache, BlockCache(cache.folder, 10**9)):
        assert all(content == block(number) for number, content in read(other).items())
        assert 2 not in read(other)
    assert fill(BlockCache(cache.folder, 10**9), 0, 3)
    assert len(read(BlockCache(cache.folder, 10**9))) == 3


def test_another_file_of_the_same_name_is_not_taken_for_it(cache: BlockCache) -> None:
    fill(cache, 0, 3)
    for version in (Version(SIZE, '"2"'), Version(SIZE + 1, '"1"'), Version(SIZE, "")):
        assert not cache.read(KEY, version, range(3))
        assert cache.find_missing(KEY, version, range(3)) == [0, 1, 2]
    other = CacheKey(KEY.place, "another file")
    find_file(cache).rename(cache.folder / KEY.folder / f"{other.digest.hex()}.0")
    assert not BlockCache(cache.folder, 10**9).read(other, VERSION, range(3))
    newer = Version(SIZE, '"2"')
    assert cache.write(other, newer, 0, [b"n" * BLOCK_BYTES])
    assert bytes(cache.read(other, newer, range(3))[0]) == b"n" * BLOCK_BYTES
    assert cache.find_version(other, SIZE) == newer


def test_the_bound_holds_and_what_was_read_last_stays(tmp_path: Path) -> None:
    most = 20 * BLOCK_BYTES
    cache = BlockCache(tmp_path / "files", most)
    keys = [CacheKey(f"asset {n}", "file") for n in range(12)]
    for number, key in enumerate(keys):
        assert fill(cache, 0, 4, key)
        assert cache.measure().used_bytes <= most
        for path in cache.folder.rglob("*.0"):  # a moment passes between them
            stat = path.stat()
            os.utime(path, (stat.st_atime - 10, stat.st_mtime - 10))
        assert BlockCache(cache.folder, most).read(keys[0], VERSION, range(4)), number
    here = [n for n, key in enumerate(keys) if cache.read(key, VERSION, range(4))]
    assert here[0] == 0, "it was read all the time"
    assert here[1:] == list(range(12 - len(here) + 1, 12))
    assert len(here) >= 3


def test_a_file_larger_than_all_the_room_is_kept_in_part(tmp_path: Path) -> None:
    most = 10 * BLOCK_BYTES
    cache = BlockCache(tmp_path / "files", most)
    for first in range(0, 40, 2):
        fill(cache, first, first + 2)
        assert cache.measure().used_bytes <= most
    assert 38 in read(cache)
    assert not fill(cache, 0, 20), "that is more than there is room for"
    assert cache.measure().used_bytes <= most


def test_a_tenth_of_the_disk_stays_free(tmp_path: Path) -> None:
    free = 1000 * BLOCK_BYTES
    cache = BlockCache(tmp_path / "files", 10**9, find_disk=lambda _: (free, 1000 * BLOCK_BYTES))
    assert fill(cache, 0, 4)
    other = CacheKey("another", "file")
    free = 103 * BLOCK_BYTES
    assert fill(cache, 0, 4, other), "what was read longest ago makes room"
    assert not read(cache)
    free = 50 * BLOCK_BYTES
    assert not fill(cache, 0, 4)
    assert cache.measure().used_bytes == 0


def test_without_room_nothing_is_made(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path / "files", 0)
    assert not fill(cache, 0, 1)
    assert not cache.write_file(KEY, "folder", b"x")
    assert read(cache) == {}
    cache.forget(KEY)
    assert not cache.folder.exists()


def test_a_disk_that_refuses_is_left_alone_and_tried_again(
    cache: BlockCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.folder.parent.mkdir(exist_ok=True)
    cache.folder.write_text("a file is in the way")
    assert not fill(cache, 0, 1)
    assert read(cache) == {}
    cache.folder.unlink()
    assert not cache.keeps
    now = time.monotonic() + 31
    monkeypatch.setattr("coexplorer.remote_files.cache.time.monotonic", lambda: now)
    assert fill(cache, 0, 1)


def test_what_is_forgotten_is_gone_for_who_has_it_open_too(cache: BlockCache) -> None:
    other, beside = BlockCache(cache.folder, 10**9), CacheKey(KEY.place, "beside")
    fill(cache, 0, 3)
    fill(cache, 0, 3, beside)
    assert len(read(other)) == 3
    cache.forget(KEY)
    assert read(other) == read(cache) == {}
    assert cache.read(beside, VERSION, range(3))
    assert fill(other, 1, 2)
    assert set(read(cache)) == {1}
    cache.forget_places([KEY.place])
    assert not cache.read(beside, VERSION, range(3))
    assert cache.measure().files == 0
    assert cache.clear() == 0


def test_a_platform_is_forgotten_with_all_its_assets(cache: BlockCache) -> None:
    keys = [CacheKey(place, "file") for place in ("one\0a", "one\0b", "two\0a", "on\0a", "one")]
    for key in keys:
        assert fill(cache, 0, 3, key)
        assert cache.write_file(key, "folder", b"names")
    places = [key.place for key in keys]
    sizes = cache.measure_places(places)
    assert list(sizes) == places
    before = cache.measure().used_bytes
    freed = cache.clear("one")
    assert [bool(cache.read(key, VERSION, range(3))) for key in keys] == [0, 0, 1, 1, 0]
    assert list(cache.measure_places(places)) == ["two\0a", "on\0a"]
    assert before - freed == cache.measure().used_bytes
    assert len([path for path in cache.folder.rglob("*") if path.is_dir()]) == 4
    assert cache.clear("one") == cache.clear("three") == 0


def test_files_that_another_version_left_are_counted_and_go(tmp_path: Path) -> None:
    most = 10 * BLOCK_BYTES
    cache = BlockCache(tmp_path / "files", most)
    for name in ("0123", "0123/4567", "0123/4567/89"):
        (cache.folder / name).mkdir(parents=True)
        (cache.folder / name / "old.0").write_bytes(b"x" * BLOCK_BYTES)
        os.utime(cache.folder / name / "old.0", (1, 1))
    assert cache.measure().used_bytes >= 3 * BLOCK_BYTES
    assert fill(cache, 0, 8)
    assert len(read(cache)) == 8
    assert cache.measure().used_bytes <= most
    assert not list(cache.folder.rglob("89"))
    assert cache.clear() >= 8 * BLOCK_BYTES
    assert [path.name for path in cache.folder.iterdir()] == ["lock"]


def test_what_can_not_be_removed_is_told(
    cache: BlockCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, 0, 1)
    monkeypatch.setattr("coexplorer.remote_files.cache._LOCK_S", 0.05)
    with cache._locked() as lock:
        assert lock is not None
        with pytest.raises(OSError, match="another program"):
            BlockCache(cache.folder, 10**9).clear()
    with monkeypatch.context() as patch:
        patch.setattr("coexplorer.remote_files.cache.Path.unlink", _refuse)
        with pytest.raises(PermissionError):
            cache.clear(KEY.place)
    cache.clear()
    assert cache.measure().files == 0


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError


def test_the_folder_may_vanish_at_any_time(cache: BlockCache) -> None:
    import shutil  # noqa: PLC0415

    fill(cache, 0, 3)
    shutil.rmtree(cache.folder)
    assert read(cache) == {}
    assert fill(cache, 0, 2)
    assert set(read(BlockCache(cache.folder, 10**9))) == {0, 1}


def test_one_lock_keeps_writers_apart_but_not_forever(
    cache: BlockCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, 0, 1)
    monkeypatch.setattr("coexplorer.remote_files.cache._LOCK_S", 0.05)
    other = BlockCache(cache.folder, 10**9)
    with cache._locked() as lock:
        assert lock is not None
        assert not fill(other, 1, 2)
        assert set(read(other)) == {0}, "who reads takes no lock"
        done: list[bool] = []
        thread = threading.Thread(target=lambda: done.append(fill(cache, 1, 2)))
        thread.start()
        thread.join()
        assert done == [False]
    assert fill(other, 1, 2)


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from coexplorer.remote_files import BlockCache
from tests.remote_files.test_cache import KEY, VERSION, block
cache = BlockCache(Path(sys.argv[1]), int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[2])):
    for first in range(0, 40, 4):
        cache.write(KEY, VERSION, first, [block(n) for n in range(first, first + 4)])
        found = cache.read(KEY, VERSION, range(41))
        assert all(bytes(found[n]) == block(n) for n in found)
        if turn % 3 == 2:
            cache.forget(KEY)
print("done", flush=True)
"""


def start_writer(folder: Path, turns: int, most: int) -> subprocess.Popen[str]:
    script = WRITER.format(root=str(ROOT))
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(turns), str(most)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def go(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin is not None
    writer.stdin.write("\n")
    writer.stdin.flush()


def test_two_processes_fill_the_same_file(tmp_path: Path) -> None:
    most = 25 * BLOCK_BYTES
    writers = [start_writer(tmp_path / "files", 12, most) for _ in range(2)]
    for writer in writers:
        go(writer)
    cache = BlockCache(tmp_path / "files", most)
    while any(writer.poll() is None for writer in writers):
        assert all(content == block(number) for number, content in read(cache).items())
    for writer in writers:
        with writer:
            assert writer.communicate()[0] == "done\n"
        assert writer.returncode == 0
    assert cache.measure().used_bytes <= most
    assert fill(cache, 0, 4)


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_wrong(tmp_path: Path) -> None:
    most = 25 * BLOCK_BYTES
    folder = tmp_path / "files"
    for round_ in range(4):
        with start_writer(folder, 10_000, most) as writer:
            cache = BlockCache(folder, most)
            before = cache.measure().used_bytes
            go(writer)
            deadline = time.monotonic() + 30
            while cache.measure().used_bytes == before and time.monotonic() < deadline:
                pass
            for _ in range(round_ * 50):
                cache.measure()
            writer.kill()
        found = read(cache)
        assert all(content == block(number) for number, content in found.items())
        assert cache.measure().used_bytes <= most
        assert fill(cache, 0, 4), "the lock ended with the process"
        assert set(read(cache)) >= {0, 1, 2, 3}
