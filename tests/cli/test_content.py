"""``cat``, ``head`` and ``tail``."""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from coexplorer.cli.content import _Range
from coexplorer.cli.shown_bytes import ShownText
from coexplorer.demo.samples.files import VAST, build_code, file_bytes
from coexplorer.demo.server import DemoServer
from coexplorer.errors import Refused
from tests.support.program import Program, program_command
from tests.support.server import DERIVED, RAW, running_server
from tests.support.terminal import in_terminal

LINES = [f"line {number}" for number in range(1, 41)]
BYTES = bytes(range(256)) * 1000


@pytest.fixture
def asset(program: Program) -> str:
    """An asset with a text, a text without a last line end, and a binary file."""
    folder = program.server.make_bucket("lab-data") / "session"
    (folder / "deep").mkdir(parents=True)
    (folder / "log.txt").write_text("\n".join(LINES) + "\n")
    (folder / "open.txt").write_text("\n".join(LINES))
    (folder / "deep" / "b.bin").write_bytes(BYTES)
    (folder / "odd.txt").write_bytes(b"a\x1b[2Jb\xffc\td\r\n")
    (folder / "empty").write_bytes(b"")
    args = ("--bucket", "lab-data", "--prefix", "session", "--public", "--wait", "--ids")
    return program.ok("create", "session", *args).out.strip()


@pytest.fixture
def vast(program: Program) -> str:
    """An asset with files of 64 GB."""
    asset_id = f"{RAW[:-2]}{build_code(VAST, 0):02x}"
    store = program.server.store
    store.insert([replace(store.get(DERIVED), id=asset_id, name="vast")])
    program.ok("sync")
    program.server.log.clear()
    return asset_id


def spawn(program: Program, *args: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose answer is bytes."""
    env = {**os.environ, **program.env}
    return subprocess.run(program_command(*args), env=env, capture_output=True, check=False)


def count_requests(server: DemoServer) -> int:
    """Return how often the content of files was asked for."""
    return len(server.requests("GET", "/storage/*"))


@pytest.mark.parametrize("name", ["log.txt", "open.txt"])
@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (("head",), slice(10)),
        (("head", "-n", "3"), slice(3)),
        (("head", "-n", "100"), slice(None)),
        (("head", "-n", "0"), slice(0)),
        (("head", "-n", "-35"), slice(5)),
        (("tail",), slice(-10, None)),
        (("tail", "-n3"), slice(-3, None)),
        (("tail", "-n", "100"), slice(None)),
        (("tail", "-n", "0"), slice(0)),
        (("tail", "-n", "+39"), slice(38, None)),
        (("tail", "-n", "+99"), slice(0)),
    ],
)
def test_lines_are_those_of_coreutils(
    program: Program, asset: str, tmp_path: Path, name: str, args: Sequence[str], wanted: slice
) -> None:
    path = tmp_path / name
    path.write_text("\n".join(LINES) + "\n" * (name == "log.txt"))
    theirs = subprocess.run([*args, path], capture_output=True, text=True, check=True).stdout
    assert program.ok(args[0], asset, name, *args[1:]).out == theirs
    assert theirs.splitlines() == LINES[wanted]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (("cat",), slice(None)),
        (("cat", "--range", "10:20"), slice(10, 20)),
        (("cat", "--range", "1kB:"), slice(1000, None)),
        (("cat", "--range=-5:"), slice(-5, None)),
        (("cat", "--range", "999999999:"), slice(0)),
        (("head", "-c", "5"), slice(5)),
        (("head", "-c", "-255995"), slice(5)),
        (("tail", "-c", "5"), slice(-5, None)),
        (("tail", "-c", "+255991"), slice(-10, None)),
        (("tail", "-c", "1MB"), slice(None)),
    ],
)
def test_bytes_in_a_pipe_are_exact(
    program: Program, asset: str, args: Sequence[str], wanted: slice
) -> None:
    done = spawn(program, args[0], asset, "deep/b.bin", *args[1:])
    assert (done.returncode, done.stdout, done.stderr) == (0, BYTES[wanted], b"")


def test_only_what_is_shown_is_asked_for(program: Program, vast: str) -> None:
    done = spawn(program, "head", vast, "recording.bin", "-c", "100")
    assert done.stdout == file_bytes(vast, "recording.bin", 0, 100)
    done = spawn(program, "tail", vast, "acquisition.log", "-n", "10")
    assert done.stdout == file_bytes(vast, "acquisition.log", 2_000_000_000 - 800)
    asked = program.server.requests("GET", "/storage/*")
    assert [each.headers["range"] for each in asked] == [
        "bytes=0-262143",
        f"bytes={(2_000_000_000 - 262144) // 65536 * 65536}-1999999999",
    ]
    before = len(program.server.requests())
    spawn(program, "tail", vast, "acquisition.log", "-n", "1000")
    spawn(program, "cat", vast, "recording.bin", "--range", "1000:2000")
    assert len(program.server.requests()) == before, "all of it was there"


def test_a_reader_that_goes_away_ends_it_without_a_word(program: Program, vast: str) -> None:
    command = program_command("cat", vast, "recording.bin")
    with subprocess.Popen(
        command,
        env={**os.environ, **program.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(10)) == 10
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_broken_off_says_how_far_it_came(
    program: Program, vast: str, number: signal.Signals, code: int
) -> None:
    command = program_command("cat", vast, "recording.bin")
    with subprocess.Popen(
        command,
        env={**os.environ, **program.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(10)) == 10
        process.send_signal(number)
        told = process.stderr.read().decode()
        assert process.wait() == code
    assert re.search(r"recording\.bin: [\d.]+ [kM]?B of 64 GB were written\n", told)


def test_what_does_not_fit_says_where_to_go_on(program: Program, vast: str, tmp_path: Path) -> None:
    command = program_command("cat", vast, "recording.bin", "--range", "5:")
    with (tmp_path / "part").open("wb") as file:
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", *command],
            env={**os.environ, **program.env},
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 9
    came = (tmp_path / "part").stat().st_size
    assert 500_000 <= came <= 1_024_000
    assert f"{came:,} of 63,999,999,995 bytes were written" in done.stderr.decode()
    assert f"--range {came + 5}:64000000000" in done.stderr.decode()


def test_a_full_disk_is_told(program: Program, asset: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            program_command("cat", asset, "log.txt"),
            env={**os.environ, **program.env},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 9
    assert b"the disk is full" in done.stderr


def test_a_terminal_gets_text_and_nothing_that_it_obeys(
    program: Program, asset: str, tmp_path: Path
) -> None:
    env = {**program.env, "HOME": str(tmp_path / "home")}
    with in_terminal(program_command("cat", asset, "odd.txt"), env) as terminal:
        terminal.wait_for(r"a\x1b[2Jb\xffc    d")
        assert terminal.wait() == 0
    with in_terminal(program_command("cat", asset, "deep/b.bin"), env, columns=200) as terminal:
        terminal.wait_for("deep/b.bin is a binary file")
        assert terminal.wait() == 5
    raw = program_command("head", asset, "odd.txt", "-c", "3", "--raw")
    with in_terminal(raw, env) as terminal:
        terminal.wait_for("a\x1b[")
        assert terminal.wait() == 0


def test_text_is_cut_between_lines_wherever_its_pieces_end() -> None:
    text = "one\ntwo µm ❤\r\nthree\n" + "x" * 100_000
    content = text.encode()
    for step in (1, 3, 7, len(content)):
        shown = ShownText("a")
        pieces = [content[at : at + step] for at in range(0, len(content), step)]
        told = [*(shown.show(piece) for piece in pieces), shown.show(b"", ends=True)]
        assert "".join(told) == text.replace("\r\n", "\n")
    with pytest.raises(Refused):
        ShownText("a").show(b"\0")


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("log.tx", 4, "did you mean log.txt?"),
        ("LOG.TXT", 4, "did you mean log.txt?"),
        ("dee", 4, "did you mean deep/?"),
        ("deep", 5, "deep is a folder"),
        ("nothing/here", 4, "this asset has no folder nothing"),
        ("log.txt/x", 4, "this asset has no folder log.txt"),
        ("*.txt", 4, "coexplorer get --include"),
    ],
)
@pytest.mark.parametrize("command", ["cat", "tail"])
def test_what_can_not_be_shown_is_told(
    program: Program, asset: str, command: str, path: str, code: int, told: str
) -> None:
    done = program(command, asset, path)
    assert (done.code, done.out) == (code, "")
    assert told in done.err


def test_one_of_several_that_can_not_be_had_keeps_back_no_other(
    program: Program, asset: str
) -> None:
    done = program("cat", asset, "log.txt", "none", "empty", "open.txt")
    assert done.code == 7
    assert done.out == "\n".join([*LINES, *LINES])
    assert "no file none" in done.err
    done = program("head", asset, "log.txt", "deep", "open.txt", "-n1")
    assert done.code == 7
    assert done.out == "==> log.txt <==\nline 1\n\n==> open.txt <==\nline 1\n"
    both = program.ok("tail", "-", "log.txt", "-n1", stdin=f"{asset}\n").out
    assert both == "line 40\n"


def test_offline_what_was_read_is_there_and_the_rest_is_not(program: Program, vast: str) -> None:
    first = spawn(program, "head", vast, "recording.bin", "-c", "100")
    program.server.stop()
    again = spawn(program, "head", vast, "recording.bin", "-c", "100")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    done = spawn(program, "tail", vast, "recording.bin", "-c", "100")
    assert (done.returncode, done.stdout) == (6, b"")


def test_a_file_is_not_followed_and_that_is_said(program: Program, asset: str) -> None:
    done = program.ok("tail", "-f", asset, "log.txt", "-n2")
    assert done.lines == LINES[-2:]
    assert "files of assets don't grow" in done.err


def test_a_platform_without_files_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path / "old", "3.0") as server:
        done = Program(server)("cat", RAW, "a.txt")
    assert (done.code, done.out) == (5, "")
    assert "3.1" in done.err


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:2:3", "--5:", "1:x"])
def test_what_is_no_range_is_refused(program: Program, text: str) -> None:
    done = program("cat", RAW, "a", f"--range={text}")
    assert done.code == 2
    assert program.server.requests() == []


def test_ranges() -> None:
    convert = _Range().convert
    assert convert("5:", None, None) == (5, None)
    assert convert(":-2MB", None, None) == (None, -2_000_000)
    assert convert("64MB:1GiB", None, None) == (64_000_000, 2**30)
