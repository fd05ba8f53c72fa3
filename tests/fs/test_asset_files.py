"""The data of assets in a real mount: any program reads any part, and nobody asks who walks by."""

from __future__ import annotations

import errno
import mmap
import os
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import pytest

from coexplorer.demo.asset import Bucket, Provenance
from tests.support.mounted import IMPATIENT, Mounted, make_asset, mounting, wait_until
from tests.support.patience import stretched
from tests.support.server import make_id

PART = ("GET", "/storage/**")
BIG = random.Random(8).randbytes(5_000_000)
HOSTILE = ["new\nline", "tab\t", "%41", "-rf", "ü", " ", "*", "$(x)", "~", ".hidden", "\x1b[31m"]
DEPTH = 200


def fill(folder: Path) -> None:
    """Write an asset's data."""
    folder.mkdir(parents=True)
    (folder / "big.bin").write_bytes(BIG)
    (folder / "empty").write_bytes(b"")
    (folder / "log.txt").write_text("".join(f"line {n}\n" for n in range(20_000)))
    with zipfile.ZipFile(folder / "tables.zip", "w") as archive:
        archive.writestr("a.csv", "1,2\n")
        archive.writestr("b.bin", BIG)
    with h5py.File(folder / "recording.nwb", "w") as file:
        for number in range(20):
            file[f"group_{number}/small"] = [number] * 10
        file["large"] = list(range(300_000))
    (folder / "sub").mkdir()
    for name in HOSTILE:
        (folder / "sub" / name).write_text(f"content of {name}")
    at = folder / "deep"
    for _ in range(DEPTH):
        at = at / "d"
    at.mkdir(parents=True)
    (at / "bottom").write_text("found\n")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    base = tmp_path_factory.mktemp("data")
    assets = [
        make_asset(n, f"a{n}", folder="real", files=20) for n in (*range(1, 12), *range(20, 25))
    ]
    assets += [
        make_asset(12, "made", provenance=Provenance(data_assets=(make_id(1), make_id(2)))),
    ]
    with mounting(base, assets, first=IMPATIENT) as mounted:
        fill(mounted.server.data / "real")
        yield mounted


def data(mounted: Mounted, number: int) -> Path:
    return mounted.folder / "all" / f"a{number}" / "files"


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def count(mounted: Mounted) -> tuple[int, int]:
    asked = mounted.server.requests
    return len(asked("POST", "*/files")), len(asked(*PART))


@pytest.mark.parametrize(
    "walk",
    [
        "find .",
        "grep -r zebra all/",
        "grep -rl zebra . --exclude-dir=.coexplorer",
        "du -s .",
        "ls -lR all mine tags",
        "tar cf - all | wc -c",
        "rsync -an ./all/ $HOME/copy/",
        "rsync -an ./ $HOME/copy/",
        "cp -r all/a1 $HOME/copied",
        "stat all/a1/files && test -d all/a1/files",
        "python3 -c \"import os; print(sum(1 for _ in os.walk('.')))\"",
    ],
)
def test_what_walks_the_mount_asks_for_no_data(mounted: Mounted, walk: str) -> None:
    before = count(mounted)
    ended = mounted.run(f"cd '{mounted.folder}' && {walk}")
    assert ended.returncode in (0, 1), ended.stderr
    assert count(mounted) == before


def test_it_is_read_only_and_says_what_the_listing_says(mounted: Mounted) -> None:
    folder = data(mounted, 1)
    assert folder.readlink() == Path("../../files", make_id(1))
    assert names(mounted.folder / "files") == []
    assert "files" not in names(mounted.folder)
    assert names(folder) == [
        "big.bin",
        "deep",
        "empty",
        "log.txt",
        "recording.nwb",
        "sub",
        "tables.zip",
    ]
    known = (folder / "big.bin").stat()
    assert known.st_mode == 0o100444
    assert known.st_size == len(BIG)
    assert int(known.st_mtime) == 1_690_000_001
    assert (folder / "sub").stat().st_mode == 0o40555
    for act in (
        lambda: (folder / "big.bin").write_text("x"),
        lambda: (folder / "new").write_text("x"),
        (folder / "big.bin").unlink,
        (folder / "d").mkdir,
        (folder / "sub").rmdir,
        folder.unlink,
        lambda: os.truncate(folder / "big.bin", 3),
        lambda: (folder / "big.bin").rename(folder / "other"),
        lambda: (folder / "big.bin").rename(mounted.asset("a1") / "other"),
        lambda: (mounted.asset("a1") / "name").rename(folder / "name"),
        lambda: (folder / "link").symlink_to("x"),
        lambda: os.link(folder / "big.bin", folder / "link"),
    ):
        with pytest.raises(OSError, match=r"."):
            act()
    assert mounted.writes() == []


def test_programs_read_what_they_need(mounted: Mounted, tmp_path: Path) -> None:
    folder, original = data(mounted, 2), mounted.server.data / "real"
    assert mounted.run(f"tail -n 1 '{folder}/log.txt'").stdout == "line 19999\n"
    assert mounted.run(f"less '{folder}/log.txt' | head -n 1").stdout == "line 0\n"
    assert "b.bin" in mounted.run(f"unzip -l '{folder}/tables.zip'").stdout
    # In a process of its own: h5py holds Python's lock while it reads, and the server is here.
    look = "import h5py, sys; f = h5py.File(sys.argv[1]); print(f['large'][200_000], len(f))"
    command = [sys.executable, "-c", look, str(folder / "recording.nwb")]
    assert subprocess.check_output(command, text=True) == "200000 21\n"
    with (folder / "big.bin").open("rb") as file:
        file.seek(-3, os.SEEK_END)
        assert file.read() == BIG[-3:]
    asked = mounted.server.requests("GET", f"/storage/{make_id(2)}/*")
    assert sum(_count_bytes(each.headers["range"]) for each in asked) < 2_000_000  # of 10 MB
    assert mounted.run(f"cp -r '{folder}/' '{tmp_path}/copy'").returncode == 0
    assert (tmp_path / "copy" / "big.bin").read_bytes() == BIG
    assert mounted.run(f"cmp '{tmp_path}/copy/tables.zip' '{original}/tables.zip'").returncode == 0
    assert (tmp_path / "copy" / "empty").read_bytes() == b""
    before = count(mounted)
    for program in ("cat ", "dd iflag=direct bs=1M status=none if="):
        shown = mounted.run(f"{program}'{folder}/big.bin' | cmp - '{original}/big.bin'")
        assert shown.returncode == 0, shown.stderr
    with (
        (folder / "big.bin").open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
    ):
        assert mapped[1_000_000:1_000_100] == BIG[1_000_000:1_000_100]
    assert count(mounted) == before  # once read, it is here


def _count_bytes(asked: str) -> int:
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return int(last) - int(first) + 1


def test_any_name_can_be_read_and_any_depth(mounted: Mounted) -> None:
    folder = data(mounted, 3)
    texts = {each.name: each.read_text() for each in (folder / "sub").iterdir()}
    assert sorted(texts.values()) == sorted(f"content of {name}" for name in HOSTILE)
    assert {"new%0Aline", "%2541", ".hidden", "ü", "-rf", "%1B[31m"} < set(texts)
    assert folder.joinpath("deep", *["d"] * DEPTH, "bottom").read_text() == "found\n"
    assert not (folder / "sub" / "nothing").exists()


def test_many_read_at_once(mounted: Mounted) -> None:
    path = data(mounted, 4) / "big.bin"
    parts = [(n * 97_651) % (len(BIG) - 70_000) for n in range(60)]

    def read(offset: int) -> bool:
        with path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), 70_000, offset) == BIG[offset : offset + 70_000]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, parts))
    wait_until(lambda: mounted.status()["open files"] == "0", "all closed")
    told = mounted.status()
    assert told["files"] == "yes"
    assert told["file cache"].endswith(" of 10 GB")
    wait_until(lambda: not mounted.status()["file cache"].startswith("0"), "what is kept")
    assert told["reads that wait"] == "0"


def test_a_storage_that_stalls_holds_up_its_readers_alone_and_not_for_ever(
    mounted: Mounted,
) -> None:
    read, read_too = data(mounted, 4) / "big.bin", data(mounted, 4) / "log.txt"
    assert read.read_bytes() == BIG
    assert read_too.read_text()
    stalled = mounted.server.faults.add("silence", *PART)
    readers = [
        subprocess.Popen(
            ["cat", data(mounted, 5) / name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for name in ("big.bin", "log.txt", "tables.zip")
    ]
    wait_until(lambda: int(mounted.status()["reads that wait"]) >= len(readers), "readers")
    for number in range(1, 12):  # anything else is answered meanwhile
        assert (mounted.asset(f"a{number}") / "name").read_text() == f"a{number}\n"
    assert mounted.run(f"dd iflag=direct bs=1M if='{read}' | cmp - '{read}'").returncode == 0
    waits = int(mounted.status()["reads that wait"])
    killed = readers.pop()
    killed.kill()
    killed.communicate(timeout=stretched(5))
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: int(mounted.status()["reads that wait"]) < waits, "one reader less")
    assert [each.poll() for each in readers] == [None, None]
    for reader in readers:
        _, said = reader.communicate(timeout=stretched(60))
        assert b"Connection timed out" in said
    wait_until(lambda: mounted.status()["reads that wait"] == "0", "no reader")
    assert "a5/files/big.bin: " in (mounted.folder / ".coexplorer" / "log").read_text()
    mounted.server.faults.remove(stalled)
    assert (data(mounted, 5) / "log.txt").read_text().endswith("line 19999\n")


def test_a_slow_listing_goes_on_and_the_next_look_finds_it(mounted: Mounted) -> None:
    gate = mounted.server.hooks.before("POST", "*/files")
    with pytest.raises(TimeoutError):
        names(data(mounted, 6))
    assert (mounted.asset("a6") / "name").read_text() == "a6\n"
    seen = count(mounted)
    gate.release()
    wait_until(lambda: mounted.status()["listings on their way"] == "0", "the listing")
    assert "big.bin" in names(data(mounted, 6))
    assert count(mounted) == seen


@pytest.mark.parametrize(
    ("asset", "fault", "number"),
    [
        (20, 404, errno.EOPNOTSUPP),
        (21, 403, errno.EACCES),
        (22, 401, errno.EACCES),
        (23, 400, errno.EOPNOTSUPP),
        (24, 501, errno.EIO),
    ],
)
def test_a_listing_that_is_refused_is_no_empty_folder(
    mounted: Mounted, asset: int, fault: int, number: int
) -> None:
    refused = mounted.server.faults.add(fault, "POST", f"data_assets/{make_id(asset)}/files")
    with pytest.raises(OSError, match=r".") as told:
        names(data(mounted, asset))
    mounted.server.faults.remove(refused)
    assert told.value.errno == number
    log = (mounted.folder / ".coexplorer" / "log").read_text()
    assert f"a{asset}/files: " in log
    assert fault != 404 or "version 3.1" in log
    wait_until(lambda: _can_list(data(mounted, asset)), "the next look")


def _can_list(folder: Path) -> bool:
    try:
        return "big.bin" in names(folder)
    except OSError:
        return False


def test_relatives_are_links(mounted: Mounted) -> None:
    about = mounted.asset("made") / "about"
    assert names(about / "sources") == ["a1", "a2"]
    assert names(about / "derived") == []
    assert (about / "sources" / "a2" / "name").read_text() == "a2\n"
    assert names(mounted.asset("a1") / "about" / "derived") == ["made"]
    assert (about / "sources" / "a1" / "about" / "derived" / "made").samefile(about.parent)


def test_an_address_that_expires_in_mid_file_is_asked_for_again(mounted: Mounted) -> None:
    expiring = mounted.server.faults.add("expire", *PART, after=1)
    assert (data(mounted, 10) / "big.bin").read_bytes() == BIG
    mounted.server.faults.remove(expiring)
    assert expiring.struck


def test_nobody_gets_bytes_of_two_files_and_the_next_open_has_the_new_one(
    mounted: Mounted,
) -> None:
    path, original = data(mounted, 11) / "changes.bin", mounted.server.data / "real" / "changes.bin"
    original.write_bytes(BIG)
    changed = BIG[::-1]
    with path.open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), 100, 0) == BIG[:100]
        original.write_bytes(changed)
        with pytest.raises(OSError, match=r".") as told:
            os.pread(file.fileno(), 100, 4_000_000)
        assert told.value.errno == errno.ESTALE
        with path.open("rb") as new:
            assert new.read() == changed
        assert os.pread(file.fileno(), 100, 0) == BIG[:100]  # as it was read
        with pytest.raises(OSError, match=r"."):
            os.pread(file.fileno(), 100, 4_000_000)
    assert path.read_bytes() == changed
    log = (mounted.folder / ".coexplorer" / "log").read_text()
    assert "changes.bin: this file has changed" in log
    original.unlink()


def test_offline_what_was_read_is_there_and_the_rest_says_so(mounted: Mounted) -> None:
    folder = data(mounted, 8)
    assert (folder / "log.txt").read_text().endswith("line 19999\n")
    mounted.stop()
    mounted.start()
    mounted.server.stop()
    try:
        assert "big.bin" in names(folder)
        assert (folder / "log.txt").read_text().endswith("line 19999\n")
        for path in (folder / "big.bin", folder / "sub", data(mounted, 9)):
            with pytest.raises(OSError, match=r".") as told:
                names(path) if path.suffix == "" else path.read_bytes()
            assert told.value.errno == errno.ENETDOWN
        assert (folder / "log.txt").read_bytes().startswith(b"line 0\n")
    finally:
        mounted.server.start()
    wait_until(lambda: _can_list(data(mounted, 9)), "the platform is back")
    assert (folder / "big.bin").read_bytes() == BIG


def test_files_in_a_bucket_have_their_own_time_and_may_change(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mounted.server.make_bucket("outside", keys=("AKIAOFTHEBUCKET", "its/key")) / "in"
    folder.mkdir()
    (folder / "x.bin").write_bytes(BIG)
    os.utime(folder / "x.bin", (1_600_000_000, 1_600_000_000))
    outside = Bucket("outside", "aws", "in", external=True)
    mounted.server.store.insert([make_asset(30, "outside", source=outside)])
    path = mounted.asset("outside") / "files" / "x.bin"
    for key, secret in (("AKIAOFNOBODY", "wrong"), ("AKIAOFTHEBUCKET", "its/key")):
        mounted.stop()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", mounted.server.s3_url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        mounted.start()
        if secret == "wrong":
            with pytest.raises(PermissionError):
                path.read_bytes()
            assert "outside/files: " in (mounted.folder / ".coexplorer" / "log").read_text()
    assert (path.stat().st_mtime, path.stat().st_size) == (1_600_000_000, len(BIG))
    with path.open("rb", buffering=0) as file:
        assert file.read(10) == BIG[:10]
        (folder / "x.bin").write_bytes(BIG[::-1])
        with pytest.raises(OSError, match=r".") as told:
            os.pread(file.fileno(), 10, 3_000_000)
        assert told.value.errno == errno.ESTALE
        assert path.read_bytes() == BIG[::-1]


def test_the_links_are_not_there_unless_wanted(mounted: Mounted) -> None:
    for options in (["--no-files"], ["--allow-other"], ["--allow-other", "--files"]):
        mounted.stop()
        mounted.start(*options)
        are_there = "--files" in options
        assert ("files" in names(mounted.asset("a1"))) == are_there
        assert (mounted.folder / "files").exists() == are_there
        assert data(mounted, 1).exists() == are_there
        assert mounted.status()["files"] == ("yes" if are_there else "no")
