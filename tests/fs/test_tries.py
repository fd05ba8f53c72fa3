"""Saves that fail again and again: each text once, and told by the next mount until it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

LOOPS = {
    "same": 'for k in $(seq 5); do cp w "$D"; done',
    "emptied": 'cp w "$D"; : > "$D"; sleep 0.6; cp w "$D"; : > "$D"; cp w "$D"',
    "in turns": 'for k in $(seq 3); do cp w "$D"; echo two > "$D"; cp v "$D"; done',
    "tools": 'for k in $(seq 2); do cp w "$D"; cp w "$A/t"; mv "$A/t" "$D"; tee "$D" < w; done',
    "refused write": "for k in $(seq 4); do printf 'a\\nb\\n' > \"$A/name\"; done",
    "each another": 'for k in $(seq 9); do echo "try $k" > "$D"; done',
}
TEXTS = {
    "same": {"one"},
    "emptied": {"one", ""},
    "in turns": {"one", "two", "three"},
    "tools": {"one"},
    "refused write": {"a\nb"},
    "each another": {f"try {k}" for k in range(1, 10)},
}
OTHERS = ("aside", "looked", "refused alone")
IDS = {name: make_id(number) for number, name in enumerate([*LOOPS, *OTHERS], 1)}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for number, name in enumerate(IDS, 1)]
    with mounting(tmp_path_factory.mktemp("tries"), assets) as mounted:
        (mounted.home / "w").write_text("one\n")
        (mounted.home / "v").write_text("three\n")
        refuse(mounted)
        yield mounted


def refuse(mounted: Mounted) -> None:
    mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=400)


def entries(mounted: Mounted, name: str) -> list[dict[str, object]]:
    lines = mounted.cli("log", "-n", "5000", "--entries", "-o", "jsonl").stdout.splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    return [row for row in rows if row["asset_id"] == IDS[name]]


def unsent(mounted: Mounted, name: str) -> list[str]:
    folder = mounted.folder / ".coexplorer" / "unsent"
    return [each.read_text().rstrip("\n") for each in folder.glob(f"*-{name}.*")]


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_leaves_each_text_once_and_few_to_look_at(mounted: Mounted, name: str) -> None:
    folder = mounted.asset(name)

    mounted.run(LOOPS[name], A=str(folder), D=str(folder / "description.md"))
    mounted.settle()

    kept = unsent(mounted, name)
    assert Counter(kept) == Counter(set(kept)), "one text twice"
    assert len(kept) <= 5
    assert kept == [] or set(kept) <= TEXTS[name]
    rows = entries(mounted, name)
    field = "name" if name == "refused write" else "description"
    told = [str(msgspec.to_builtins(row["wanted"])[field]).rstrip("\n") for row in rows]
    assert set(told) == TEXTS[name], "the log gives each text back"
    assert len(told) == len(set(told)), "and only once"
    listed = mounted.cli("log", "-n", "100").stdout.partition("CHANGE")[2]
    assert len(re.findall(rf" of {name}\b", listed)) == len(kept)
    report = (folder / "error").read_text()
    parts = re.findall(r"--- as you wrote it then:\n(.*)", report)
    assert len(parts) == len(set(parts)) == len(kept) - 1


@pytest.mark.parametrize("name", OTHERS)
def test_the_next_mount_tells_of_what_was_refused_until_somebody_looks(
    mounted: Mounted, name: str
) -> None:
    path = mounted.asset(name) / "description.md"
    error = path.with_name("error")
    variables = {"A": str(path.parent), "D": str(path)}
    mounted.run('echo first > "$D"', **variables)
    if name != "refused alone":
        mounted.run('echo second > "$D"', **variables)
    if name == "aside":  # what follows arrives, and has neither
        mounted.server.faults.clear()
        assert mounted.run('sed -i "s/.*/third/" "$D"', **variables).returncode == 0
        refuse(mounted)
    if name == "looked":
        assert "first" in error.read_text()
        mounted.settle()

    mounted.stop()
    mounted.start()

    assert error.exists() is (name != "looked")
    if name == "refused alone":
        assert "the platform refused this" in error.read_text()
    elif name == "aside":
        told = re.findall(r"--- as you wrote it then:\n(.*)", error.read_text())
        assert told == ["first", "second"]
        assert path.read_text() == "third\n"

    mounted.settle()
    mounted.stop()
    mounted.start()
    assert not error.exists()
    assert unsent(mounted, name), "looked at, not given up"
    mounted.server.faults.clear()
    assert save(path, "fourth\n") == 0
    refuse(mounted)
    wait_until(lambda: not unsent(mounted, name), "what was looked at given up by the next save")
    assert "first" in str(entries(mounted, name))


def names_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


LEFT_BEHIND = {
    "tmp renamed": 'cp w "$D.tmp"; mv "$D.tmp" "$D"',
    "mkstemp": 'cat w > "$A/tmp_q2x9ab"; mv "$A/tmp_q2x9ab" "$D"',
    "killed sed": 'cp w "$A/sedAb12Cd"; cp w "$D"',
    "killed rsync": 'cp w "$A/.description.md.Ab12Cd"; cp w "$D"',
    "probe": ': > "$A/4913"; cp w "$D"',
    "backup": 'cp "$D" "$D~"; cp w "$D"',
}


def test_copies_that_tools_left_of_a_kept_text_go_and_nothing_else(mounted: Mounted) -> None:
    folder = mounted.asset("same")
    own = dict.fromkeys(("t", "notes.md~", "sedatives", "tmpresult", "2024"), "one\n")
    for name, text in own.items():
        (folder / name).write_text(text)
    before = names_in(folder)

    for script in LEFT_BEHIND.values():
        mounted.run(script, A=str(folder), D=str(folder / "description.md"))
    mounted.settle()
    left = names_in(folder) - before - {"error"}
    assert len(left) == len(LEFT_BEHIND), "a tool may try once more"
    mounted.stop()
    told = {each.name for each in mounted.home.glob("state/**/*.kept/*/*")}
    assert told == set(own)
    mounted.start()

    assert {name: (folder / name).read_text() for name in own} == own
    assert names_in(folder) - {"error"} == before - {"error"}

    (folder / "description.md.tmp").write_text("one\n")  # and after a crash
    (folder / "sedAb12Cd").write_text("nowhere else\n")
    mounted.kill()
    mounted.start()
    assert not (folder / "description.md.tmp").exists()
    assert (folder / "sedAb12Cd").read_text() == "nowhere else\n"
