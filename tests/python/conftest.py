"""Python programs that are signed in to an embedded server, and an asset with known files."""

import io
import random
import zipfile
from collections.abc import Iterator

import pytest

from coexplorer.demo.samples.parquet import Values, write_table
from coexplorer.demo.server import DemoServer
from coexplorer.python import loop_thread
from tests.support.program import Program

CONTENT = random.Random(1).randbytes(700_001)
TEXT = "".join(f"{number},{number * number}\n" for number in range(20_000)).encode()


@pytest.fixture
def _program(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sign this process in; end its thread afterwards, as Python does."""
    monkeypatch.setenv("CODEOCEAN_DOMAIN", server.url)
    monkeypatch.setenv("CODEOCEAN_TOKEN", server.users[0].token)
    yield
    loop_thread.get_loop_thread().end()
    loop_thread._current = None


@pytest.fixture
def asset(server: DemoServer, _program: None) -> str:
    """The id of an asset with known files."""
    folder = server.make_bucket("lab-data") / "session"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "random.bin").write_bytes(CONTENT)
    (folder / "table.csv").write_bytes(TEXT)
    (folder / "deep" / "er" / "c.txt").write_text("gamma")
    (folder / "deep" / "with a blank.txt").write_text("ä")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.csv", TEXT)
    (folder / "packed.zip").write_bytes(packed.getvalue())
    columns: dict[str, Values] = {"squared": [number**2 for number in range(1000)]}
    (folder / "table.parquet").write_bytes(write_table(columns))
    args = ("--bucket", "lab-data", "--prefix", "session", "--public", "--wait", "--ids")
    return Program(server).ok("create", "session of today", *args).out.strip()
