"""Which asset is meant: commands that write never guess."""

import pytest

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.errors import AmbiguousAsset, NotFound, UnknownAssets
from coexplorer.library import Library
from coexplorer.library.named_assets import Named
from tests.library.conftest import OpenSession, many_assets
from tests.support.server import RAW, THEIRS, make_id


def put(server: DemoServer, *names: str, first: int = 0x8316A00D) -> list[str]:
    """Put assets with these names on the server; return their ids."""
    me = server.users[0].email
    ids = [make_id(first + number) for number in range(len(names))]
    server.store.insert(
        StoredAsset(id=each, name=name, owner=me, created=1_700_000_000 + number, mount="m")
        for number, (each, name) in enumerate(zip(ids, names, strict=True))
    )
    return ids


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["run_10"], "run_1"),
        (["run_10"], "run"),
        (["Run_1"], "run_1"),
        (["zero"], "zer"),
        (["run"], "run "),
        ([" run"], "run"),
        (["session 2024-01-06"], "session"),
        (["x_2023_sorted"], "x_2023"),
        (["straße"], "strasse"),
        (["a"], "%"),
        (["a"], "*"),
        (["a"], ""),
        (["a"], "8316a"),  # five characters of its id
    ],
)
async def test_part_of_a_name_or_too_little_of_an_id_is_not_taken_for_it(
    library: Library, server: DemoServer, names: list[str], asked: str
) -> None:
    put(server, *names)
    for _ in range(2):  # not known here, and known
        with pytest.raises(NotFound):
            await library.assets.resolve(asked)
        await library.sync.sweep()


async def test_what_may_have_been_meant_is_a_hint(library: Library, server: DemoServer) -> None:
    put(server, "run_10", "other run_1b")
    await library.sync.sweep()
    with pytest.raises(NotFound) as caught:
        await library.assets.resolve("run_1")
    assert caught.value.hint == "did you mean run_10 (8316a00d)?"
    with pytest.raises(NotFound) as caught:
        await library.assets.resolve("r run")
    assert caught.value.hint == "did you mean other run_1b (8316a00e)?"


async def test_whole_name_whole_id_and_beginning_of_an_id_are_taken(
    open_session: OpenSession, server: DemoServer
) -> None:
    ids = put(server, "run_1", "run_10", "caf\u00e9")
    async with open_session() as library:
        assert await library.assets.resolve("Zebrafish atlas") == THEIRS  # not known here yet
        assert await library.assets.resolve(RAW.upper()) == RAW
        assert await library.assets.resolve(ids[0][:8]) == ids[0]
        await library.sync.sweep()
        assert await library.assets.resolve("run_1") == ids[0]
        assert await library.assets.resolve(ids[0][:8].upper()) == ids[0]
        assert await library.assets.resolve(ids[1][:13]) == ids[1]
        assert await library.assets.resolve("cafe\u0301") == ids[2]
        with pytest.raises(AmbiguousAsset):
            await library.assets.resolve(ids[0][:6])
    async with open_session(offline=True) as library:
        with pytest.raises(NotFound):
            await library.assets.resolve("99999999-0000-4000-8000-000000000000")


async def test_name_that_two_assets_have_or_that_may_be_an_id_is_ambiguous(
    library: Library, server: DemoServer
) -> None:
    ids = put(server, "same", "same", "8316a00d", "café", "cafe\u0301", RAW)
    await library.sync.sweep()
    for asked, meant in (
        ("same", {ids[0], ids[1]}),
        ("8316a00d", {ids[0], ids[2]}),
        ("café", {ids[3], ids[4]}),
        (RAW, {RAW, ids[5]}),
    ):
        with pytest.raises(AmbiguousAsset) as caught:
            await library.assets.resolve(asked)
        assert {asset_id for asset_id, _ in caught.value.candidates} == meant
    only_an_id = Named((RAW,), line=1, is_id=True)
    assert [each.asset_id for each in await library.assets.resolve_all([only_an_id])] == [RAW]


async def test_who_only_looks_may_give_the_beginning_of_one_name(
    library: Library, server: DemoServer
) -> None:
    ids = put(server, "run_10", "run_20", "RUN_2")
    await library.sync.sweep()
    (found,) = await library.assets.resolve_all([Named(("run_1",))], guess=True)
    assert (found.asset_id, found.name, found.is_guess) == (ids[0], "run_10", True)
    assert await library.assets.resolve("run_2", guess=True) == ids[2]
    with pytest.raises(AmbiguousAsset):
        await library.assets.resolve("run", guess=True)
    with pytest.raises(NotFound):
        await library.assets.resolve("un_1", guess=True)


async def test_list_is_found_in_a_few_queries_and_asked_of_the_platform_at_once(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 300)
    named = [Named((each,), number) for number, each in enumerate(ids, start=1)]
    server.log.clear()
    found = await library.assets.resolve_all(named)  # nothing is known here yet
    assert [each.asset_id for each in found] == ids
    assert len(server.requests()) < 20
    server.log.clear()
    names = [Named((f"session {number:05}",), number) for number in range(300)]
    assert [each.asset_id for each in await library.assets.resolve_all(names)] == ids
    assert server.requests() == []


async def test_all_that_is_unknown_is_named_line_by_line(
    library: Library, server: DemoServer
) -> None:
    put(server, "run_10", "same", "same")
    await library.sync.sweep()
    gone = make_id(0xDEAD)
    named = [Named(("run_1",), 1), Named(("same",), 4), Named((gone,), 5, True), Named((RAW,), 6)]
    named += [Named(("run_10",), 7, True), Named((f"{RAW},{gone}",), 8)]
    with pytest.raises(UnknownAssets) as caught:
        await library.assets.resolve_all(named)
    assert caught.value.message == "4 of 6 not found and 1 not clear, so nothing was done"
    first, second, third, no_id, several = caught.value.problems
    assert first == "line 1: no asset 'run_1': did you mean run_10 (8316a00d)?"
    assert second.startswith("line 4: 'same' fits 2 assets: ")
    assert third == f"line 5: no asset '{gone}'"
    assert no_id == "line 7: 'run_10' is not an id; a column of ids must hold whole ids"
    assert several.startswith(f"line 8: no asset '{RAW},{gone}': put one asset on each line")


async def test_a_name_of_many_is_not_called_unknown(library: Library, server: DemoServer) -> None:
    put(server, *["same"] * 4, "name", "run_1")
    await library.sync.sweep()
    title = Named(("name",), 1, may_be_none=True, may_be_title=True)
    with pytest.raises(UnknownAssets) as caught:
        await library.assets.resolve_all([title, Named(("same",), 2), Named(("run_1",), 3)])
    assert caught.value.message == "2 of 3 not clear, so nothing was done"
    assert caught.value.hint == "give ids where a name fits several"
    first, second = caught.value.problems
    assert first.startswith("line 1: 'name' could be the title of the names below, or the asset")
    assert second.startswith("line 2: 'same' fits 4 assets: ")
    assert second.endswith(", …")


async def test_list_of_what_is_gone_is_not_asked_for_one_by_one(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.log.clear()
    named = [Named((make_id(0xDEAD0000 + each),), each + 1, True) for each in range(500)]
    with pytest.raises(UnknownAssets, match=r"^500 of 500 not found") as caught:
        await library.assets.resolve_all(named)
    assert len(caught.value.problems) == 500
    assert len(server.requests()) < 100
