"""What the catalog answers by itself: without a session, an event loop or the network.

A command that only reads what is known here is done before an event loop would have been imported.
It is written as for a session; `answer_now` runs it. Nothing can be changed this way, and the
journal is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from coexplorer.library.opening import open_catalog
from coexplorer.library.reading import Reading
from coexplorer.library.status import Status, describe_gaps

if TYPE_CHECKING:
    from coexplorer.catalog import Catalog
    from coexplorer.config import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Known:
    """What is known of a platform's assets on this machine; made by `open_known`.

    It answers as `Library` does, without ever waiting.

    Args:
        settings: Whose catalog.
        catalog: It, or what has to do in its place.
        problem: Why it does; else empty.

    Attributes:
        assets: What is in the catalog.
    """

    def __init__(self, settings: Settings, catalog: Catalog, problem: str) -> None:
        self.settings = settings
        self.assets = Reading(catalog, _read_now)
        self._catalog = catalog
        self._problem = problem

    async def status(self) -> Status:
        """See `Library.status`; of the journal nothing is said."""
        state = self._catalog.sync_state()
        return Status(
            total=state.assets,
            complete=state.complete,
            synced_at=state.refreshed_at if state.complete else state.synced_at,
            offline=True,
            syncing=False,
            unsent=0,
            catalog_problem=self._problem,
            is_kept=self._catalog.path == self.settings.catalog_path,
            dialect=state.dialect or "",
            gaps=describe_gaps(state.gaps),
        )


@contextmanager
def open_known(settings: Settings) -> Iterator[Known]:
    """Open what is known of a profile's platform; a catalog that can't be used is bypassed.

    Raises:
        CatalogError: The catalog can't be used, and there is no room for another either.
    """
    with ExitStack() as stack:
        catalog, problem = open_catalog(settings.catalog_path, stack, offline=True)
        yield Known(settings, catalog, problem)


def answer_now(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work that waits for nothing, such as questions to `Known`.

    Raises:
        RuntimeError: It does wait; nobody here could wake it.
    """
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    work.close()
    raise RuntimeError("this waits for something, so it needs a session")


async def _read_now(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return call(*args, **kwargs)
