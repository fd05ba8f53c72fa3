"""`library.saves`: a file that a program saves again and again, for the mount.

Each try that failed is kept in the journal until the platform has a later one, or its author has
been told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from coexplorer.fields import Fields
from coexplorer.library.context import Context
from coexplorer.library.edit import Editor, build_save
from coexplorer.library.entries import Entry
from coexplorer.library.kept_texts import is_same_file, may_give_up
from coexplorer.library.log import Log
from coexplorer.models import AssetId


class Saves:
    """Keeps the tries to save a file, and ends them.

    Args:
        context: What the session's modules share.
        editor: Carries out journal entries.
        log: Reads the journal.
    """

    def __init__(self, context: Context, editor: Editor, log: Log) -> None:
        self._context = context
        self._editor = editor
        self._log = log

    async def keep_waiting(self, asset_id: AssetId, base: Fields, mine: Fields) -> int:
        """Write a text down that is going to be sent, in case this process ends before that.

        It is planned until then, so nobody else sends it, and earlier texts stay. `let_go` ends it.

        Returns:
            The number of its entry.

        Raises:
            JournalError: It can't be written down.
        """
        return await self._editor.keep_waiting(asset_id, base, mine)

    async def find_tries(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        file: str,
        continues: Collection[int] = (),
    ) -> tuple[list[Entry], list[Entry]]:
        """Return kept tries to save the file that is saved next, by the rule of `Changes.edit`.

        It takes what that takes.

        Returns:
            All of them, and those that stay whatever becomes of that save. Oldest first.

        Raises:
            JournalError: The journal can't be read.
        """
        draft = build_save(asset_id, base, mine, file, continues)
        kept = await self._log.kept(asset_id)
        tries = [entry for entry in kept if is_same_file(draft, entry)]
        return tries, [entry for entry in tries if not may_give_up(entry, draft)]

    async def end_tries(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        file: str,
        entry_ids: Sequence[int],
        *,
        aside: bool,
        continues: Collection[int] = (),
    ) -> None:
        """Give up kept tries to save a file, now that the platform has its text.

        Args:
            asset_id: The asset.
            base: The fields as the user has seen them.
            mine: What the platform has.
            file: As in `Changes.edit`.
            entry_ids: The tries that were kept before.
            aside: Set those aside that may not be given up; otherwise they wait as before.
            continues: As in `Changes.edit`.

        Raises:
            JournalError: It can't be written down.
        """
        draft = build_save(asset_id, base, mine, file, continues)
        await self._context.write_down(
            self._context.journal.end_tries, draft, entry_ids, aside=aside
        )

    async def note_look(self, entry_ids: Collection[int]) -> None:
        """Note that somebody has read why changes failed: their texts may be replaced now.

        Raises:
            JournalError: It can't be written down.
        """
        await self._context.write_down(self._context.journal.note_look, entry_ids)

    async def let_go(self, entry_id: int, *, aside: bool = False) -> None:
        """Let go of a text that was written down only in case this process would end.

        It leaves no trace if it is blank or another entry has it; else it is discarded.

        Args:
            entry_id: Its entry.
            aside: Keep it to be read rather than discard it: its program was told that it failed.

        Raises:
            JournalError: It can't be written down.
        """
        await self._context.write_down(self._context.journal.let_go, entry_id, aside=aside)
