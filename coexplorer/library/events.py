"""Events that the library sends its front ends while it works, and how they listen.

Events are facts in the past tense. A front end that listens too slowly loses events, but never
grows memory: it gets one `EventsDropped` instead, and reads again what it shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from coexplorer.errors import CoexplorerError
from coexplorer.models import AssetId

BUFFERED_EVENTS = 512


class RowsChanged(msgspec.Struct, frozen=True):
    """The catalog changed.

    Attributes:
        ids: The rows that changed or are gone; empty if there are too many to name.
    """

    ids: tuple[AssetId, ...] = ()


class SyncProgressed(msgspec.Struct, frozen=True):
    """A sweep or refresh read another page.

    Attributes:
        stage: ``assets``, ``archived``, ``favorites``, ``owned``, ``shared``, ``partitions``,
            ``vanished``, ``refresh`` or ``by another process``: what is being read.
        rows: Assets seen so far in this sweep (each once).
        pages: Pages read so far in this sweep.
        known: Assets that the last complete sweep found; None on a first sync.
    """

    stage: str
    rows: int
    pages: int
    known: int | None = None


class SyncFinished(msgspec.Struct, frozen=True):
    """A sweep or refresh ended; `Library.status` has the new figures.

    Attributes:
        complete: Every living asset was seen.
        total: Assets in the catalog.
    """

    complete: bool
    total: int


class SyncFailed(msgspec.Struct, frozen=True):
    """A sweep or refresh in the background failed; it will be retried later."""

    error: CoexplorerError


class EditStarted(msgspec.Struct, frozen=True):
    """A change to an asset is being sent.

    Attributes:
        entry_id: Its number in the journal.
        action: ``edit``, ``archive``, ``unarchive``, ``delete`` or ``create``.
    """

    entry_id: int
    asset_id: AssetId
    action: str


class EditApplied(msgspec.Struct, frozen=True):
    """The platform has the change."""

    entry_id: int
    asset_id: AssetId
    action: str


class EditFailed(msgspec.Struct, frozen=True):
    """The change is not (or not known to be) on the platform; the journal keeps its text."""

    entry_id: int
    asset_id: AssetId
    action: str
    error: CoexplorerError


class RateLimitWaited(msgspec.Struct, frozen=True):
    """A request waits, because the platform asked to slow down or failed; it continues by itself.

    Attributes:
        until: Epoch seconds when it goes on.
        reason: What happened, as a sentence for people.
    """

    until: float
    reason: str = ""


class AssetSettled(msgspec.Struct, frozen=True):
    """An asset that was in ``draft`` is ready, or failed."""

    asset_id: AssetId
    state: str


class CatalogReplaced(msgspec.Struct, frozen=True):
    """Somebody deleted the catalog, and another process made a new one: all may have changed."""


class EventsDropped(msgspec.Struct, frozen=True):
    """This listener was too slow and missed events: read everything again."""


Event = (
    RowsChanged
    | SyncProgressed
    | SyncFinished
    | SyncFailed
    | EditStarted
    | EditApplied
    | EditFailed
    | RateLimitWaited
    | AssetSettled
    | CatalogReplaced
    | EventsDropped
)


class EventBus:
    """Hands each event to every listener, without ever waiting for one."""

    def __init__(self) -> None:
        self._listeners: dict[MemoryObjectSendStream[Event], bool] = {}

    @contextmanager
    def subscribe(self) -> Iterator[MemoryObjectReceiveStream[Event]]:
        """Listen from now until the context ends."""
        send, receive = anyio.create_memory_object_stream[Event](BUFFERED_EVENTS)
        self._listeners[send] = False
        try:
            with send, receive:
                yield receive
        finally:
            del self._listeners[send]

    def publish(self, event: Event) -> None:
        """Tell every listener; called on the event loop's thread."""
        for listener, missed in self._listeners.items():
            try:
                if missed:
                    listener.send_nowait(EventsDropped())
                    self._listeners[listener] = False
                listener.send_nowait(event)
            except anyio.WouldBlock:
                self._listeners[listener] = True
            except anyio.BrokenResourceError:
                continue  # it closed its end and is about to leave
