"""`coexplorer.open_file`: what programs do with a file, whatever happens to it meanwhile."""

import csv
import errno
import io
import os
import random
import signal
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import h5py
import pyarrow.parquet
import pytest

import coexplorer
from coexplorer.demo.server import DemoServer
from coexplorer.errors import AmbiguousAsset, ConfigError
from tests.python.conftest import CONTENT, TEXT
from tests.support.server import DERIVED, RAW

STORAGE = "/storage/**"


def test_it_is_read_as_any_file(asset: str) -> None:
    rng = random.Random(2)
    ours, theirs = coexplorer.open_file(asset, "random.bin"), io.BytesIO(CONTENT)
    with ours, theirs:
        assert ours.readable()
        assert ours.seekable()
        assert not ours.writable()
        for _ in range(300):
            size = rng.choice([-1, 0, 1, 10, 100, 65_536, 100_000])
            match rng.randrange(8):
                case 0 | 1 | 2:
                    place = rng.randrange(len(CONTENT) + 10)
                    assert ours.seek(place) == theirs.seek(place)
                case 3:
                    assert ours.seek(-size, os.SEEK_END) == theirs.seek(-size, os.SEEK_END)
                case 4:
                    assert ours.seek(7, os.SEEK_CUR) == theirs.seek(7, os.SEEK_CUR)
                case 5:
                    mine, other = bytearray(max(0, size)), bytearray(max(0, size))
                    assert ours.readinto(mine) == theirs.readinto(other)
                    assert mine == other
                case 6:
                    assert ours.readline() == theirs.readline()
                case _:
                    assert ours.read(size) == theirs.read(size)
            assert ours.tell() == theirs.tell()
        for bad in ((-1, os.SEEK_SET), (-len(CONTENT) - 1, os.SEEK_END), (0, 9)):
            with pytest.raises(ValueError, match=r"place|whence"):
                ours.seek(*bad)
        with pytest.raises(io.UnsupportedOperation):
            ours.write(b"x")
    for use in (ours.read, ours.tell, lambda: ours.read_at(0, 1)):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_other_libraries_read_it(asset: str, server: DemoServer) -> None:
    with coexplorer.open_file("session of today", "table.csv") as file:
        rows = list(csv.reader(io.TextIOWrapper(file, newline="")))
    assert rows[-1] == ["19999", "399960001"]
    with coexplorer.open_file(asset[:8], "packed.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("inside.csv") == TEXT
    server.log.clear()
    with (
        coexplorer.open_file(DERIVED, "/ophys/plane_1/timeseries.h5") as file,
        h5py.File(file) as recording,
    ):
        names: list[str] = []
        recording.visit(names.append)
        assert names
    asked = server.requests("GET", STORAGE)
    assert 0 < len(asked) <= 2
    assert not any(request.authorized for request in asked)


def test_a_table_is_read_by_its_end(asset: str) -> None:
    with coexplorer.open_file(asset, "table.parquet") as file:
        table = pyarrow.parquet.ParquetFile(file).read(columns=["squared"])
    assert table["squared"].to_pylist() == [number**2 for number in range(1000)]


def test_threads_read_one_file_at_once(asset: str) -> None:
    with coexplorer.open_file(asset, "random.bin") as file, ThreadPoolExecutor(8) as pool:

        def check(seed: int) -> None:
            start = random.Random(seed).randrange(len(CONTENT))
            assert file.read_at(start, 9_999) == CONTENT[start : start + 9_999]

        list(pool.map(check, range(200)))
        parts = list(pool.map(lambda _: file.read(10_000), range(71)))
    assert sum(map(len, parts)) == len(CONTENT)
    assert sorted(parts) == sorted(CONTENT[at : at + 10_000] for at in range(0, 710_000, 10_000))


async def test_a_running_event_loop_does_not_matter(asset: str) -> None:
    """As in Jupyter, where all code runs in one."""
    with coexplorer.open_file(asset, "table.csv") as file:
        assert file.readline() == b"0,0\n"


def test_ctrl_c_ends_a_read_that_hangs_and_the_next_one_works(
    asset: str, server: DemoServer
) -> None:
    rule = server.faults.add("silence", "GET", STORAGE)
    with coexplorer.open_file(asset, "random.bin") as file:
        file.seek(5)

        def press() -> None:
            server.faults.wait_struck(rule)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            file.read(10)
        thread.join()
        server.faults.clear()
        assert file.tell() == 5
        assert file.read(10) == CONTENT[5:15]


@pytest.mark.parametrize(
    ("named", "path", "kind"),
    [
        ("session of today", "nonsense", FileNotFoundError),
        ("session of today", "deep", IsADirectoryError),
        ("no such asset", "table.csv", FileNotFoundError),
        ("0000000", "table.csv", AmbiguousAsset),
    ],
)
def test_what_is_not_there_is_told(
    asset: str, named: str, path: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        coexplorer.open_file(named, path)
    if isinstance(caught.value, OSError):
        assert caught.value.filename == f"{named}/{path}"


def test_trouble_is_told_and_the_next_try_works(
    asset: str, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEOCEAN_TOKEN", "cop_wrong")
    with pytest.raises(PermissionError):
        coexplorer.open_file(asset, "table.csv")
    monkeypatch.setenv("CODEOCEAN_TOKEN", server.users[0].token)
    with coexplorer.open_file(asset, "table.csv") as file:
        server.faults.add("status", "GET", STORAGE, status=503)
        with pytest.raises(OSError, match="storage") as caught:
            file.read(1)
        assert caught.value.errno == errno.EIO
        server.faults.clear()
        assert file.read(1) == b"0"
    with pytest.raises(ConfigError):
        coexplorer.open_file(asset, "table.csv", profile="nobody")
    server.stop()
    with pytest.raises(OSError, match="reached") as caught:
        coexplorer.open_file(RAW, "anything")
    assert caught.value.errno == errno.ENETUNREACH
    assert caught.value.__notes__


PROGRAM = """
import coexplorer
assert set(sys.modules) - before == {"coexplorer"}, set(sys.modules) - before
import os, threading

file = coexplorer.open_file(sys.argv[1], "table.csv")
assert file.readline() == b"0,0\\n"
child = os.fork()
if not child:
    try:
        file.read(1)
    except OSError as error:
        assert "fork" in str(error), error
        with coexplorer.open_file(sys.argv[1], "table.csv") as again:
            assert again.readline() == b"0,0\\n"
        sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert file.readline() == b"1,1\\n"
hanging = coexplorer.open_file(sys.argv[1], "random.bin")
def hang():
    try:
        hanging.read()
    except OSError as error:
        assert "end" in str(error), error
threading.Thread(target=hang, daemon=True).start()
print("ready")
sys.stdin.readline()
"""


def test_a_program_forks_and_ends_with_files_open_and_a_read_under_way(
    asset: str, server: DemoServer
) -> None:
    rule = server.faults.add("silence", "GET", "/storage/*/random.bin")
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys; before = set(sys.modules)\n{PROGRAM}", asset],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        server.faults.wait_struck(rule)
        out, err = process.communicate("\n", timeout=600)
    assert (process.returncode, out, err) == (0, "", "")


def test_what_was_just_read_is_read_again_without_the_other_thread(asset: str) -> None:
    with coexplorer.open_file(asset, "random.bin") as file:
        assert file._reader.peek(0, 100) is None
        assert file.read_at(10, 100) == CONTENT[10:110]
        assert file._reader.peek(50, 1000) == CONTENT[50:1050]
        assert file._reader.peek(65_000, 1000) is None, "its second block was not read yet"
        asked = [file.read_at(at, 512) for at in range(0, len(CONTENT), 512)]
        assert b"".join(asked) == CONTENT
        assert file._reader.peek(len(CONTENT) - 3, 100) == CONTENT[-3:]
