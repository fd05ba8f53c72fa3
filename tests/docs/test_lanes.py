"""Tests get the fast lane's markers from what they use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lanes import MARKERS, mark, thin

ROOT = Path(__file__).parents[2]

MOUNTING = "from tests.support.mounted import Mounted\ndef test_it(): pass\n"
SPAWNING = "import subprocess\ndef help(): subprocess.run([])\ndef test_it(): help()\n"
QUIET = "import subprocess\ndef other(): subprocess.run([])\ndef test_it(): pass\n"
BY_NAME = "def test_it(program): program.spawn('ls')\n"
APP = "from tests.support.tui import Running\ndef test_it(): pass\n"
PURE = "def test_it(): assert [n for n in (1, 2)]\n"
FIXED = """import subprocess, pytest
class Thing:
    def start(self): subprocess.run([])
@pytest.fixture
def thing(): return Thing()
def test_it(thing): thing.start()
"""
NESTED = "import subprocess\ndef test_it():\n    def inner(): subprocess.run([])\n    inner()\n"


@pytest.mark.parametrize(
    ("source", "markers"),
    [
        (MOUNTING, {"mount"}),
        (SPAWNING, {"slow"}),
        (QUIET, set()),
        (BY_NAME, {"slow"}),
        (APP, {"app"}),
        (PURE, set()),
        (NESTED, {"slow"}),
        (FIXED, {"slow"}),
    ],
    ids=["mounts", "starts", "only others start", "spawns", "app", "pure", "nested", "fixture"],
)
def test_what_a_test_uses_marks_it(
    source: str, markers: set[str], build_item: Callable[[str], pytest.Item]
) -> None:
    item = build_item(source)
    mark(item)
    assert {each.name for each in item.iter_markers()} & set(MARKERS) == markers


@pytest.fixture
def build_item(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], pytest.Item]:
    """Make a test of a source, as pytest finds it."""

    def build(source: str) -> pytest.Item:
        path = tmp_path / "test_made.py"
        path.write_text(source)
        module = pytest.Module.from_parent(request.session, path=path)
        (item,) = [each for each in module.collect() if isinstance(each, pytest.Item)]
        return item

    return build


def test_every_marker_is_registered_and_left_out_by_make_quick(pytestconfig: pytest.Config) -> None:
    registered = {line.split(":")[0] for line in pytestconfig.getini("markers")}
    assert set(MARKERS) <= registered
    rule = (ROOT / "Makefile").read_text("utf-8")
    for marker in MARKERS:
        assert f"not {marker}" in rule


@pytest.mark.parametrize(("cases", "left"), [(6, range(6, 7)), (60, range(10, 31))])
def test_many_cases_run_in_part_on_the_second_loop(
    cases: int, left: range, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = tmp_path / "test_many.py"
    path.write_text(
        "import pytest\n@pytest.mark.second_loop\n"
        f"@pytest.mark.parametrize('n', range({cases}))\ndef test_it(n): pass\n"
        f"@pytest.mark.parametrize('n', range({cases}))\ndef test_other(n): pass\n"
    )
    module = pytest.Module.from_parent(request.session, path=path)
    items = [each for each in module.collect() if isinstance(each, pytest.Item)]
    needless = thin(items)
    assert cases - len(needless) in left
    assert all(item.name.startswith("test_it[") for item in needless)
