"""Batches as the journal tells of them: with how many entries are in which state."""

from __future__ import annotations

from collections.abc import Sequence

from coexplorer.library.entries import (
    DONE,
    Batch,
    Cause,
    Purpose,
    State,
)
from coexplorer.library.journal_file import JournalFile, is_sound
from coexplorer.library.journal_rows import (
    is_batch,
)

_NAMED_AT_ONCE = 500


def read_batches(
    file: JournalFile, tail: str, values: Sequence[object]
) -> tuple[list[Batch], list[int]]:
    """Return batches, and the numbers of those that can't be read.

    Args:
        file: The journal.
        tail: What follows ``FROM batches``.
        values: Its parameters.
    """
    columns = (
        "id, at, origin, title, purpose,"
        " (SELECT max(taken_back.batch_id) FROM entries"
        " JOIN entries AS taken_back ON taken_back.id = entries.reverses"
        " WHERE entries.batch_id = batches.id)"
    )
    rows = file.read(f"SELECT {columns} FROM batches {tail}", values)  # noqa: S608 - constants
    bad = [row[0] for row in rows if not is_batch(row)]
    rows = [row for row in rows if is_batch(row)]
    numbers = [row[0] for row in rows]
    counts: dict[int, dict[str, int]] = {number: {} for number in numbers}
    given_up: dict[int, dict[str, int]] = {number: {} for number in numbers}
    undone = dict.fromkeys(numbers, 0)
    for number, state, count, taken_back, withdrawals in file.read(
        "SELECT batch_id, state, count(*), count(undone_by), sum(cause IS ?) FROM entries"
        " WHERE batch_id BETWEEN ? AND ? GROUP BY batch_id, state",
        (Cause.GIVEN_UP, min(numbers, default=0), max(numbers, default=0)),
    ):
        if number in counts:
            counts[number][state] = count
            if withdrawals and state in DONE:
                given_up[number][state] = withdrawals
            undone[number] += taken_back
    names = _name_single(file, [each for each in numbers if sum(counts[each].values()) == 1])
    batches = [
        Batch(
            id=row[0],
            at=row[1],
            origin=row[2],
            title=row[3],
            purpose=Purpose(row[4]),
            reverses=row[5],
            counts={state: found for state in State if (found := counts[row[0]].get(state))},
            undone=undone[row[0]],
            given_up=given_up[row[0]],
            asset_name=names.get(row[0], ""),
            redone_by=find_redoing(file, row[0]) if undone[row[0]] else None,
        )
        for row in rows
    ]
    return batches, bad


def find_redoing(file: JournalFile, batch_id: int) -> int | None:
    """Return the number of the batch that did again what was undone of one, and stands."""
    ((number,),) = file.read(
        "SELECT max(again.batch_id) FROM entries"
        " JOIN entries AS undo ON undo.reverses = entries.id AND undo.undone_by IS NOT NULL"
        " JOIN entries AS again ON again.reverses = undo.id"
        " AND again.state = ? AND again.undone_by IS NULL WHERE entries.batch_id = ?",
        (State.APPLIED, batch_id),
    )
    return number if isinstance(number, int) else None


def _name_single(file: JournalFile, numbers: Sequence[int]) -> dict[int, str]:
    """Return the names of the assets of batches that have one entry each."""
    found: dict[int, str] = {}
    for at in range(0, len(numbers), _NAMED_AT_ONCE):
        some = numbers[at : at + _NAMED_AT_ONCE]
        marks = ", ".join("?" * len(some))
        query = f"SELECT batch_id, asset_name FROM entries WHERE batch_id IN ({marks})"  # noqa: S608 - only marks
        found |= {row[0]: row[1] for row in file.read(query, some) if is_sound(row)}
    return found
