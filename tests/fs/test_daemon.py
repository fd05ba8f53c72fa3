"""A mount that ends before it is ready says why: each kind of failure has its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import stretched

PROGRAM = """
import sys
from pathlib import Path
from coexplorer import errors
from coexplorer.fs.daemon import run_in_background

def serve(on_ready):
    raise {raised}

try:
    run_in_background(serve, Path(sys.argv[1]))
except errors.CoexplorerError as error:
    print(type(error).__name__, error.message)
"""


@pytest.mark.parametrize(
    ("raised", "log", "told"),
    [
        ("errors.JournalError('no locks')", "log", "JournalError no locks"),
        ("errors.CatalogError('too new')", "log", "CatalogError too new"),
        ("errors.NotSignedIn('no token')", "log", "Refused no token"),
        ("OSError(28, 'No space left')", "log", "CatalogError the mount can't be made"),
        ("AssertionError('never')", "file/log", "CatalogError the mount can't be made"),
    ],
)
def test_the_kind_of_an_error_outlives_the_way_to_the_background(
    tmp_path: Path, raised: str, log: str, told: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(raised=raised), str(tmp_path / log)],
        capture_output=True,
        text=True,
        timeout=stretched(30),
        check=False,
    )
    assert done.stdout.startswith(told)
    assert "Traceback" not in done.stdout + done.stderr
