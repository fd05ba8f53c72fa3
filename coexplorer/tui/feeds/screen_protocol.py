"""What feeds ask of the main screen: its widgets, its state, and work in the background."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from textual.worker import Worker

from coexplorer.config import Settings
from coexplorer.errors import CoexplorerError
from coexplorer.library.library import Library
from coexplorer.models import AssetId
from coexplorer.tui.app_protocol import MainAppProtocol
from coexplorer.tui.main_state import MainState
from coexplorer.tui.widgets.asset_list import AssetList
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.header import Header
from coexplorer.tui.widgets.search_line import SearchLine
from coexplorer.tui.widgets.view_strip import ViewStrip

Work = Callable[[], Coroutine[None, None, None]]


class Works(Protocol):
    """Does things in the background; keys wait for some of them."""

    def start(self, name: str, work: Work) -> Worker[None]:
        """Wait for something in the background; what goes wrong becomes a notification."""

    def restart(self, name: str, work: Work) -> Worker[None]:
        """Likewise, but cancel what was started under this name before."""

    def call_later(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Call it when what was posted before has been handled."""

    def hold_keys(self, reason: str) -> None:
        """Let keys wait until they are released for this reason."""

    async def release_keys(self, reason: str) -> None:
        """Let the keys that were held go on."""


class ScreenProtocol(Works, Protocol):
    """The main screen, as its feeds see it."""

    library: Library
    settings: Settings
    state: MainState
    header: Header
    strip: ViewStrip
    search: SearchLine
    rows: AssetList
    rule: Rule
    details: Details

    @property
    def coexplorer(self) -> MainAppProtocol:
        """The app."""

    @property
    def details_shown(self) -> bool:
        """Whether details can be seen."""

    @property
    def details_small(self) -> bool:
        """Whether they have room for the main facts only."""

    def fit_size(self) -> None:
        """Fit the details to the room that the list leaves."""

    def show_footer(self) -> None:
        """Show the keys that matter now."""

    def report_once(self, error: CoexplorerError) -> None:
        """Report something that goes on failing in the background, the first time only."""

    async def tell_settled(self, asset_id: AssetId, state: str) -> None:
        """Tell how the making of an asset ended."""
