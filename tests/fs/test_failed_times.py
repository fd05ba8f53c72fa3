"""Tools that go by times: after a save that failed, none of them may think that it went well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import HURRIED, Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

THEIRS = "HERS text"  # as long as mine: sizes don't tell
MAKE = "$(D): $(NEW)\\n\\tcp $(NEW) $(D)\\n"


@dataclass(frozen=True)
class Tool:
    """A tool that leaves out what is newer than its source."""

    id: str
    script: str


TOOLS = [
    Tool("cp_u", 'cp -u "$NEW" "$D"'),
    Tool("cp_up", 'cp -up "$NEW" "$D"'),
    Tool("mv_u", 'cp -p "$NEW" away && mv -u away "$D"'),
    Tool("rsync_u", 'rsync -u "$NEW" "$D"'),
    Tool("rsync_ut", 'rsync -ut "$NEW" "$D"'),
    Tool("rsync_inplace", 'rsync -ut --inplace "$NEW" "$D"'),
    Tool("make", f'printf \'{MAKE}\' > makefile && make -s D="$D" NEW="$NEW"'),
    Tool("test_nt", '[ ! "$NEW" -nt "$D" ] || cp "$NEW" "$D"'),
    Tool("find_newer", 'find "$NEW" -newer "$D" | xargs -r -I{} cp {} "$D"'),
    Tool("test_nt_mv", '[ ! "$NEW" -nt "$D" ] || { cp -p "$NEW" "$A/t" && mv "$A/t" "$D"; }'),
]
FAULTS = {"conflict": 0, "rejected": 400, "forbidden": 403, "broken": 507}
CASES = [
    (fault, tool)
    for fault in FAULTS
    for tool in TOOLS
    if fault == "conflict" or tool.id in ("cp_u", "rsync_u", "make")
]
NAMES = [f"{fault}_{tool.id}" for fault, tool in CASES]
IDS = {name: make_id(number) for number, name in enumerate([*NAMES, "late", "twice"], 1)}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for number, name in enumerate(IDS, 1)]
    with mounting(tmp_path_factory.mktemp("times"), assets, first=HURRIED) as mounted:
        yield mounted


def run(mounted: Mounted, name: str, script: str) -> int:
    new = mounted.home / "new"
    if not new.exists():
        new.write_text("MINE text\n")
    folder = mounted.asset(name)
    names = {"A": str(folder), "D": str(folder / "description.md"), "NEW": str(new)}
    return mounted.run(script, **names).returncode


def there(mounted: Mounted, name: str) -> str:
    return mounted.server.store.get(IDS[name]).description


@pytest.mark.parametrize(("fault", "tool"), CASES, ids=NAMES)
def test_a_tool_that_goes_by_times_is_told_again(mounted: Mounted, fault: str, tool: Tool) -> None:
    name = f"{fault}_{tool.id}"
    path = mounted.asset(name) / "description.md"
    before = path.stat()
    wait_until(lambda: mounted.status()["reading news"] == "no", "the news read")
    if fault == "conflict":
        mounted.server.store.update(IDS[name], description=THEIRS)
    else:
        only = f"data_assets/{IDS[name]}"
        mounted.server.faults.add(FaultKind.STATUS, "PUT", only, status=FAULTS[fault])
    try:
        for attempt in range(3):
            assert run(mounted, name, tool.script) != 0, f"no error at attempt {attempt}"
            mounted.settle()
            wait_until(path.exists, "the file, if it was removed to be replaced")
            assert path.stat().st_mtime_ns < (mounted.home / "new").stat().st_mtime_ns
    finally:
        mounted.server.faults.clear()
    assert there(mounted, name) == (THEIRS if fault == "conflict" else "old text")
    # What follows changes, such as a backup's, can tell that it is another text.
    assert path.read_text() == "old text\n" or path.stat().st_mtime_ns > before.st_mtime_ns

    assert (path.parent / "error").read_text()  # which is a look at theirs
    assert run(mounted, name, tool.script) == 0
    assert there(mounted, name) == "MINE text"
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")
    mounted.settle()
    assert run(mounted, name, tool.script) == 0
    assert path.read_text() == "MINE text\n"


def test_a_text_that_changes_once_more_is_no_younger_than_the_refused_one(
    mounted: Mounted,
) -> None:
    name = "twice"
    path = mounted.asset(name) / "description.md"
    assert path.read_text() == "old text\n"
    wait_until(lambda: mounted.status()["reading news"] == "no", "the news read")
    mounted.server.store.update(IDS[name], description=THEIRS)
    assert run(mounted, name, 'cp -u "$NEW" "$D"') != 0
    mounted.server.store.update(IDS[name], description=f"{THEIRS} again")
    (mounted.folder / ".coexplorer" / "refresh").touch()
    wait_until(lambda: path.stat().st_size == len(THEIRS) + len(" again\n"), "the text")

    assert path.stat().st_mtime_ns < (mounted.home / "new").stat().st_mtime_ns


def test_a_save_that_arrives_late_has_the_time_of_its_writing(mounted: Mounted) -> None:
    path = mounted.asset("late") / "description.md"
    before = path.stat().st_mtime_ns
    gate = mounted.server.hooks.before("PUT")
    assert save(path, "late\n")
    assert path.stat().st_mtime_ns <= before + 1

    gate.release()

    wait_until(lambda: path.stat().st_mtime_ns > before + 1, "its time")
    assert there(mounted, "late") == "late"
    assert path.read_text() == "late\n"
