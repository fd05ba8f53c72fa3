"""The next step that is told fits what happened."""

from collections.abc import Callable, Iterable

import pytest

from coexplorer.api import Client
from coexplorer.errors import ApiError, BadReply, PlatformFault, RateLimited
from coexplorer.fields import Fields
from coexplorer.models import AssetId, Dialect, SearchRequest, Secret
from tests.api.conftest import IMPATIENT
from tests.support.rawserver import Asked, raw_server, reply

A = AssetId("aaaaaaaa-0000-4000-8000-000000000001")
PAGE = {"results": [{"id": A, "name": "a"}], "has_more": True, "next_token": "2"}


async def find_error(
    answer: Callable[[Asked], Iterable[bytes]], use: Callable[[Client], object]
) -> ApiError:
    with raw_server(answer) as server:
        async with Client(
            server.url, Secret("cop_x"), dialect=Dialect.CURRENT, patience=IMPATIENT
        ) as client:
            with pytest.raises(ApiError) as caught:
                await use(client)  # type: ignore[misc]
    return caught.value


@pytest.mark.parametrize("told", ["0", "0.0", "0.1", "Sat, 28 Nov 1998 18:00:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_no_time_at_all_is_not_told_as_one(told: str, status: int) -> None:
    error = await find_error(
        lambda _: [reply(status, {}, Retry_After=told)], lambda client: client.get(A)
    )
    assert isinstance(error, RateLimited | PlatformFault)
    assert error.retry_after_s is None
    assert " 0 s" not in error.hint
    assert "again" in error.hint


async def walk(client: Client) -> None:
    async for _ in client.iter_pages(SearchRequest()):
        pass


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("lasts", [True, False])
async def test_a_search_that_goes_away_in_the_middle_is_no_wrong_domain(
    status: int, *, lasts: bool
) -> None:
    asked_for: list[bytes] = []

    def answer(asked: Asked) -> Iterable[bytes]:
        asked_for.append(asked.body)
        if len(asked_for) == 1:
            return [reply(200, PAGE)]
        return [reply(status)] if lasts or b'"limit":1,' not in asked.body else [reply(200, PAGE)]

    error = await find_error(answer, walk)
    assert isinstance(error, PlatformFault)
    assert "try again in a while" in error.hint
    assert "domain" not in error.hint


async def test_one_page_that_a_balancer_loses_is_asked_for_again() -> None:
    seen: list[bytes] = []

    def answer(asked: Asked) -> Iterable[bytes]:
        seen.append(asked.body)
        if len(seen) == 2:
            return [reply(404)]
        return [reply(200, PAGE if len(seen) == 1 else {**PAGE, "has_more": False})]

    with raw_server(answer) as server:
        async with Client(server.url, Secret("cop_x"), dialect=Dialect.CURRENT) as client:
            pages = client.iter_pages(SearchRequest())
            assert [len(page) async for page in pages] == [1, 0]
            assert pages.complete


async def test_a_search_that_never_was_there_is_a_wrong_domain() -> None:
    error = await find_error(lambda _: [reply(404)], walk)
    assert isinstance(error, BadReply)
    assert "check the domain" in error.hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["get", "search", "update", "archive"])
async def test_a_redirect_to_itself_tells_no_one_to_look_for_a_sign_in_page(
    status: int, call: str
) -> None:
    uses: dict[str, Callable[[Client], object]] = {
        "get": lambda client: client.get(A),
        "search": lambda client: client.search(SearchRequest()),
        "update": lambda client: client.update(A, Fields("n"), before=Fields("o")),
        "archive": lambda client: client.archive(A, True),
    }
    error = await find_error(lambda asked: [reply(status, Location=asked.target)], uses[call])
    assert isinstance(error, BadReply)
    assert "sign-in" not in error.hint
    assert "check the domain" not in error.hint
    assert "again" in error.hint


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_after_a_look_nobody_is_told_to_look(status: int) -> None:
    """It is read again before that is said, and is as it was."""
    shown = {"id": A, "name": "o", "created": 1, "state": "ready", "type": "dataset"}

    def answer(asked: Asked) -> list[bytes]:
        if asked.method == "GET":
            return [reply(200, shown)]
        return [reply(status, Location=asked.target)]

    error = await find_error(
        answer, lambda client: client.update(A, Fields("n"), before=Fields("o"))
    )
    assert isinstance(error, BadReply)
    assert not error.outcome_unknown
    assert error.hint.startswith("a look shows that nothing was changed")


async def test_an_answer_that_is_too_long_says_about_what_and_is_read_once() -> None:
    """The limit, and whose it is: a name of megabytes is found then."""
    asked: list[str] = []

    def answer(each: Asked) -> list[bytes]:
        asked.append(each.path)
        return [reply(200, {"id": A, "name": "x" * 5_000_000, "created": 1})]

    uses: list[Callable[[Client], object]] = [
        lambda client: client.get(A),
        lambda client: client.sharing(A),
    ]
    for use in uses:
        asked.clear()
        error = await find_error(answer, use)
        assert "longer than the 4,194,304 bytes that are read of it" in error.message
        assert f"data_assets/{A}" in error.message
        assert "proxy" not in error.hint
        assert len(asked) == 1


async def test_who_can_see_an_asset_may_be_many() -> None:
    users = [{"email": f"u{number}@example.org", "role": "viewer"} for number in range(20_000)]
    with raw_server(lambda _: [reply(200, {"users": users})]) as server:
        async with Client(server.url, Secret("t"), patience=IMPATIENT) as client:
            assert len((await client.sharing(A)).users) == 20_000
