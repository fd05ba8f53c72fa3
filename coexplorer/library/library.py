"""The one face for every front end: what a user can do with data assets.

A front end opens it with `coexplorer.library.open_library` and calls it from asyncio or trio.
Reading answers from the catalog at once, offline too; `fetch` and the writes ask the platform.
Every method may raise `CatalogError`; those that ask the platform may raise any `ApiError`
(`Unreachable` at once when the session is offline). Queries are parsed by the front end
(`coexplorer.query.parse_query`), so a mistake in one is found before anything is asked or sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from anyio.streams.memory import MemoryObjectReceiveStream

from coexplorer.config import Settings
from coexplorer.library.changes import Change, Plan
from coexplorer.library.entries import Batch, Entry
from coexplorer.library.events import Event
from coexplorer.library.results import (
    BatchProgress,
    BatchReport,
    DownloadProgress,
    EditResult,
    Lineage,
    ReadyProgress,
    Status,
    SyncReport,
)
from coexplorer.models import (
    Asset,
    AssetId,
    Fields,
    FileEntry,
    FileUrls,
    MetadataField,
    MetadataValue,
    NewAsset,
    Record,
    SearchRequest,
)
from coexplorer.query import Query

if TYPE_CHECKING:
    from coexplorer.catalog import Row, Stats


class Library:
    """Everything that a user can do; made by `open_library`, gone when its context ends."""

    def __init__(self, settings: Settings, *, origin: str, offline: bool) -> None:
        self.settings = settings
        self.origin = origin
        self.offline = offline

    # --- Reading: from the catalog, never the network

    async def count(self, query: Query) -> int:
        """Return how many assets `query` finds."""
        raise NotImplementedError

    async def window(self, query: Query, *, offset: int = 0, limit: int = 200) -> list[Row]:
        """Return `limit` rows of what `query` finds, in its order, from row `offset` on.

        A search that a newer one supersedes may be stopped by cancelling its scope.
        """
        raise NotImplementedError

    async def ids(self, query: Query) -> list[AssetId]:
        """Return the ids of all that `query` finds, in its order."""
        raise NotImplementedError

    async def records(self, target: Query | Sequence[AssetId]) -> list[Record]:
        """Return the full records of what a query finds, or of ids (unknown ones are left out)."""
        raise NotImplementedError

    async def record(self, asset_id: AssetId) -> Record | None:
        """Return what is known of an asset; None when the catalog does not know it."""
        raise NotImplementedError

    async def rows(self) -> list[Row]:
        """Return a light row of every asset, archived ones too: the mount's tree."""
        raise NotImplementedError

    async def position(self, asset_id: AssetId, query: Query) -> int | None:
        """Return the index of an asset in what `query` finds; None when it is not in there."""
        raise NotImplementedError

    async def tag_counts(self, query: Query | None = None) -> list[tuple[str, int]]:
        """Return every tag with the number of its assets, most used first."""
        raise NotImplementedError

    async def field_values(self, field: str) -> list[str]:
        """Return the known values of a query field, for completion."""
        raise NotImplementedError

    async def resolve(self, text: str) -> AssetId:
        """Find the asset that a person means by a name, a full id or a unique prefix of an id.

        Asks the platform when the catalog does not know it, unless the session is offline.

        Raises:
            AmbiguousAsset: It fits several assets; holds them.
            NotFound: It fits none.
        """
        raise NotImplementedError

    async def status(self) -> Status:
        """Return the figures of the status line; never asks the network."""
        raise NotImplementedError

    async def stats(self, query: Query | None = None) -> Stats:
        """Return counts and bytes by state, type, owner, tag, age and place."""
        raise NotImplementedError

    async def duplicates(self) -> list[tuple[str, list[Row]]]:
        """Return groups of assets that look like the same: why, and which."""
        raise NotImplementedError

    async def lineage(self, asset_id: AssetId) -> Lineage:
        """Return what an asset was made from, and what was made from it."""
        raise NotImplementedError

    async def data_version(self) -> int:
        """Return a number that changes when any process changed the catalog."""
        raise NotImplementedError

    async def changed_since(self, sequence: int) -> tuple[int, list[AssetId]]:
        """Return the newest change number and the rows changed after `sequence` (gone ones too)."""
        raise NotImplementedError

    # --- The platform, asked afresh

    async def fetch(self, asset_id: AssetId) -> Record:
        """GET an asset and update the catalog with it.

        Raises:
            NotFound: It is gone, or not shared with this user; the catalog forgets it.
        """
        raise NotImplementedError

    def search_remote(self, request: SearchRequest) -> AsyncIterator[Asset]:
        """Stream what the platform itself finds, each asset once (``ls --remote``)."""
        raise NotImplementedError

    async def metadata_schema(self) -> tuple[MetadataField, ...]:
        """Return the deployment's custom metadata fields."""
        raise NotImplementedError

    # --- One asset

    async def edit(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        *,
        base_metadata: Mapping[str, MetadataValue] | None = None,
        metadata: Mapping[str, MetadataValue] | None = None,
    ) -> EditResult:
        """Change fields of an asset, merged with what others did since `base` was read.

        The intent is journaled before anything is sent; whatever fails afterwards, the text is in
        the journal (`unsent`). Cancelled while the request is on its way, it is journaled as
        unknown, and settled by a look at the platform.

        Args:
            asset_id: The asset.
            base: The fields as the user was shown them.
            mine: The fields as they shall be.
            base_metadata: Custom metadata as shown; only with `metadata`.
            metadata: All custom metadata as it shall be; None leaves it alone.

        Returns:
            The result, in state ``applied``, or ``unchanged`` when the platform had it already.

        Raises:
            InvalidField: A changed value must not be sent; nothing was.
            EditConflict: Somebody changed the same field; nothing was sent, the text is kept.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no, or its reply was lost (``outcome_unknown``).
        """
        raise NotImplementedError

    async def archive(self, asset_id: AssetId, *, archived: bool = True) -> EditResult:
        """Archive or unarchive an asset.

        Raises:
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no.
        """
        raise NotImplementedError

    async def delete(self, asset_id: AssetId, *, archive_first: bool = False) -> EditResult:
        """Delete an asset for good; this can't be undone.

        Raises:
            Refused: It is not archived, and `archive_first` is not given; nothing was sent.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no.
        """
        raise NotImplementedError

    async def create(self, new: NewAsset) -> Record:
        """Ask the platform for a new asset; it starts in ``draft``: see `wait_ready`.

        The AWS keys go to the platform and nowhere else. A lost reply is settled by looking for the
        asset by name and mount, never by asking again.

        Raises:
            InvalidField: A value must not be sent; nothing was.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no, or nobody knows (``outcome_unknown``).
        """
        raise NotImplementedError

    async def wait_ready(
        self, asset_id: AssetId, *, progress: Callable[[ReadyProgress], None] | None = None
    ) -> Record:
        """Poll a draft (5 s, then slower) until it is ready or failed; the caller sets a deadline.

        Returns:
            The record, whose asset is in state ``ready`` or ``failed`` (with `failure_reason`).
        """
        raise NotImplementedError

    # --- Many assets

    async def plan(self, target: Query | str | Sequence[AssetId], change: Change) -> Plan:
        """Say what `change` would do to each asset; sends nothing.

        Raises:
            QueryError: The query has a mistake.
            InvalidField: The change holds a value that must not be sent.
            Refused: The change holds nothing to do, or several kinds of change.
        """
        raise NotImplementedError

    async def document(self, target: Query | str | Sequence[AssetId]) -> str:
        """Write the matched assets as one text document for an editor.

        Raises:
            QueryError: The query has a mistake.
        """
        raise NotImplementedError

    async def plan_document(self, before: str, after: str) -> Plan:
        """Say what the difference between a document and its edited text would do.

        Raises:
            DocumentError: The edited text can't be read; holds the line's number.
            InvalidField: It holds a value that must not be sent.
        """
        raise NotImplementedError

    async def apply(
        self, plan: Plan, *, progress: Callable[[BatchProgress], None] | None = None
    ) -> BatchReport:
        """Carry a plan out: all texts into the journal first, then a few assets at a time.

        A failure of one asset does not stop the others. When it is cancelled or killed, the journal
        knows what is done, what is not and what is unknown: `batch_report`, `resume`.

        Raises:
            JournalError: The plan could not be written down; nothing was sent.
        """
        raise NotImplementedError

    async def batch_report(self, batch_id: int) -> BatchReport:
        """Return what became of each asset of a batch."""
        raise NotImplementedError

    async def resume(
        self, batch_id: int, *, progress: Callable[[BatchProgress], None] | None = None
    ) -> BatchReport:
        """Do what a batch has not done: only the failed, the interrupted and the unknown ones."""
        raise NotImplementedError

    # --- What was done here

    async def log(self, *, limit: int = 100, offset: int = 0) -> list[Entry]:
        """Return what was done here, by any front end: pending ones on top, then newest first."""
        raise NotImplementedError

    async def batches(self, *, limit: int = 100, offset: int = 0) -> list[Batch]:
        """Return the batches, newest first."""
        raise NotImplementedError

    async def unsent(self) -> list[Entry]:
        """Return the entries that wait for the user: unsent, unknown and in conflict."""
        raise NotImplementedError

    async def settle(self) -> list[Entry]:
        """Look at the platform for every change of unknown outcome; return them as they are now."""
        raise NotImplementedError

    async def retry(self, entry_id: int) -> EditResult:
        """Send an unsent change again, merged as `edit` does; raises what `edit` raises.

        Raises:
            Refused: The entry does not wait for a retry, or its secrets were never kept.
        """
        raise NotImplementedError

    async def discard(self, entry_id: int) -> Entry:
        """Give an unsent change up; its text stays readable in the log.

        Raises:
            Refused: The entry does not wait for anything.
        """
        raise NotImplementedError

    async def undo(
        self,
        batch_id: int | None = None,
        *,
        progress: Callable[[BatchProgress], None] | None = None,
    ) -> BatchReport:
        """Take back a batch (None: the newest), by ordinary edits.

        A field that somebody changed since is left alone and named in `skipped_fields`; an asset of
        which nothing is left to undo is ``skipped``.

        Raises:
            UndoRefused: There is nothing to undo, or it was a delete or a create.
        """
        raise NotImplementedError

    async def redo(self, *, progress: Callable[[BatchProgress], None] | None = None) -> BatchReport:
        """Do again what the last undo took back.

        Raises:
            UndoRefused: Nothing was undone.
        """
        raise NotImplementedError

    # --- Keeping the catalog true

    async def sync(self, *, force: bool = False) -> SyncReport:
        """Sweep the platform once, or wait for the process that does; progress comes as events.

        Args:
            force: Believe a sweep in which a large part of the assets vanished.

        Raises:
            Refused: A large part vanished, twice; nothing was removed.
        """
        raise NotImplementedError

    async def refresh(self) -> SyncReport:
        """Read the newest pages until one holds nothing new."""
        raise NotImplementedError

    async def ensure_fresh(self, *, max_age_s: float = 60.0) -> SyncReport | None:
        """Sync or refresh if the catalog is older than `max_age_s`; None when it was not needed."""
        raise NotImplementedError

    async def run_background(self) -> None:
        """Keep the catalog fresh until cancelled: sweeps, refreshes, drafts, unknown outcomes.

        Run it in a task of the front end's own group. Failures become `SyncFailed` events.
        """
        raise NotImplementedError

    def subscribe(self) -> AbstractContextManager[MemoryObjectReceiveStream[Event]]:
        """Listen to events from now until the context ends."""
        raise NotImplementedError

    # --- Files

    async def list_files(self, asset_id: AssetId, path: str = "") -> tuple[FileEntry, ...]:
        """List one folder of an internal asset's files."""
        raise NotImplementedError

    async def file_urls(self, asset_id: AssetId, path: str) -> FileUrls:
        """Return signed, expiring addresses of one file."""
        raise NotImplementedError

    async def download(
        self,
        asset_id: AssetId,
        path: str,
        folder: Path,
        *,
        progress: Callable[[DownloadProgress], None] | None = None,
    ) -> list[Path]:
        """Download a file, or a folder with all below it, into `folder`.

        A ``.part`` file beside the target is continued where it ended; the size is checked.

        Raises:
            Refused: A path of the platform's would leave `folder`, or the size does not fit.
        """
        raise NotImplementedError
