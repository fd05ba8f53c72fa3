"""A text that failed stays until somebody has looked at it, whoever saves next, and however."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import HURRIED, Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

FIRST = {
    "cp": 'cp w1 "$D"',
    "echo": 'cat w1 > "$D"',
    "append": 'cat w1 >> "$D"',
    "mv": 'cp w1 "$A/t" && mv "$A/t" "$D"',
}
NEXT = {
    "cp": 'cp w2 "$D"',
    "echo": 'cat w2 > "$D"',
    "mv": 'cp w2 "$A/t" && mv "$A/t" "$D"',
    "python": "python3 -c \"open('$D', 'w').write(open('w2').read())\"",
    "edit": 'exec "$PY" -m coexplorer edit "$ID" --description "$(cat w2)" --yes < /dev/null',
    "other mount": 'cp w2 "$D2"',
}
CASES = [
    ("500", "cp", "cp"),
    ("500", "cp", "edit"),
    ("500", "append", "other mount"),
    ("500", "mv", "mv"),
    ("400", "echo", "python"),
    ("400", "mv", "cp"),
    ("409", "cp", "echo"),
    ("403", "cp", "edit"),
    ("403", "mv", "other mount"),
    ("conflict", "cp", "edit"),
    ("conflict", "mv", "edit"),
    ("utf8", "cp", "cp"),
]
IDS = {"-".join(case): make_id(number) for number, case in enumerate(CASES, 1)}
MORE = ("same", "words", "looked", "needless", "editor", "moved", "deleted")
IDS |= {name: make_id(number) for number, name in enumerate(MORE, len(IDS) + 1)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mounted, Mounted]]:
    base = tmp_path_factory.mktemp("kept_texts")
    assets = [make_asset(number, name) for number, name in enumerate(IDS, 1)]
    with mounting(base, assets, "--allow-delete", first=HURRIED) as mounted:
        other = Mounted(mounted.server, mounted.home, base / "mount2", first=HURRIED)
        other.log = mounted.home / "mount2.log"
        try:
            other.start()
            yield mounted, other
        finally:
            other.clean_up()


class Case:
    """One asset in two mounts of one profile."""

    def __init__(self, shared: tuple[Mounted, Mounted], name: str, fault: str) -> None:
        self.mounted, self.other = shared
        self.name, self.fault = name, fault
        self.folder = self.mounted.asset(name)
        self.error = self.folder / "error"
        text = b"solitude \xff tomorrow\n" if fault == "utf8" else b"solitude whispers\n"
        (self.mounted.home / "w1").write_bytes(text)
        (self.mounted.home / "w2").write_text("engine carburettor piston\n")
        self.mounted.server.faults.clear()
        self.run('cat "$D" "$D2"')

    def run(self, script: str) -> int:
        other = self.other.asset(self.name)
        return self.mounted.run(
            script,
            A=str(self.folder),
            D=str(self.folder / "description.md"),
            D2=str(other / "description.md"),
            ID=IDS[self.name],
            PY=str(Path(msgspec.__file__).parents[4] / "bin" / "python"),
        ).returncode

    def fail(self, script: str) -> None:
        """Let a save fail, and the platform be well again."""
        server = self.mounted.server
        if self.fault.isdigit():
            status = int(self.fault)
            server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=status)
        elif self.fault == "conflict":
            wait_until(lambda: self.mounted.status()["reading news"] == "no", "the news read")
            server.store.update(IDS[self.name], description="COLLEAGUE")
        assert self.run(script) != 0 or self.fault != "utf8"
        wait_until(self.error.exists, "a report")
        server.faults.clear()
        if self.fault == "403":  # it is refused for a minute without asking
            self.run('touch "$A/../../.coexplorer/refresh" "$D2/../../../.coexplorer/refresh"')

    @property
    def there(self) -> str:
        return self.mounted.server.store.get(IDS[self.name]).description or ""

    def unsent(self) -> str:
        folder = self.mounted.folder / ".coexplorer" / "unsent"
        return "".join(each.read_text() for each in folder.glob(f"*-{self.name}.*"))

    def has_gone(self) -> bool:
        return not self.unsent() and not self.error.exists()


@pytest.mark.parametrize(("fault", "first", "following"), CASES)
def test_a_text_that_failed_outlives_the_next_save(
    shared: tuple[Mounted, Mounted], fault: str, first: str, following: str
) -> None:
    case = Case(shared, f"{fault}-{first}-{following}", fault)
    case.fail(FIRST[first])
    if fault == "conflict":  # who has read the other text may replace it
        case.run('cat "$D"')

    wait_until(lambda: case.run(NEXT[following]) == 0, "the next save", 60)
    wait_until(lambda: case.there == "engine carburettor piston", "the next text")
    case.mounted.settle()
    case.other.settle()

    assert "solitude" in case.unsent()
    wait_until(lambda: "solitude" in case.error.read_text(), "the text itself in error")
    (case.mounted.home / "w2").write_text("later\n")
    wait_until(lambda: case.run(NEXT[following]) == 0, "another save")
    wait_until(case.has_gone, "what was looked at given up by the next save")


def test_a_text_goes_into_one_that_has_it(shared: tuple[Mounted, Mounted]) -> None:
    for name, script in (
        ("same", 'cp w1 "$D"'),
        ("words", 'cat w1 w2 > "$D"'),
        ("looked", 'cat "$A/error" && cp w2 "$D"'),
        ("editor", ""),
    ):
        case = Case(shared, name, "500")
        if script:
            case.fail('cp w1 "$D"')
            assert case.run(script) == 0
        else:  # one program reads, fails, hears of it, and goes on
            case.mounted.server.faults.add(
                FaultKind.STATUS, "PUT", "data_assets/*", status=500, times=1
            )
            program = (
                "import os, contextlib\n"
                "path = os.environ['D']\n"
                "open(path).read()\n"
                "with contextlib.suppress(OSError): open(path, 'w').write('solitude')\n"
                "open(path, 'w').write('engine')\n"
            )
            assert case.run(f'python3 -c "{program}"') == 0
        wait_until(case.has_gone, f"{name}: nothing kept")


def test_a_save_that_changes_nothing_lets_a_failed_one_wait(
    shared: tuple[Mounted, Mounted],
) -> None:
    case = Case(shared, "needless", "500")
    case.fail('cp w1 "$A/t"; mv "$A/t" "$D"')
    assert case.run("sed -i 's/nothing/here/' \"$D\"") == 0
    case.mounted.settle()

    assert "status 500" in case.error.read_text()
    case.mounted.cli("retry")
    assert case.there == "solitude whispers"
    wait_until(case.has_gone, "the report gone")


def test_a_text_of_an_asset_that_is_deleted_stays(shared: tuple[Mounted, Mounted]) -> None:
    case = Case(shared, "deleted", "500")
    case.fail('cp w1 "$D"')
    moves = 'mv "$A" "$A/../../archived/" && mv "$A/../../archived/deleted" "$A/../../deleted/"'
    case.run(moves.replace('"$A/../../', f'"{case.mounted.folder}/'))
    wait_until(lambda: not case.folder.exists(), "it is deleted")
    assert "solitude" in case.unsent()


def test_who_renames_an_asset_may_write_its_name(shared: tuple[Mounted, Mounted]) -> None:
    case = Case(shared, "moved", "500")
    to = case.folder.with_name("B")
    script = f'read n < "$A/name"; cat "$A/name"; mv "$A" "{to}" && '
    assert case.run(f"{script} python3 -c \"open('{to}/name', 'w').write('C')\"") == 0
    assert case.mounted.server.store.get(IDS["moved"]).name == "C"


@pytest.mark.parametrize("trouble", ["away", "forbidden"])
def test_a_text_that_is_refused_without_asking_is_kept(tmp_path: Path, trouble: str) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mounted:
        path = mounted.asset("a1") / "description.md"
        if trouble == "away":
            mounted.server.stop()
        else:
            mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=403)
        replace = "import os; open('$D.t', 'w').write('REPLACE'); os.replace('$D.t', '$D')"
        for script in (
            'sed -i s/.*/SED-1/ "$D"',
            'sed -i s/.*/SED-2/ "$D"',
            'echo RSD > w; rsync w "$D"',
            f'python3 -c "{replace}"',
        ):
            assert mounted.run(script, D=str(path)).returncode != 0, script

        folder = mounted.folder / ".coexplorer" / "unsent"
        kept = sorted(each.read_text().strip() for each in folder.iterdir())
        assert kept == ["REPLACE", "RSD", "SED-1", "SED-2"]
        report = (path.parent / "error").read_text()
        assert all(f"then:\n{text}" in report for text in ("SED-1", "SED-2", "RSD"))
        if trouble == "away":
            mounted.server.start()
            mounted.cli("retry")
        else:  # the newest is what is meant
            mounted.server.faults.clear()
            last = max(folder.iterdir(), key=lambda each: int(each.name.partition("-")[0]))
            mounted.cli("retry", last.name.partition("-")[0])
        assert mounted.server.store.get(make_id(1)).description == "REPLACE"


@pytest.mark.parametrize("kind", [FaultKind.LOST, FaultKind.STATUS])
def test_a_lost_reply_is_settled_by_itself(tmp_path: Path, kind: FaultKind) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mounted:
        path = mounted.asset("a1") / "description.md"
        faults = mounted.server.faults
        faults.add(kind, "PUT", "data_assets/*", status=502)
        faults.add(FaultKind.RESET, "GET", "data_assets/*", after=1)
        assert mounted.run('echo words | cp /dev/stdin "$D"', D=str(path)).returncode != 0
        mounted.settle()
        assert "unknown" in mounted.cli("log").stdout
        faults.clear()

        if kind is FaultKind.LOST:
            wait_until(lambda: not path.with_name("error").exists(), "it has arrived")
            assert mounted.server.store.get(make_id(1)).description == "words"
        else:
            error = path.with_name("error")
            wait_until(lambda: "did not reach" in error.read_text(), "it has not arrived")
            mounted.cli("retry")
            wait_until(lambda: not error.exists(), "it is sent")


def test_a_409_shows_the_three_versions(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mounted:
        path = mounted.asset("a1") / "description.md"
        mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=409)
        assert mounted.run('echo mine | cp /dev/stdin "$D"', D=str(path)).returncode != 0
        report = (path.parent / "error").read_text()
        for words in (
            "it was before:\nold text",
            "you wrote:\nmine",
            "the platform has:\nold text",
        ):
            assert words in report
