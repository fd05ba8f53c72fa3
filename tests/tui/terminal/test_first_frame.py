"""The first frame: what the app will show, before the app is there; otherwise nothing."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyte
import pytest

from benchmarks.pty_session import Screen, Session
from coexplorer.config.paths import find_paths
from coexplorer.demo.server import DemoServer
from coexplorer.tui.opening import SWITCH
from coexplorer.tui.quickstart.codec import decode_rows, encode_rows
from coexplorer.tui.quickstart.first_frame import SEARCH_COLUMN, SEARCH_ROW, find_files
from coexplorer.tui.terminal.cells import PLAIN, Cell, Pen
from coexplorer.tui.workbench import TALL_ENOUGH

FRAME_END = b"\x1b[5n"
COMMAND = [sys.executable, "-m", "coexplorer"]


@pytest.fixture
def signed_in(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> DemoServer:
    monkeypatch.setenv("CODEOCEAN_DOMAIN", server.url)
    monkeypatch.setenv("CODEOCEAN_TOKEN", server.users[0].token)
    return server


def open_once(columns: int = 100, rows: int = 34) -> str:
    """Open the app, wait until all is there, and leave it; return what it showed."""
    with Session(COMMAND, columns=columns, rows=rows) as session:
        session.wait_for("synced")
        session.wait_for("1 All")
        if rows >= TALL_ENOUGH:
            session.wait_for("created ")
        session.wait_idle()
        shown = session.text()
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []
    return shown


def find_frame() -> Path:
    """Return where the frame is kept."""
    files = find_files(os.environ)
    assert files is not None
    return Path(files[1])


def first_frame(session: Session) -> bytes:
    """Return what was written before the app asked the terminal anything."""
    session.wait_output(b"\x1b[?2026$p")
    return session.output.partition(b"\x1b[?2026$p")[0]


def show(data: bytes, columns: int, rows: int) -> list[str]:
    """Return what a terminal shows after these bytes."""
    screen = Screen(columns, rows)
    pyte.ByteStream(screen).feed(data)
    return [line.rstrip() for line in screen.display]


def test_the_second_start_paints_before_the_app_is_there(signed_in: DemoServer) -> None:
    name = next(iter(signed_in.store.assets())).name
    assert name
    shown = open_once()
    with Session(COMMAND, columns=100, rows=34) as session:
        painted = first_frame(session)
        session.wait_idle()
        assert session.text().splitlines()[1:] == shown.splitlines()[1:]
        taken_over = session.output[len(painted) :]
    assert len(painted) > 1000
    assert painted.count(b"\x1b[?1049h") == 1
    # The app takes over without a flash: nothing of the list is sent again.
    assert b"\x1b[?1049h" not in taken_over
    assert b"\x1b[2J" not in taken_over
    assert len(taken_over) < len(painted) / 2


def test_keys_typed_before_the_app_is_there_are_not_lost(signed_in: DemoServer) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead="/zzz-nothing") as session:
        session.wait_for("zzz-nothing")
        session.wait_for("0 of")


def test_a_search_is_shown_while_the_app_is_on_its_way(signed_in: DemoServer) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead="/open") as session:
        painted = first_frame(session)
        place = f"\x1b[{SEARCH_ROW + 1};{SEARCH_COLUMN + 1}H".encode()
        assert re.search(re.escape(place) + rb"\x1b\[m\w*open", painted)
        session.wait_for("open data")
        session.wait_for(" of ")
        session.wait_idle()
        # The app shows it at the same place, and took it once.
        line = session.text().splitlines()[SEARCH_ROW]
        assert line[SEARCH_COLUMN:].startswith("open ")
        session.press("!")
        session.wait_for("/ open!")


@pytest.mark.parametrize("typed", ["jj", "/a\x7fb", "/é", "/" + "x" * 200, "?"])
def test_what_is_no_plain_search_is_not_shown_and_not_lost(
    signed_in: DemoServer, typed: str
) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead=typed) as session:
        painted = first_frame(session)
        session.wait_idle()
        shown = session.text()
        # The terminal's own echo, before there is a program, is not looked at.
        assert typed[1:].encode() + b"\x1b[7m" not in painted.partition(b"\x1b[?1049h")[2]
    with Session(COMMAND, columns=100, rows=34) as session:
        session.wait_for("created ")
        session.wait_idle()
        for part in re.findall(r"\x1b|[^\x1b]+", typed):
            session.write(part)
            session.wait_idle()
        session.wait_idle()
        assert session.text().splitlines()[1:] == shown.splitlines()[1:]


def test_of_a_catalog_that_changed_only_what_is_true_is_painted(signed_in: DemoServer) -> None:
    open_once()
    asset = next(iter(signed_in.store.assets()))
    old = asset.name
    signed_in.store.update(asset.id, name="changed by a colleague")
    subprocess.run([*COMMAND, "sync"], check=True)
    with Session(COMMAND, columns=100, rows=34) as session:
        painted = first_frame(session)
        assert b"changed by a colleague" in painted
        assert old.encode() not in painted
        # When it was synced, how many each view finds and the details are not known yet.
        assert not re.search(rb"synced|1 All|created ", painted)
        assert b"Created" in painted
        session.wait_for("1 All")
        session.wait_for("created ")
        session.wait_idle()
        # What is painted stays: no row of the list is sent again.
        rows = session.lines()[4:22]
        names = [line[4:40].strip() for line in rows if "dataset" in line]
        taken_over = session.output[len(painted) :]
        assert len(names) > 3
        # The first one's name is in the details, too.
        assert not [name for name in names[1:] if name.encode() in taken_over]


def test_a_search_has_its_finds_before_the_app_is_there(signed_in: DemoServer) -> None:
    names = [asset.name for asset in signed_in.store.assets()]
    assert any("open data" in name for name in names)
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead="/open") as session:
        painted = show(first_frame(session), 100, 34)
        assert " of " in painted[SEARCH_ROW]
        found = [line for line in painted[4:22] if line.strip()]
        assert found
        assert all("open" in line for line in found)
        session.wait_idle()
        assert [line for line in session.lines()[4:22] if line.strip()] == found
        session.press("esc")
        session.wait_for(lambda lines: "open" not in lines[SEARCH_ROW])


@pytest.mark.parametrize(
    ("typed", "shown"), [("/zzz-nothing", "Nothing matches the search"), ("/size:>many", "many")]
)
def test_a_search_without_finds_or_with_a_mistake_says_so(
    signed_in: DemoServer, typed: str, shown: str
) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead=typed) as session:
        session.wait_for(shown)
        session.wait_idle()
        assert shown in session.text()


def test_a_search_typed_on_the_frame_offers_what_goes_on_from_it(signed_in: DemoServer) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead="/buck") as session:
        session.wait_for("the source bucket")


def test_a_key_that_is_another_command_is_no_search(signed_in: DemoServer) -> None:
    config = find_paths().config_file
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[keys]\n"find.search" = ["F"]\n"app.help" = ["/"]\n')
    config.chmod(0o600)
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34, typed_ahead="/zzz") as session:
        session.wait_for("Search as you type")


@pytest.mark.parametrize("size", [(170, 40), (120, 36), (80, 24), (40, 12)])
def test_the_list_is_drawn_as_the_app_draws_it(
    signed_in: DemoServer, size: tuple[int, int]
) -> None:
    hostile = ["\x1b[31mred", "名" * 70, "e\u0301" * 40, "a\u202eb", "x" * 255, "🐙🐙 ok", "[v1]"]
    for asset, name in zip(signed_in.store.assets(), hostile, strict=False):
        signed_in.store.update(asset.id, name=name)
    columns, rows = size
    open_once(columns, rows)
    subprocess.run([*COMMAND, "edit", "🐙🐙 ok", "--add-tag", "another"], check=True)
    with Session(COMMAND, columns=columns, rows=rows) as session:
        painted = first_frame(session)
        assert len(painted) > 300
        session.wait_idle()
        shown = session.lines()
    early = [line for line in show(painted, columns, rows) if line]
    assert len(early) > 5
    assert set(early) <= set(shown)


@pytest.mark.parametrize(("columns", "rows"), [(99, 34), (100, 33)])
def test_another_size_opens_without_it(signed_in: DemoServer, columns: int, rows: int) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=columns, rows=rows) as session:
        assert len(first_frame(session)) < 300
        session.wait_for("1 All")


def test_with_stock_output_there_is_none_and_none_is_kept(
    signed_in: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signed_in.url
    shown = open_once()
    kept = find_frame().read_bytes()
    monkeypatch.setenv(SWITCH, "1")
    with Session(COMMAND, columns=100, rows=34) as session:
        assert len(first_frame(session)) < 300
        session.wait_for("created ")
        session.wait_idle()
        assert session.text().splitlines()[1:] == shown.splitlines()[1:]
        session.write("q")
        session.wait_exit()
    assert find_frame().read_bytes() == kept


TELL_MODULES = """
import atexit, sys
from coexplorer.cli import main
atexit.register(lambda: open(sys.argv.pop(), "w").write("\\n".join(sys.modules)))
told = sys.argv[-1]
sys.argv[1:] = []
atexit.register(sys.argv.append, told)
main()
"""


def test_with_stock_output_nothing_of_the_quick_start_is_loaded(
    signed_in: DemoServer, tmp_path: Path
) -> None:
    assert signed_in.url
    open_once()
    told = tmp_path / "modules"
    loaded = []
    for switch in ("", "1"):
        command = [sys.executable, "-c", TELL_MODULES, str(told)]
        with Session(command, columns=100, rows=34, env={SWITCH: switch}) as session:
            session.wait_for("created ")
            session.write("q")
            session.wait_exit()
            assert session.status == 0
        loaded.append({name for name in told.read_text().split() if "quickstart" in name})
    assert "coexplorer.tui.quickstart.codec" in loaded[0]
    assert loaded[1] == set()


def test_a_missing_catalog_or_a_broken_frame_opens_without_it(signed_in: DemoServer) -> None:
    assert signed_in.url
    open_once()
    shutil.rmtree(find_paths().cache_dir / "catalogs")
    with Session(COMMAND, columns=100, rows=34) as session:
        assert len(first_frame(session)) < 300
    find_frame().write_bytes(b"coexplorer frame 1\nbroken")
    with Session(COMMAND, columns=100, rows=34) as session:
        assert len(first_frame(session)) < 300
        session.wait_for("1 All")


def test_the_terminal_is_given_back_when_the_app_cannot_come(
    signed_in: DemoServer, tmp_path: Path
) -> None:
    assert signed_in.url
    open_once()
    broken = tmp_path / "broken" / "textual"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half of an upgrade')")
    env = {"PYTHONPATH": str(broken.parent)}
    with Session(COMMAND, columns=100, rows=34, env=env) as session:
        session.wait_exit()
        assert session.status not in (0, None)
        assert b"\x1b[?1049h" in session.output
        assert session.modes_left_on() == []
        assert "Traceback" not in session.text()


def test_what_paints_imports_nothing_that_costs_more_than_painting() -> None:
    code = (
        "import sys\nfrom coexplorer.cli import main\n"
        "from coexplorer.tui import opening\n"
        "from coexplorer.tui.quickstart import first_frame\n"
        "print(*sys.modules)"
    )
    plain = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, env=plain, capture_output=True, text=True, check=True)
    assert "coexplorer.tui.quickstart.first_frame" in done.stdout.split()
    assert {"typing", "re", "enum", "collections"}.isdisjoint(done.stdout.split())


def test_a_frame_is_private_and_stands_where_the_catalogs_do(signed_in: DemoServer) -> None:
    assert signed_in.url
    open_once()
    frame = find_frame()
    assert frame.parent == find_paths().cache_dir
    files = find_files(os.environ)
    assert files is not None
    assert Path(files[0]) == find_paths().config_file
    assert frame.stat().st_mode & 0o777 == 0o600


def test_a_signal_while_the_frame_stands_gives_the_terminal_back(signed_in: DemoServer) -> None:
    assert signed_in.url
    open_once()
    with Session(COMMAND, columns=100, rows=34) as session:
        first_frame(session)
        session.kill(signal.SIGTERM)
        session.wait_exit()
        assert session.modes_left_on() == []


def test_rows_survive_the_way_through_the_file() -> None:
    bold = Pen(("1",), "38;5;3", "")
    rows = [(Cell("a", PLAIN), Cell("日", bold), Cell("", bold)), (Cell("e\u0301", PLAIN),) * 3]
    assert decode_rows(encode_rows(rows)) == rows


@pytest.mark.parametrize("data", [b"", b"{}", b'{"pens":[],"rows":[[[0,["a"]]]]}', b"\xff"])
def test_rows_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kind
        decode_rows(data)
