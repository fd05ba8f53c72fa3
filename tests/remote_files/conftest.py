"""A cache on the disk, and files that are open."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from coexplorer.remote_files import BlockCache, CacheKey, FileReader, open_remote_files
from coexplorer.remote_files.limits import Limits
from tests.support.generated import GeneratedOrigin

KEY = CacheKey("a platform\0an asset", "a file")
OpenFile = Callable[..., AbstractAsyncContextManager[FileReader]]


@pytest.fixture
def cache(tmp_path: Path) -> BlockCache:
    return BlockCache(tmp_path / "files", 10**9)


@pytest.fixture
def open_file(cache: BlockCache) -> OpenFile:
    """Open a file in a session of its own, as another start of the program does."""

    @asynccontextmanager
    async def open_one(
        origin: GeneratedOrigin,
        *,
        cache: BlockCache = cache,
        limits: Limits | None = None,
        key: CacheKey = KEY,
    ) -> AsyncIterator[FileReader]:
        async def build() -> GeneratedOrigin:
            origin.etag = ""
            return origin

        async with (
            open_remote_files(cache, limits) as files,
            await files.open(key, build) as reader,
        ):
            yield reader

    return open_one
