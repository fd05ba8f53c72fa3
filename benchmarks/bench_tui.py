"""The app in a terminal compared with its peers, as the user sees it, in one run.

    python benchmarks/bench_tui.py [--assets 100000] [--runs 5] [--idle-s 60]

Each program runs in a pty of 120 columns and 36 lines. Times go from a key (or the start) to the
last byte of what it shows. The slow link carries 64 kbit/s with a round trip of 200 ms. Cold means
that the kernel has forgotten all files (needs root). The peers show the same number of rows: a bare
Textual app with its DataTable, mc in a folder, vim on a text.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.processes import need
from benchmarks.pty_session import Link, Session
from benchmarks.tui_programs import Place, Program, hostile_place, open_place
from benchmarks.tui_table import Figures, print_table

SLOW = Link(bytes_per_s=8000, round_trip_s=0.2)
STEPS = 60
HELD = 90
HELD_EVERY_S = 1 / 30
FILTERS = ("ecephys", "raw size:>1GB", "tag:sorted -tag:raw")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100_000, help="the larger number of assets")
    parser.add_argument("--small", type=int, default=1_200, help="the smaller one")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--idle-s", type=float, default=60.0)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    if not options.no_peers:
        need({"mc": "mc", "vim": "vim"}, otherwise="--no-peers")
    figures: Figures = {}
    for count in (options.small, options.assets):
        with tempfile.TemporaryDirectory() as folder, open_place(Path(folder), count) as place:
            for program in place.programs(peers=not options.no_peers):
                heavy = program.name == "DataTable" and count > 10_000
                runs = 1 if heavy else options.runs
                said = measure(program, runs=runs, idle_s=options.idle_s)
                figures[f"{program.name} {count:,}"] = said
    with tempfile.TemporaryDirectory() as folder, hostile_place(Path(folder), 10_000) as place:
        figures["coexplorer hostile"] = measure_hostile(place)
    print_table(figures, small=options.small, large=options.assets)


def measure(program: Program, *, runs: int, idle_s: float) -> dict[str, float]:
    """Measure all of one program."""
    said: dict[str, float] = {}

    def note(row: str, value: float) -> None:
        said[row] = value
        print(f"  {program.title}: {row}: {value:,.1f}", flush=True)

    note("first rows, never left before ms", measure_start(program)[0])
    starts = [measure_start(program) for _ in range(runs)]
    note("first rows ms", statistics.median(start[0] for start in starts))
    note("first screen bytes", statistics.median(start[1] for start in starts))
    cold = [measure_start(program)[0] for _ in range(min(3, runs)) if forget_files()]
    if cold:
        note("first rows cold ms", statistics.median(cold))
    if program.ahead:
        ahead = [measure_ahead(program) for _ in range(runs)]
        note("key at spawn shown ms", statistics.median(shown_ms for shown_ms, _ in ahead))
        note("key at spawn ms", statistics.median(found_ms for _, found_ms in ahead))
    keys = [measure_keys(program) for _ in range(runs)]
    for row in keys[0]:
        note(row, statistics.median(each[row] for each in keys))
    measure_rest(program, note, idle_s)
    exits = [measure_exit(program, None) for _ in range(runs)]
    note("exit ms", statistics.median(exit_ms for exit_ms, _ in exits))
    note("modes left on", max(left for _, left in exits))
    mute = [measure_exit(program, None, answers=False)[0] for _ in range(runs)]
    note("exit mute ms", statistics.median(mute))
    if program.ours:
        for number in (signal.SIGHUP, signal.SIGTERM):
            exit_ms, left = measure_exit(program, number)
            note(f"exit {number.name} ms", exit_ms)
            note(f"modes left on {number.name}", left)
    links = [measure_link(program) for _ in range(runs)]
    note("first rows slow link ms", statistics.median(first_ms for first_ms, _ in links))
    note("lag after held key ms", statistics.median(lag_ms for _, lag_ms in links))
    return said


def measure_start(program: Program) -> tuple[float, int]:
    """Return milliseconds to the first rows, and the bytes of the first settled screen."""
    with program.open() as session:
        at = session.wait_for(program.shows_rows, timeout_s=120)
        session.wait_quiet(quiet_s=0.6)
        result = (at - session.spawned_at) * 1000, session.count_bytes()
        program.leave(session)
    return result


def forget_files() -> bool:
    """Let the kernel forget all files; False when it does not let us."""
    os.sync()
    with suppress(OSError):
        Path("/proc/sys/vm/drop_caches").write_text("3")
        return True
    return False


def measure_ahead(program: Program) -> tuple[float, float]:
    """Return milliseconds until a search typed at the start is shown, and until it has found."""
    with program.open(typed_ahead=program.ahead) as session:
        shown = session.wait_for(program.shows_search)
        found = session.wait_for(program.has_found)
        result = (shown - session.spawned_at) * 1000, (found - session.spawned_at) * 1000
        session.press("esc", quiet_s=0.5)
        program.leave(session)
    return result


def measure_keys(program: Program) -> dict[str, float]:
    """Move inside the page, at its edge, by pages; filter."""
    said: dict[str, float] = {}
    with program.open() as session:
        session.wait_for(program.shows_rows, timeout_s=120)
        session.wait_quiet(quiet_s=1.0)
        inside = [session.press(program.down) for _ in range(program.page // 2)]
        for _ in range(program.page):
            session.write(program.down)
        session.wait_quiet(quiet_s=0.5)
        edge = [session.press(program.down) for _ in range(STEPS)]
        everything = [one.settled_ms for one in (*inside, *edge)]
        said["cursor down p50 ms"] = statistics.median(everything)
        said["cursor down p95 ms"] = percentile(everything, 95)
        said["cursor down bytes inside"] = statistics.median(one.count_bytes for one in inside)
        said["cursor down bytes edge"] = statistics.median(one.count_bytes for one in edge)
        pages = [session.press(program.page_down, quiet_s=0.3) for _ in range(20)]
        said["page down p95 ms"] = percentile([one.first_ms for one in pages], 95)
        said["page down bytes"] = statistics.median(one.count_bytes for one in pages)
        if program.ours:
            times = list(iter_filter_times(session, program.list_rows))
            lists = [list_ms for list_ms, _ in times if list_ms is not None]
            said["filter key list p95 ms"] = percentile(lists, 95)
            said["filter key p50 ms"] = statistics.median(all_ms for _, all_ms in times)
            said["filter key p95 ms"] = percentile([all_ms for _, all_ms in times], 95)
        program.leave(session)
    return said


def iter_filter_times(session: Session, list_rows: slice) -> Iterable[tuple[float | None, float]]:
    """Type searches; yield milliseconds until the list had changed, and until all had.

    The list of a key that changes no visible row is None.
    """
    for text in FILTERS:
        session.press("/", quiet_s=0.3)
        for char in text:
            start = time.monotonic()
            session.write(char)
            found, counted = session.wait_unchanged_parts(list_rows, slice(2, 23), quiet_s=0.3)
            list_ms = None if found is None else (found - start) * 1000
            yield list_ms, ((start if counted is None else counted) - start) * 1000
        session.press("esc", quiet_s=0.6)


def measure_rest(program: Program, note: Callable[[str, float], None], idle_s: float) -> None:
    """Look at the memory, and at what is done while nothing is asked."""
    with program.open() as session:
        session.wait_for(program.shows_rows, timeout_s=120)
        session.wait_quiet(quiet_s=3.0)
        for _ in range(20):
            session.press(program.page_down)
        session.wait_quiet(quiet_s=3.0)
        note("memory MB", session.memory_kib() / 1024)
        before, cpu_s = session.count_bytes(), session.cpu_s()
        time.sleep(idle_s)
        note("idle bytes", session.count_bytes() - before)
        note("idle cpu s", session.cpu_s() - cpu_s)
        program.leave(session)


def measure_exit(
    program: Program, number: int | None, *, answers: bool = True
) -> tuple[float, int]:
    """Return milliseconds of leaving by the keys or a signal, and how many modes are left on."""
    with program.open(answers=answers) as session:
        session.wait_for(program.shows_rows, timeout_s=120)
        session.wait_quiet(quiet_s=0.5)
        start = time.monotonic()
        if number is None:
            session.write(program.quit)
        else:
            session.kill(number)
        ended = session.wait_exit()
        return (ended - start) * 1000, len(session.modes_left_on())


def measure_link(program: Program) -> tuple[float, float]:
    """Return milliseconds to the first rows over the slow link, and of lag behind a held key."""
    with program.open(link=SLOW) as session:
        at = session.wait_for(program.shows_rows, timeout_s=180)
        session.wait_quiet(quiet_s=2.0, timeout_s=60)
        session.lines()
        for _ in range(HELD):
            session.write(program.down)
            time.sleep(HELD_EVERY_S)
        released = time.monotonic()
        last = session.wait_unchanged(program.list_rows, quiet_s=2.0)
        return (at - session.spawned_at) * 1000, max(0.0, last - released) * 1000


def measure_hostile(place: Place) -> dict[str, float]:
    """Page through all names; count what no terminal should get."""
    program = place.ours()
    with program.open() as session:
        session.wait_for(program.shows_rows)
        for _ in range(10_000 // program.page + 1):
            session.press(program.page_down, quiet_s=0.02)
        session.wait_quiet(quiet_s=1.0)
        # What is in UTF-8 is looked at as characters: its bytes are no controls.
        text = session.output.decode("utf-8", "surrogateescape")
    found = [char for char in text if "\x80" <= char <= "\x9f" or char in "\x00\x05\x07\u202e"]
    found += re.findall(r"\x1b\[35m|\x1b\]52", text)
    return {"control bytes": float(len(found))}


def percentile(values: list[float], percent: int) -> float:
    """Return the lowest value that this many percent do not exceed."""
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


if __name__ == "__main__":
    main()
