"""How much is asked for: by reads that programs really make."""

from collections.abc import Iterable
from itertools import pairwise

from coexplorer.remote_files.blocks import BLOCK_BYTES, find_blocks, find_runs
from coexplorer.remote_files.pattern import FIRST_BYTES, LARGEST_BYTES, Pattern

MB = 1024 * 1024


def ask(pattern: Pattern, reads: Iterable[tuple[int, int]], have: set[int]) -> list[range]:
    """Return the requests that reads make where those before them have been answered."""
    asked: list[range] = []

    def fetch(start: int, stop: int) -> None:
        blocks = [n for n in find_blocks(start, stop - start) if n not in have]
        asked.extend(find_runs(blocks))
        have.update(blocks)

    for offset, size in reads:
        missing = not have.issuperset(find_blocks(offset, size))
        plan = pattern.note(offset, size, is_missing=missing)
        if missing:
            fetch(plan.start, plan.stop)
        for start in range(plan.ahead.start, plan.ahead.stop, plan.step):
            fetch(start, min(start + plan.step, plan.ahead.stop))
    return asked


H5PY = [  # where h5py finds something new as it opens a file of 190 MB with 800 small datasets
    *((0, 8), (96, 512), (2_130_016, 328), (2_129_744, 512), (64_539_624, 2616)),
    *((119_262_240, 2616), (3944, 512), (709_304, 544), (708_760, 544), (1_302_832, 544)),
    *((1_895_160, 544), (1_860_664, 5632), (6056, 328)),
    *((offset, 512) for offset in range(11_000, 2_150_000, 5000)),
    (148_064_856, 2096),
]


def test_an_index_all_over_a_file_is_a_few_requests() -> None:
    pattern, have = Pattern(193_701_270), set[int]()
    asked = ask(pattern, H5PY, have)
    assert len(asked) <= 8
    assert len(have) * BLOCK_BYTES <= 6 * 10**6
    slices = [(27_097_008, 960_000), (34_777_008, 960_000), (155_657_826, 1_897_746)]
    for known in (pattern, Pattern(193_701_270)):
        held = set(have)
        assert len(ask(known, slices, held)) == 3
        assert (len(held) - len(have)) * BLOCK_BYTES <= 5 * 10**6


def test_what_is_fetched_ahead_is_never_more_than_was_read_in_order() -> None:
    pattern, have = Pattern(10**12), set[int]()
    sizes = []
    for offset in range(0, 200 * MB, 128 * 1024):
        sizes += [len(each) * BLOCK_BYTES for each in ask(pattern, [(offset, 128 * 1024)], have)]
        end = offset + 128 * 1024
        assert len(have) * BLOCK_BYTES <= max(FIRST_BYTES, 2 * end)
    assert sizes[0] == FIRST_BYTES
    assert 4 * MB <= max(sizes) <= LARGEST_BYTES
    assert len(sizes) <= 80


def test_pieces_that_come_a_little_out_of_order_still_go_on_in_order() -> None:
    pattern, have = Pattern(10**12), set[int]()
    places = [n ^ 1 for n in range(800)]  # 1, 0, 3, 2, …: as a kernel's threads may ask
    asked = ask(pattern, [(place * 128 * 1024, 128 * 1024) for place in places], have)
    assert len(asked) <= 120
    assert len(have) * BLOCK_BYTES <= 2 * 100 * MB


def test_two_programs_through_one_reader_do_not_disturb_each_other() -> None:
    pattern, have = Pattern(10**12), set[int]()
    reads = [
        (start + offset, 128 * 1024)
        for offset in range(0, 32 * MB, 128 * 1024)
        for start in (0, 10**9)
    ]
    assert len(ask(pattern, reads, have)) <= 80


def test_pieces_of_a_long_read_are_few_requests() -> None:
    """As a kernel asks when a program reads a chunk of an array: the goal is ten for three."""
    pattern, have = Pattern(193_701_270), set[int]()
    ask(pattern, H5PY, have)
    pieces = [
        (at, min(128 * 1024, start + size - at))
        for start, size in ((27_097_008, 960_000), (34_777_008, 960_000), (155_657_826, 1_897_746))
        for at in range(start, start + size, 128 * 1024)
    ]
    assert len(ask(pattern, pieces, have)) <= 10


def test_what_is_not_asked_ahead_is_planned_again() -> None:
    pattern = Pattern(10**9)
    plans = [pattern.note(at, 128 * 1024, is_missing=False) for at in range(0, 4 * MB, 128 * 1024)]
    ahead = [plan.ahead for plan in plans if plan.ahead]
    assert all(first.stop == then.start for first, then in pairwise(ahead)), "nothing twice"
    pattern.note_not_asked(ahead[-1].start)
    pattern.note_known(4 * MB, 128 * 1024)
    again = pattern.note(4 * MB + 128 * 1024, 128 * 1024, is_missing=False)
    assert again.ahead.start == ahead[-1].start
