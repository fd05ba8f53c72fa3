"""What the library passes on from the catalog, and how it works without a catalog."""

import msgspec

from coexplorer.demo.server import DemoServer
from coexplorer.library import Library
from coexplorer.library.entries import State
from coexplorer.library.reading import search_time
from coexplorer.models import AssetId, SearchRequest
from coexplorer.query import parse_query
from tests.support.server import COMBINED, DERIVED, RAW

ID = AssetId(RAW)


async def test_lists_and_figures_come_from_one_sync(library: Library, server: DemoServer) -> None:
    await library.sync.sweep()
    query = parse_query("tag:ecephys sort:created")
    rows = await library.assets.window(query)
    assert [row.id for row in rows] == await library.assets.ids(query) == [RAW, DERIVED]
    assert await library.assets.position(AssetId(DERIVED), query) == 1
    assert len(await library.assets.rows()) == server.store.count()
    assert ("ecephys", 2) in await library.assets.tag_counts()
    assert "atlas" in await library.assets.field_values("tag")
    assert (await library.assets.stats()).total.assets == server.store.count()
    assert await library.assets.duplicates() == []
    lineage = await library.assets.lineage(ID)
    assert {(each.id, each.kind) for each in lineage.children} == {
        (DERIVED, "made_from"),
        (COMBINED, "contains"),
    }


async def test_platform_itself_can_be_searched(library: Library, server: DemoServer) -> None:
    request = SearchRequest(query="tag:ecephys")
    found = {asset.id async for asset in library.platform.search(request)}
    assert found == {RAW, DERIVED}


async def test_edit_goes_on_when_the_catalog_breaks(library: Library, server: DemoServer) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    library._context.catalog.close()
    result = await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Still works"))
    assert result.state is State.APPLIED
    assert server.store.get(RAW).name == "Still works"
    assert library._context.catalog_problem


async def test_relative_dates_count_back_from_whole_minutes(library: Library) -> None:
    """So that what a search for the last days found is kept from one key to the next."""
    assert search_time() % 60 == 0
    await library.sync.sweep()
    query = parse_query("created:-99y")
    assert await library.assets.count(query) == len(await library.assets.ids(query)) > 0
