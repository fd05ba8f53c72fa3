"""What was done on one screen, which `u` undoes without asking. Pure."""

from __future__ import annotations

from coexplorer.library.entries import State
from coexplorer.library.results import EditResult


class RecentChanges:
    """Knows the single changes of one screen by their batches.

    Whoever presses `u` right after a change means that change, and is not asked. What went wrong
    since, or changed nothing, leaves nothing that could be meant: then an older change is named
    before it is taken back.
    """

    def __init__(self) -> None:
        self._done: set[int] = set()
        self._undone: set[int] = set()
        self._barrier = 0

    def note(self, result: EditResult | None) -> None:
        """Note how a change ended; None: it failed."""
        self._undone.clear()
        if result is not None and result.state is State.APPLIED:
            self._done.add(result.batch_id)
        else:
            self._barrier = max(self._done, default=0)

    def note_undo(self, undone: int, by: int) -> None:
        """Note that a batch was taken back by another one."""
        self._done.discard(undone)
        self._undone.add(by)

    def note_redo(self, undo: int, by: int) -> None:
        """Note that an undo was taken back by another batch."""
        self._undone.discard(undo)
        self._done.add(by)

    def means_undo(self, batch_id: int) -> bool:
        """Tell whether an undo pressed now can only mean this batch."""
        return batch_id in self._done and batch_id > self._barrier

    def means_redo(self, batch_id: int) -> bool:
        """Tell whether a redo pressed now can only mean this batch, an undo."""
        return batch_id in self._undone
