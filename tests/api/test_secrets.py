"""The token and AWS keys go to the platform, and into nothing that anybody else reads."""

import base64
import html
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from urllib.parse import quote, unquote

import httpx
import pytest

from coexplorer.api import Client
from coexplorer.api.masking import mask_secrets
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError
from coexplorer.fields import Fields
from coexplorer.models import AssetId, AwsSource, NewAsset, SearchRequest, Secret
from tests.api.conftest import IMPATIENT
from tests.support.rawserver import Asked, raw_server, reply
from tests.support.server import RAW

AWS_KEY = "AKIAVERYPRIVATE"
AWS_SECRET = "wJalr-very-secret"
A1 = AssetId(RAW)
NEW = NewAsset(
    name="n",
    description="",
    mount="m",
    tags=(),
    source=AwsSource("b-1", access_key_id=Secret(AWS_KEY), secret_access_key=Secret(AWS_SECRET)),
)
FAULTS = [
    401,
    403,
    404,
    409,
    429,
    500,
    FaultKind.RESET,
    FaultKind.LOST,
    FaultKind.SHORT,
    FaultKind.CUT,
    FaultKind.HTML,
]


def forbidden_texts(token: str) -> list[str]:
    basic = base64.b64encode(f"{token}:".encode()).decode()
    return [token, basic, AWS_KEY, AWS_SECRET]


def assert_clean(text: str, token: str) -> None:
    assert text
    for secret in forbidden_texts(token):
        assert secret not in text


def describe(error: BaseException) -> str:
    """Everything that a log, a crash screen or a debugger shows of an error, locals included."""
    assert error.__traceback__ is not None
    ours = error.__traceback__.tb_next  # without the frame of the test, which knows the token
    shown = traceback.TracebackException(type(error), error, ours, capture_locals=True)
    return "".join(shown.format()) + repr(error) + repr(error.args) + str(error)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_brings_a_secret_to_light(
    server: DemoServer, fault: int | FaultKind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = server.users[0].token
    async with Client(server.url, Secret(token), patience=IMPATIENT) as client:
        # A platform that repeats what it was sent.
        padding = "x" * 170
        server.faults.add(
            fault, "POST", "data_assets", message=f"{token} {AWS_SECRET} {padding} {AWS_KEY}"
        )
        server.faults.add(fault, message=f"bad {token} {padding} {token}")
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: client.get(A1),
            lambda: client.search(SearchRequest()),
            lambda: client.create(NEW),
            lambda: client.update(A1, Fields("x"), before=Fields("y")),
            lambda: client.delete(A1),
        ]
        for call in calls:
            with pytest.raises(ApiError) as caught:
                await call()
            if isinstance(
                fault, FaultKind
            ):  # where no platform repeats anything, locals are clean too
                assert_clean(describe(caught.value), token)
            formatted = "".join(traceback.format_exception(caught.value))
            assert_clean(formatted + str(caught.value) + caught.value.hint, token)
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None
        assert_clean(repr(client), token)
    records = [record.getMessage() + repr(record.args) for record in caplog.records]
    assert_clean("\n".join(records), token)


async def test_a_token_that_no_header_can_carry_is_not_shown(server: DemoServer) -> None:
    token = "cop_with\nnewline\x00é"  # no secret of anybody's
    async with Client(server.url, Secret(token), patience=IMPATIENT) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(A1)
    assert_clean(describe(caught.value), token)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_takes_the_token_elsewhere(status: int) -> None:
    asked: list[httpx.Request] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, headers={"Location": "http://localhost:1/api/v1/x"})

    carrier = httpx.MockTransport(redirect)
    async with Client("http://127.0.0.1:1", Secret("cop_t"), carrier=carrier) as client:
        with pytest.raises(ApiError):
            await client.get(A1)
    assert [request.url.host for request in asked] == ["127.0.0.1"]


async def test_signed_addresses_are_not_logged(
    server: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Client(server.url, Secret(server.users[0].token), patience=IMPATIENT) as client:
        root = (await client.list_files(A1)).entries
        file = next(entry for entry in root if not entry.is_folder)

        async def fetch_url() -> str:
            return (await client.file_urls(A1, file.path)).download_url

        async with client.open_download(fetch_url) as download:
            await anext(download)
    ours = [record.getMessage() for record in caplog.records if "uvicorn" not in record.name]
    assert ours
    assert "signature=" not in "".join(ours)


SIGNATURE = "fe5f80%2Fa+b/c=9d8e7f6a5b4c"
QUERY = f"X-Amz-Credential=AKIAPRIVATE%2F2026&X-Amz-Signature={SIGNATURE}&response=attachment%3B"
REPEATED: dict[str, Callable[[str], str]] = {
    "path and query": lambda asked: f"no {asked}",
    "query": lambda asked: f"no {asked.partition('?')[2]}",
    "address": lambda asked: f"no https://storage.example.org{asked} here",
    "escaped": lambda asked: f"no {html.escape(asked)}",
    "quoted": lambda asked: f"no {quote(asked, safe='')}",
    "decoded": lambda asked: f"no {unquote(asked)}",
    "signature": lambda _: f"the signature {SIGNATURE} is wrong",
    "decoded signature": lambda _: f"the signature {unquote(SIGNATURE)} is wrong",
}
SHAPES: dict[str, Callable[[str], str]] = {
    "xml": lambda said: f"<Error><Code>X</Code><Message>{said}</Message></Error>",
    "json": lambda said: json.dumps({"message": said}),
    "page": lambda said: f"<html><title>{said}</title></html>",
    "text": lambda said: said,
}


@pytest.mark.parametrize("redirected", [True, False])
@pytest.mark.parametrize("how", REPEATED)
async def test_a_storage_that_repeats_a_signed_address_shows_it_to_nobody(
    caplog: pytest.LogCaptureFixture, how: str, *, redirected: bool
) -> None:
    caplog.set_level(logging.DEBUG, "coexplorer")
    shape = ""

    def answer(asked: Asked) -> list[bytes]:
        if redirected and not asked.path.endswith("/other"):
            return [reply(307, b"", Location=f"/other?{QUERY}")]
        said = SHAPES[shape](REPEATED[how](asked.target))
        return [reply(403, said.encode(), Content_Type="text/plain")]

    with raw_server(answer) as storage:
        own = "?sig=of-the-first-address" if redirected else f"?{QUERY}"
        async with Client(storage.url, Secret("t"), patience=IMPATIENT) as client:

            async def fetch_url() -> str:
                return f"{storage.url}/file{own}"

            for shape in SHAPES:  # noqa: B007 # read by the storage
                with pytest.raises(ApiError) as caught:
                    async with client.open_download(fetch_url):
                        pass
                told = caught.value.message + caught.value.hint + caplog.text
                for secret in ("fe5f80", "9d8e7f", "AKIAPRIVATE", "of-the-first"):
                    assert secret not in told


async def test_a_platform_that_gives_addresses_in_odd_replies_shows_them_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "coexplorer")
    odd = {"message": f"see https://s3/x?{QUERY}", "address": f"https://s3/x?{QUERY}"}
    for status in (200, 400, 500):
        answer = reply(status, odd)
        with raw_server(lambda _, answer=answer: [answer]) as server:  # type: ignore[misc]
            async with Client(server.url, Secret("t"), patience=IMPATIENT) as client:
                with pytest.raises(ApiError) as caught:
                    await client.file_urls(A1, "f")
        assert "fe5f80" not in caught.value.message + caplog.text


def test_the_part_of_a_token_behind_its_prefix_is_masked_too() -> None:
    said = b"bad token Zm9vYmFyYmF6cXV4 (cop_Zm9vYmFyYmF6cXV4)"
    assert mask_secrets(said, ["cop_Zm9vYmFyYmF6cXV4"]) == b"bad token ... (...)"
    assert mask_secrets(b"a word", ["cop_word"]) == b"a word"


@pytest.mark.parametrize("token", ["e", "no", "token", "expired", "\n", ""])
def test_what_is_too_short_for_a_token_masks_no_sentence(token: str) -> None:
    said = b'{"message": "no such token: it has expired (YTo=)"}'
    assert mask_secrets(said, [token]) == said
