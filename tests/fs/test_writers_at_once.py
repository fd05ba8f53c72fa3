"""Several who write one file at once: each saves a whole text, and the last close counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest

from tests.support.mounted import PATIENT, Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

WRITERS = {
    "echo": 'bash -c "echo $T > $D"',
    "cat": 'echo $T > in_$T; bash -c "cat in_$T > $D"',
    "tee": "echo $T | tee $D > /dev/null",
    "dd": "echo $T | dd of=$D status=none",
    "cp": "echo $T > in_$T; cp in_$T $D",
    "python": "python3 -c \"open('$D', 'w').write('$T\\n')\"",
}
NAMES = {
    name: number
    for number, name in enumerate(
        [
            *WRITERS,
            *("behind_open", "behind_cut", "chunks", "holes", "halves", "first_closes_last"),
            *(
                "emptied_last",
                "emptied_first",
                "queue",
                "appends",
                "end",
                "own_cut",
                "own_ftruncate",
            ),
        ],
        1,
    )
}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for name, number in NAMES.items()]
    with mounting(tmp_path_factory.mktemp("writers"), assets, first=PATIENT) as mounted:
        yield mounted


def path_of(mounted: Mounted, name: str) -> Path:
    return mounted.folder / "by-id" / make_id(NAMES[name]) / "description.md"


def there(mounted: Mounted, name: str) -> str | None:
    return mounted.server.store.get(make_id(NAMES[name])).description


def entries(mounted: Mounted, name: str) -> list[tuple[str, str]]:
    """What was to be sent, and what became of it, oldest first."""
    mounted.settle()
    lines = mounted.cli("log", "-n", "5000", "--entries", "-o", "jsonl").stdout.splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    mine = [row for row in rows if row["asset_id"] == make_id(NAMES[name])]
    mine.sort(key=lambda row: row["entry"])
    return [(row["wanted"]["description"], row["state"]) for row in mine]


def in_flight(mounted: Mounted) -> int:
    return int(mounted.status()["in flight"])


def start(pool: ThreadPoolExecutor, mounted: Mounted, name: str, text: str) -> Future[int]:
    """Save with a program of its own."""
    return begin(pool, mounted, f"printf '{text}\\n' | cat > '{path_of(mounted, name)}'")


def begin(pool: ThreadPoolExecutor, mounted: Mounted, script: str) -> Future[int]:
    """Run a script, and wait until what it saves waits for the platform."""
    before = in_flight(mounted)
    future = pool.submit(lambda: run(mounted, script).returncode)
    wait_until(lambda: in_flight(mounted) > before, "the save begun")
    return future


def run(mounted: Mounted, script: str) -> CompletedProcess[str]:
    return mounted.run(f"set -o pipefail; {script}")


@pytest.mark.parametrize("writer", WRITERS)
def test_two_writers_and_a_reader_never_send_an_empty_text(mounted: Mounted, writer: str) -> None:
    path = path_of(mounted, writer)
    script = f"""
        (while [ ! -e done_{writer} ]; do cat $D; done > /dev/null 2>&1) &
        reader=$!
        for T in AAA BBB; do (for k in $(seq 10); do {WRITERS[writer]}; done) & done
        wait $(jobs -p | grep -v $reader); touch done_{writer}; wait
    """

    mounted.run(script, D=str(path))

    texts = {text for text, _ in entries(mounted, writer)}
    assert texts
    assert texts <= {"AAA", "BBB"}


@pytest.mark.parametrize("cut", ["behind_open", "behind_cut"])
def test_who_empties_a_file_empties_no_save_that_waits(mounted: Mounted, cut: str) -> None:
    path = path_of(mounted, cut)
    gate = mounted.server.hooks.before("PUT")
    with ThreadPoolExecutor() as pool:
        first = start(pool, mounted, cut, "first")
        second = start(pool, mounted, cut, "second")
        fd = os.open(path, os.O_WRONLY | (os.O_TRUNC if cut == "behind_open" else 0))
        if cut == "behind_cut":
            os.truncate(path, 0)
        gate.release()
        assert [first.result(), second.result()] == [0, 0]
        assert there(mounted, cut) == "second"
        os.write(fd, b"third\n")
        os.close(fd)

    sent = [text for text, state in entries(mounted, cut) if state == "applied"]
    assert sent == ["first", "second", "third"]
    assert path.read_text() == "third\n"


def test_texts_that_are_written_at_once_are_never_mixed(mounted: Mounted) -> None:
    path = path_of(mounted, "chunks")
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"one ")

    assert run(mounted, f"printf 'a longer text\\n' | cat > '{path}'").returncode == 0
    assert there(mounted, "chunks") == "a longer text"
    os.write(fd, b"two\n")
    os.close(fd)

    assert there(mounted, "chunks") == "one two"
    assert path.read_text() == "one two\n"
    assert entries(mounted, "chunks") == [("a longer text", "applied"), ("one two", "applied")]


@pytest.mark.parametrize("name", ["own_cut", "own_ftruncate"])
def test_who_empties_what_it_has_open_goes_on_with_that(mounted: Mounted, name: str) -> None:
    path = path_of(mounted, name)
    fd = os.open(path, os.O_RDWR)
    os.write(fd, b"something")
    os.truncate(path if name == "own_cut" else fd, 0)
    os.pwrite(fd, b"anew\n", 0)
    os.close(fd)

    wait_until(lambda: there(mounted, name) == "anew", "what was written last")
    assert path.read_text() == "anew\n"


def test_who_goes_on_behind_where_a_file_was_emptied_makes_no_hole(mounted: Mounted) -> None:
    path = path_of(mounted, "holes")
    fd = os.open(path, os.O_RDWR | os.O_TRUNC)
    os.write(fd, b"before ")

    assert run(mounted, f": > '{path}'").returncode == 0
    os.write(fd, b"and after\n")
    os.close(fd)

    assert ("before and after", "applied") in entries(mounted, "holes")
    assert all(text or state != "applied" for text, state in entries(mounted, "holes"))
    assert path.read_text() == "before and after\n"


def test_a_letter_that_is_cut_in_half_is_not_completed_by_others(mounted: Mounted) -> None:
    path = path_of(mounted, "halves")
    text = "größer\n".encode()
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, text[:3])

    assert run(mounted, f"printf 'ÄÖÜ\\n' | cat > '{path}'").returncode == 0
    assert there(mounted, "halves") == "ÄÖÜ"
    os.write(fd, text[3:])
    os.close(fd)

    assert there(mounted, "halves") == "größer"


def test_the_last_close_has_the_last_word(mounted: Mounted) -> None:
    path = path_of(mounted, "first_closes_last")
    gate = mounted.server.hooks.before("PUT")
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"first to open\n")
    with ThreadPoolExecutor() as pool:
        others = [start(pool, mounted, "first_closes_last", text) for text in ("B", "C")]
        last = pool.submit(os.close, fd)
        wait_until(lambda: in_flight(mounted) == 3, "all on their way")
        gate.release()
        last.result()
        assert [each.result() for each in others] == [0, 0]

    assert there(mounted, "first_closes_last") == "first to open"
    texts = ["B", "C", "first to open"]
    assert entries(mounted, "first_closes_last") == [(text, "applied") for text in texts]


def test_a_file_is_emptied_by_who_closes_it_last(mounted: Mounted) -> None:
    path = path_of(mounted, "emptied_last")
    assert save(path, "a text\n") == 0
    assert run(mounted, f": > '{path}'").returncode == 0

    wait_until(lambda: not there(mounted, "emptied_last"), "an empty text")


def test_a_text_that_is_closed_after_an_empty_one_stays(mounted: Mounted) -> None:
    path = path_of(mounted, "emptied_first")
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"written\n")
    assert run(mounted, f": > '{path}'").returncode == 0
    os.close(fd)

    assert entries(mounted, "emptied_first")[-1] == ("written", "applied")
    assert all(state != "applied" for text, state in entries(mounted, "emptied_first") if not text)
    assert path.read_text() == "written\n"


def test_each_save_behind_a_slow_one_is_sent_and_none_is_left(mounted: Mounted) -> None:
    gate = mounted.server.hooks.before("PUT")
    texts = ["A", "B", "C", "D"]
    with ThreadPoolExecutor() as pool:
        saves = [start(pool, mounted, "queue", text) for text in texts]
        log = ("log", "-n", "5000", "--entries", "-o", "jsonl")
        wait_until(lambda: '"planned"' in mounted.cli(*log).stdout, "what waits written down")
        gate.release()
        assert [each.result() for each in saves] == [0] * len(saves)

    assert there(mounted, "queue") == "D"
    after = entries(mounted, "queue")
    assert [text for text, state in after if state == "applied"] == texts
    assert {state for _, state in after} <= {"applied", "discarded"}


def test_what_is_appended_behind_a_slow_save_is_sent_once_and_whole(mounted: Mounted) -> None:
    path = path_of(mounted, "appends")
    gate = mounted.server.hooks.before("PUT")
    with ThreadPoolExecutor() as pool:
        scripts = [f"echo {line} >> '{path}'" for line in ("one", "two", "three")]
        saves = [begin(pool, mounted, script) for script in scripts]
        gate.release()
        assert [each.result() for each in saves] == [0, 0, 0]

    wanted = "old text\none\ntwo\nthree"
    assert there(mounted, "appends") == wanted
    assert {state for _, state in entries(mounted, "appends")} <= {"applied", "discarded"}


def test_texts_of_all_that_is_open_outlive_the_end_of_the_mount(mounted: Mounted) -> None:
    path = path_of(mounted, "end")
    fds = [os.open(path, os.O_WRONLY | os.O_TRUNC) for _ in range(2)]
    for fd, text in zip(fds, (b"one\n", b"other\n"), strict=True):
        os.write(fd, text)

    mounted.stop()

    for fd in fds:
        with suppress(OSError):
            os.close(fd)
    lines = mounted.cli("log", "-n", "5000", "--entries", "-o", "jsonl").stdout.splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    wanted = {r["wanted"]["description"] for r in rows if r["asset_id"] == make_id(NAMES["end"])}
    assert wanted == {"one", "other"}
