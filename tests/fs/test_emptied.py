"""A file is emptied after a save of it failed, or before one has ended: no text goes with that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import HURRIED, Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

EMPTYING = {
    "colon": ': > "$D"',
    "truncate": 'truncate -s 0 "$D"',
    "cp": 'cp /dev/null "$D"',
    "blank": 'echo > "$D"',
}
AGAIN = {
    "cp": ': > "$D"; cp "$W" "$D"',
    "truncate": 'truncate -s 0 "$D" && cat "$W" >> "$D"',
    "tee": ': > "$D"; tee -a "$D" < "$W"',
    "dev_null": 'cp /dev/null "$D"; cat "$W" > "$D"',
}
PUTS_BACK = {
    "sed": "sed -i 's/.*/old text/' \"$D\"",
    "mv": 'cp "$OLD" "$A/t" && mv "$A/t" "$D"',
    "cp": 'cp "$OLD" "$D"',
    "echo": 'echo "old text" > "$D"',
}
NUMBERS = {
    name: number
    for number, name in enumerate(
        [
            *(f"again_{each}" for each in AGAIN),
            *(f"emptied_{each}" for each in EMPTYING),
            *(f"refused_{each}" for each in EMPTYING),
            *(f"needless_{each}" for each in EMPTYING),
            *("looked", "empty_late"),
            *(f"back_{each}" for each in PUTS_BACK),
        ],
        1,
    )
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for name, number in NUMBERS.items()]
    with mounting(tmp_path_factory.mktemp("emptied"), assets, first=HURRIED) as mounted:
        (mounted.home / "w").write_text("old text\nMINE\n")
        (mounted.home / "old").write_text("old text\n")
        yield mounted


@pytest.fixture
def mounted(shared: Mounted) -> Iterator[Mounted]:
    yield shared
    shared.server.faults.clear()


def folder_of(mounted: Mounted, name: str) -> Path:
    return mounted.asset(name)


def run(mounted: Mounted, name: str, script: str) -> int:
    folder = folder_of(mounted, name)
    return mounted.run(
        f"set -o pipefail; {script}",
        A=str(folder),
        D=str(folder / "description.md"),
        W=str(mounted.home / "w"),
        OLD=str(mounted.home / "old"),
    ).returncode


def error_of(mounted: Mounted, name: str) -> str:
    path = folder_of(mounted, name) / "error"
    return path.read_text() if path.exists() else ""


def unsent_of(mounted: Mounted, name: str) -> list[str]:
    """The unsent texts of an asset, as the log has them."""
    out = mounted.cli("log", "-n", "5000", "--entries", "-o", "jsonl").stdout
    rows = [msgspec.json.decode(line) for line in out.splitlines()]
    kept = ("unsent", "conflict", "refused", "unknown")
    mine = [row for row in rows if row["asset_id"] == make_id(NUMBERS[name])]
    return [row["wanted"]["description"] for row in mine if row["state"] in kept]


def there(mounted: Mounted, name: str) -> str:
    return mounted.server.store.get(make_id(NUMBERS[name])).description or ""


def change(mounted: Mounted, name: str, text: str) -> None:
    wait_until(lambda: mounted.status()["reading news"] == "no", "the news read")
    mounted.server.store.update(make_id(NUMBERS[name]), description=text)


def fail(mounted: Mounted, name: str) -> None:
    """Let a save meet a colleague's text."""
    assert run(mounted, name, 'cat "$D" > /dev/null') == 0
    change(mounted, name, "COLLEAGUE")
    assert run(mounted, name, 'cp "$W" "$D"') != 0


@pytest.mark.parametrize("again", AGAIN)
def test_a_refused_text_is_refused_again_after_the_file_was_emptied(
    mounted: Mounted, again: str
) -> None:
    name = f"again_{again}"
    fail(mounted, name)
    for _ in range(2):
        assert run(mounted, name, AGAIN[again]) != 0
        mounted.settle()
    assert run(mounted, name, 'cp "$W" "$D"') != 0

    assert there(mounted, name) == "COLLEAGUE"
    assert any("MINE" in line for line in unsent_of(mounted, name))
    assert "MINE" in error_of(mounted, name)


@pytest.mark.parametrize("emptying", EMPTYING)
def test_an_empty_text_takes_no_refused_ones_place(mounted: Mounted, emptying: str) -> None:
    name = f"emptied_{emptying}"
    fail(mounted, name)
    run(mounted, name, EMPTYING[emptying])
    mounted.settle()

    assert there(mounted, name) == "COLLEAGUE"
    assert any("MINE" in line for line in unsent_of(mounted, name))
    assert run(mounted, name, 'cp "$W" "$D"') != 0
    assert "MINE" in error_of(mounted, name)


@pytest.mark.parametrize("emptying", EMPTYING)
def test_an_empty_text_takes_no_failed_ones_place(mounted: Mounted, emptying: str) -> None:
    name = f"refused_{emptying}"
    mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=500)
    assert run(mounted, name, "sed -i 's/$/ MINE/' \"$D\"") != 0
    run(mounted, name, EMPTYING[emptying])
    mounted.settle()

    assert any("MINE" in line for line in unsent_of(mounted, name))
    assert "MINE" in error_of(mounted, name)


@pytest.mark.parametrize("emptying", EMPTYING)
def test_an_empty_text_that_is_there_already_ends_no_failure(
    mounted: Mounted, emptying: str
) -> None:
    name = f"needless_{emptying}"
    assert run(mounted, name, ': > "$D"') == 0
    wait_until(lambda: not there(mounted, name), "an empty text")
    mounted.settle()
    mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=500)
    assert run(mounted, name, 'cp "$W" "$D"') != 0
    run(mounted, name, EMPTYING[emptying])
    mounted.settle()

    assert any("MINE" in line for line in unsent_of(mounted, name))
    assert "status 500" in error_of(mounted, name)


def test_who_has_read_the_error_may_empty_the_file(mounted: Mounted) -> None:
    fail(mounted, "looked")
    assert "MINE" in error_of(mounted, "looked")
    assert run(mounted, "looked", ': > "$D"') == 0

    wait_until(lambda: not there(mounted, "looked"), "an empty text")
    mounted.settle()
    assert not error_of(mounted, "looked")


@pytest.mark.parametrize("way", PUTS_BACK)
def test_putting_the_last_text_back_replaces_a_save_on_its_way(mounted: Mounted, way: str) -> None:
    name = f"back_{way}"
    gate = mounted.server.hooks.before("PUT")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(run, mounted, name, 'echo USER | cat > "$D"')
        gate.wait()
        back = pool.submit(run, mounted, name, PUTS_BACK[way])
        wait_until(lambda: int(mounted.status()["in flight"]) == 2, "both on their way")
        gate.release()
        assert [first.result(), back.result()] == [0, 0]

    mounted.settle()
    assert there(mounted, name) == "old text"


def test_emptying_replaces_a_save_on_its_way(mounted: Mounted) -> None:
    name = "empty_late"
    assert run(mounted, name, ': > "$D"') == 0
    wait_until(lambda: not there(mounted, name), "an empty text")
    mounted.settle()
    gate = mounted.server.hooks.before("PUT")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(run, mounted, name, 'echo USER | cat > "$D"')
        gate.wait()
        assert run(mounted, name, ': > "$D"') == 0
        gate.release()
        assert first.result() == 0

    mounted.settle()
    assert not there(mounted, name)
