"""Who talks to the library for a mount: the only rooms that ask or tell the platform anything."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from coexplorer.fs.core.volume import Volume
from coexplorer.fs.sync.asset_data import AssetData
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.held_texts import content_of
from coexplorer.fs.sync.journal_news import JournalNews
from coexplorer.fs.sync.keeping import Keeper
from coexplorer.fs.sync.sharing import SharingFiles
from coexplorer.fs.sync.uses import UsesFiles
from coexplorer.fs.sync.writeback import Writeback
from coexplorer.library import Library


@dataclass(frozen=True, slots=True)
class Upstream:
    """The rooms, each for who needs it.

    Attributes:
        reach: Whether the platform is there, and news.
        unsent: What could not be sent.
        journal: What the journal says of that, whichever front end wrote it.
        keeper: Users' own files, on the disk.
        saver: Sends changes.
        sharing: Who can see an asset: read and sent at once.
        uses: What uses an asset: read when it is opened.
        data: The files of assets: listed and read when they are looked at.
    """

    reach: Connectivity
    unsent: FailedWrites
    journal: JournalNews
    keeper: Keeper
    saver: Writeback
    sharing: SharingFiles
    uses: UsesFiles
    data: AssetData

    async def write_down(self) -> None:
        """Write down what could not be written before, as far as there is room on the disk now."""
        await self.unsent.write_down()
        await self.keeper.write_down()

    def list_unkept(self) -> list[tuple[str, bytes]]:
        """List what is only in memory, though it should be on the disk: file and content."""
        texts = [(text.path, content_of(text)) for text in self.unsent.held.list_all()]
        return texts + self.keeper.list_unkept()


def build_upstream(volume: Volume, library: Library, nursery: trio.Nursery) -> Upstream:
    """Put them together; their tasks run in the nursery."""
    reach = Connectivity(volume, library, nursery)
    unsent = FailedWrites(volume, library, reach, nursery)
    journal = JournalNews(volume, library, unsent, nursery)
    saver = Writeback(volume, library, reach, unsent, nursery)
    keeper = Keeper(volume, library)
    sharing = SharingFiles(volume, library, unsent, keeper)
    uses = UsesFiles(volume, library)
    data = AssetData(volume, library, reach, nursery)
    return Upstream(reach, unsent, journal, keeper, saver, sharing, uses, data)
