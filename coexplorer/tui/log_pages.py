"""What the log shows: changes and their assets, read a page at a time, as lines to choose from.

A journal of years opens as fast as one of a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from coexplorer.library.entries import KEPT, PENDING, Action, Batch, Entry, State
from coexplorer.library.library import Library
from coexplorer.text import cut
from coexplorer.tui.changes import build_change_details, build_change_line, build_part_line
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.diffs import build_entry_details

PAGE = 200
"""Changes, or assets of a change, that are read at once."""


class LogLine(msgspec.Struct):
    """A line of the log.

    Attributes:
        batch: The change; None for what was said in this session.
        entry: The asset's part of it; None for the change itself.
        more: How many assets of the change are not read yet: the line stands for them.
        said: A line that nothing can be done with.
        text: All that was said on it, of which it may show the beginning only.
    """

    batch: Batch | None = None
    entry: Entry | None = None
    more: int = 0
    said: Line = ()
    text: str = ""


class LogPages:
    """As much of the journal as was read.

    Attributes:
        count: How many changes there are; None before anything was read.
        kept: How many entries are kept, by state.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self.count: int | None = None
        self.kept: Mapping[State, int] = {}
        self._batches: list[Batch] = []
        self._read = 0
        self._unfolded: dict[int, list[Entry]] = {}
        self._singles: dict[int, Entry] = {}

    async def load(self) -> None:
        """Read again as much as was read before; what is kept comes first."""
        await self._library.log.catch_up()
        counts = await self._library.log.count_kept()
        self.kept = {State(state): count for state, count in counts.items()}
        on_top = await self._library.log.kept_batches(limit=PAGE)
        rest = await self._library.log.batches(limit=max(PAGE, self._read), tries=False)
        self._read = len(rest)
        self._batches = _unique([*on_top, *rest])
        self._unfolded = {
            number: await self._library.log.entries_of(
                number, limit=max(PAGE, len(read)), kept_first=True
            )
            for number, read in self._unfolded.items()
        }
        self.count = await self._library.log.count_batches(tries=False)

    @property
    def waiting(self) -> int:
        """How many entries wait for the user."""
        return sum(self.kept.get(state, 0) for state in PENDING)

    async def load_more(self, row: LogLine, *, near_end: bool) -> bool:
        """Read more where the cursor is: more assets of its change, or more changes.

        Args:
            row: The line under the cursor.
            near_end: It is near the last change that is shown.

        Returns:
            Whether there was anything to read.
        """
        if row.more and row.batch is not None:
            read = self._unfolded[row.batch.id]
            read += await self._library.log.entries_of(
                row.batch.id, limit=PAGE, offset=len(read), kept_first=True
            )
            return True
        if near_end and self.count is not None and self._read < self.count:
            page = await self._library.log.batches(limit=PAGE, offset=self._read, tries=False)
            self._read += len(page)
            self._batches = _unique([*self._batches, *page])
            return True
        return False

    async def toggle(self, batch: Batch) -> None:
        """Read the assets of a change, to show them below it; or let go of them."""
        if batch.id in self._unfolded:
            del self._unfolded[batch.id]
        else:
            self._unfolded[batch.id] = await self._library.log.entries_of(
                batch.id, limit=PAGE, kept_first=True
            )

    def is_unfolded(self, batch: Batch) -> bool:
        """Tell whether the assets of a change are shown below it."""
        return batch.id in self._unfolded

    async def find_kept(self, batch: Batch, entry: Entry | None) -> list[Entry]:
        """Return what is kept of a change, or of one asset's part of it."""
        if entry is not None:
            return [entry] if entry.state in KEPT else []
        if not batch.kept:
            return []
        entries = await self._library.log.entries_of(batch.id, limit=batch.kept, kept_first=True)
        return [each for each in entries if each.state in KEPT]

    async def find_single(self, batch: Batch, entry: Entry | None) -> Entry | None:
        """Return an asset's part of a change, or all of a change of one asset."""
        if entry is None and batch.total == 1:
            entry = next(iter(await self._library.log.entries_of(batch.id, limit=1)), None)
        return entry

    async def find_discarded(self, batch: Batch, entry: Entry | None) -> Entry | None:
        """Return the discarded text of a change of one asset, or of an asset's part of it."""
        entry = await self.find_single(batch, entry)
        is_one = entry is not None and entry.state is State.DISCARDED and has_text(entry)
        return entry if is_one else None

    async def load_details(self, batch: Batch, cells: int, now: datetime) -> list[Line]:
        """Describe a change: a single one by what it did, many by why parts of it failed."""
        if batch.total == 1:
            entries = await self._library.log.entries_of(batch.id, limit=1)
            self._singles |= {entry.batch_id: entry for entry in entries}
            return [line for entry in entries for line in build_entry_details(entry, cells)]
        reasons = await self._library.log.reasons(batch.id)
        return list(build_change_details(batch, reasons, cells, now))

    def is_editable(self, batch: Batch, entry: Entry | None) -> bool:
        """Tell whether a change, or an asset's part of it, has a text to edit again."""
        entry = entry or self._singles.get(batch.id)
        return entry is not None and has_text(entry)

    # As lines

    def iter_rows(
        self, notices: Sequence[tuple[float, str]], cells: int, now: datetime
    ) -> Iterator[LogLine]:
        """Yield a row for each line; below the oldest change, what was said in this session.

        Args:
            notices: Each with its time, epoch seconds.
            cells: The width.
            now: On the clock of the user's zone.
        """
        for batch in self._batches:
            yield LogLine(batch)
            read = self._unfolded.get(batch.id, [])
            for entry in read:
                yield LogLine(batch, entry)
            if batch.id in self._unfolded and len(read) < batch.total:
                yield LogLine(batch, more=batch.total - len(read))
        if not self._batches:
            yield LogLine(said=(("nothing has been done here yet", Role.DIM),))
        if self.count is not None and self._read < self.count:
            return
        if notices:
            yield LogLine(said=(("messages of this session", Role.LABEL),))
        for at, text in reversed(notices):
            said = f"  {datetime.fromtimestamp(at, tz=now.tzinfo):%H:%M} {text}"
            yield LogLine(said=((cut(said, cells), Role.DIM),), text=text)

    def build_line(self, row: LogLine, cells: int, now: datetime) -> Line:
        """Return what a row shows."""
        if row.batch is None:
            return row.said
        if row.more:
            return ((f"     and {row.more:,} more", Role.DIM),)
        if row.entry is not None:
            return build_part_line(row.entry, cells)
        return build_change_line(row.batch, cells, now, unfolded=row.batch.id in self._unfolded)


def has_text(entry: Entry) -> bool:
    """Tell whether an entry has a text that the platform lacks, to edit again."""
    lacks = entry.state in KEPT or entry.state is State.DISCARDED
    return entry.action is Action.EDIT and entry.mine is not None and lacks


def _unique(batches: Iterable[Batch]) -> list[Batch]:
    """Return each change once, where it comes first."""
    found: dict[int, Batch] = {}
    for batch in batches:
        found.setdefault(batch.id, batch)
    return list(found.values())
