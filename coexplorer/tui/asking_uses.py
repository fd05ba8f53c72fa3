"""Asks what uses the assets of a plan while its screen is open; what was answered is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual.worker import Worker

from coexplorer.library.library import Library
from coexplorer.library.used_by import ASKED_UNBIDDEN, FRESH_S, WAIT_UNBIDDEN_S, Uses
from coexplorer.models import AssetId
from coexplorer.text import clean
from coexplorer.tui.feeds.screen_protocol import Works


class UsesQuestion:
    """One question about some assets, which can be stopped and asked again.

    Args:
        screen: Waits for it.
        library: Asks the platform.
        show: Called when there is something new to show.
    """

    def __init__(self, screen: Works, library: Library, show: Callable[[], None]) -> None:
        self._screen = screen
        self._library = library
        self._show = show
        self._worker: Worker[None] | None = None
        self.found: Mapping[AssetId, Uses] = {}
        self.ids: Sequence[AssetId] = ()
        self.answered = 0
        self.unknown = 0
        """Of how many of these it is not known, or not all of it."""
        self.trouble = ""
        """Why it takes long: what went wrong last, and is tried again."""
        self.stoppable = False

    @property
    def is_asking(self) -> bool:
        """Whether it waits for the platform."""
        return self._worker is not None and not self._worker.is_finished

    @property
    def open(self) -> int:
        """Of how many assets it is not known, or not all of it."""
        return sum(each not in self.found or not self.found[each].is_whole for each in self.ids)

    @property
    def sentence(self) -> str:
        """That it waits for the platform, and why that takes long; empty: it does not wait."""
        if not self.is_asking:
            return ""
        return f"Asking what uses it… {self.trouble}".rstrip()

    def begin(self, ids: Sequence[AssetId]) -> None:
        """Ask by itself, if they are few enough; it gives up soon."""
        self.ids = ids
        if 0 < len(ids) <= ASKED_UNBIDDEN:
            self._ask(WAIT_UNBIDDEN_S)

    def ask_now(self) -> None:
        """Ask because somebody wants to know."""
        if not self.is_asking and self.open:
            self.stoppable = True
            self._ask(None)

    def stop(self) -> None:
        """Ask no more; what was answered counts."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self.stoppable = False
        known = self._library.workplaces.known_uses(self.ids, trust_s=FRESH_S)
        self.found = {**self.found, **known}
        self._show()

    def _ask(self, within_s: float | None) -> None:
        self.answered = self.unknown = 0
        self.trouble = ""

        def keep(asset_id: AssetId, uses: Uses) -> None:
            self.found = {**self.found, asset_id: uses}  # also if the question is stopped
            self.unknown += not uses.is_whole

        def hear(count: int) -> None:
            self.answered, self.trouble = count, ""
            self._show()

        def stall(why: str) -> None:
            self.trouble = f"{clean(why)}, trying again"
            self._show()

        async def work() -> None:
            self.found = await self._library.workplaces.uses(
                self.ids,
                progress=hear,
                heard=keep,
                trust_s=FRESH_S,
                within_s=within_s,
                stalled=stall,
            )
            self._worker, self.stoppable = None, False
            self._show()

        self._worker = self._screen.restart("uses", work)
