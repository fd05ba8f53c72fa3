"""All feeds of one main screen."""

from __future__ import annotations

from coexplorer.tui.feeds.details import DetailsFeed
from coexplorer.tui.feeds.header import HeaderFeed
from coexplorer.tui.feeds.listing import ListFeed
from coexplorer.tui.feeds.screen_protocol import ScreenProtocol


class Feeds:
    """Feeds one main screen.

    Attributes:
        header: The header and the strip of views.
        list: The list and its count.
        details: The asset under the cursor.
    """

    def __init__(self, screen: ScreenProtocol) -> None:
        self._screen = screen
        self.header = HeaderFeed(screen)
        self.list = ListFeed(screen, self.header)
        self.details = DetailsFeed(screen)

    async def load_start(self, *, to_top: bool = False) -> None:
        """Read all that the screen shows when it opens, at once."""
        if to_top:
            self.list.go_to_top()
        await self.list.load_now()
        await self.list.release_keys()
        await self.load_status()
        await self.header.load_counts(pause=False)
        await self.details.load()

    async def load_searched(self) -> None:
        """Read what a search finds that was typed before the app came; the rest follows."""
        self.list.go_to_top()
        await self.list.load_now()
        await self.load_status()
        self._screen.restart("counts", self.header.load_counts)

    async def load_status(self) -> None:
        """Read the figures of the header; the count of the list depends on them, too."""
        await self.header.load()
        self.list.show_found_again()
