"""What the main screen, its actions and its feeds share: plain state, without a widget's methods.

Who changes it shows it: it tells nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from coexplorer.fields import Fields
from coexplorer.library.bulk_change import Change
from coexplorer.models import AssetId, Row
from coexplorer.tui.browsing import Browsing
from coexplorer.tui.in_flight import InFlight
from coexplorer.tui.marks import Marks

if TYPE_CHECKING:
    from coexplorer.tui.widgets.fields import FieldsEditor


class Editing(msgspec.Struct):
    """The asset whose fields are open.

    Attributes:
        size_before: How large the details were.
        height_before: How high the terminal was, in lines.
        field: The one that was opened.
        kept: The entry of the journal that has an earlier text of it: saving sends that one.
        kept_text: That text: leaving the fields with it loses nothing.
    """

    asset_id: AssetId
    name: str
    base: Fields
    editor: FieldsEditor
    size_before: str
    height_before: int
    field: str
    kept: int | None = None
    kept_text: Fields | None = None


class Repeatable(msgspec.Struct, frozen=True):
    """An action that ``.`` does again.

    Attributes:
        title: What it does, in words.
        change: What it does to an asset; it may depend on the asset.
    """

    title: str
    change: Callable[[Row], Change]


class MainState:
    """The state of the work at hand.

    Args:
        saved_views: Name → query of the views that the user has saved.

    Attributes:
        browsing: What is searched for, and in which order.
        marked: What actions work on instead of the row under the cursor.
        range_start: The row where a range of marks began; None: none has.
        last_action: What ``.`` does again.
        editing: The asset whose fields are open.
        fields_move: Held while fields are opened or closed: one after the other.
        resumed: The asset that is edited since a draft of it was taken up; None: none is.
        details_of: The asset whose details were shown last.
        size_chosen: How large the user wants the details; empty: our own choice.
        size_is_ours: Whether the user has not chosen, in the terminal as it is.
        size_behind: How large they were before they were full, and the terminal's lines then.
        saved_views: See above.
        tags_known: All tags with their counts, as they were read last.
        tags_stale: Whether assets have changed since.
        tags_read: Set once they have been read, or could not be.
        values_known: Field → its values; they are read once while a search is typed.
        in_flight: What is on its way to the platform.
    """

    def __init__(self, saved_views: Mapping[str, str]) -> None:
        self.browsing = Browsing()
        self.marked = Marks()
        self.range_start: int | None = None
        self.last_action: Repeatable | None = None
        self.editing: Editing | None = None
        self.fields_move = asyncio.Lock()
        self.resumed: AssetId | None = None
        self.details_of: AssetId | None = None
        self.size_chosen = ""
        self.size_is_ours = True
        self.size_behind = "", 0
        self.saved_views = dict(saved_views)
        self.tags_known: dict[str, int] = {}
        self.tags_stale = True
        self.tags_read = asyncio.Event()
        self.values_known: dict[str, list[str]] = {}
        self.in_flight = InFlight()
