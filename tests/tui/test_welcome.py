from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import anyio
import pytest
from textual import events

from coexplorer.config.domain import is_token
from coexplorer.tui.credentials import Given, find_given
from coexplorer.tui.terminal.reading import InputReader
from coexplorer.tui.welcome import WelcomeApp
from coexplorer.tui.widgets.field import Field
from tests.support.patience import stretched

URL = "http://127.0.0.1:18808"
TOKEN = "cop_0123456789abcdef0123456789abcdef"
OTHER = "cop_ffffffffffffffffffffffffffffffff"


def _bracketed(text: str) -> bytes:
    return f"\x1b[200~{text}\x1b[201~".encode()


def _fields(app: WelcomeApp) -> tuple[str, str]:
    domain, token = app.query(Field)
    return domain.value, token.value


def _texts(app: WelcomeApp) -> Iterator[str]:
    for strip in app.screen._compositor.render_strips():
        yield "".join(segment.text for segment in strip)


@asynccontextmanager
async def signing_in(platform: str, token: str, at: int, cursor: int) -> AsyncIterator[WelcomeApp]:
    """Run the form with texts in its fields, its cursor somewhere in one of them."""
    app = WelcomeApp()
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("s")
        for field, text in zip(app.query(Field), (platform, token), strict=True):
            field.value = text
        await pilot.press("escape", "s")
        await pilot.pause()
        field = list(app.query(Field))[at]
        app.screen.set_focus(field)
        field.cursor_position = cursor
        await pilot.pause()
        yield app


async def send(app: WelcomeApp, data: bytes) -> None:
    reader = InputReader()
    for message in (*reader.feed(data), *reader.look_again()):
        assert isinstance(message, events.Key | events.Paste)
        app.post_message(message)


@pytest.mark.parametrize("cursor", [0, 99])
@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("old", [("", ""), ("acme", OTHER), (f"{URL}/{URL}", "")])
@pytest.mark.parametrize(
    ("pasted", "wanted"),
    [
        (f"{TOKEN} {URL}", (URL, TOKEN)),
        (f"{URL}\r{TOKEN}\r", (URL, TOKEN)),
        (f"{URL}\t{TOKEN}", (URL, TOKEN)),
        (f"platform: {URL}\rtoken: {TOKEN}", (URL, TOKEN)),
        (f"export CODEOCEAN_TOKEN={TOKEN}", (None, TOKEN)),
        (f'"{TOKEN}"\n', (None, TOKEN)),
        (URL, (URL, None)),
    ],
)
async def test_what_is_pasted_replaces_what_stands_in_its_field(
    old: tuple[str, str], at: int, cursor: int, pasted: str, wanted: tuple[str | None, str | None]
) -> None:
    expected = tuple(then if new is None else new for then, new in zip(old, wanted, strict=True))
    async with signing_in(*old, at, cursor) as app:
        for _ in range(2):  # once more changes nothing
            await send(app, _bracketed(pasted))
            await _until(app, lambda: _fields(app) == expected)
            assert not any(is_token(text.replace("cop_…", "")) for text in _texts(app))


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("old", [("", ""), (URL, OTHER), ("http://127.0.0.1:1", "")])
@pytest.mark.parametrize("pasted", [f"{TOKEN}\t{URL}", f"{URL}\t{TOKEN}", TOKEN, URL])
async def test_what_comes_without_brackets_replaces_it_too(
    old: tuple[str, str], at: int, pasted: str
) -> None:
    expected = (URL if URL in pasted else old[0], TOKEN if TOKEN in pasted else old[1])
    async with signing_in(*old, at, 3) as app:
        for _ in range(2):
            await send(app, pasted.encode())
            await _until(app, lambda: _fields(app) == expected)
            assert not any(is_token(text.replace("cop_…", "")) for text in _texts(app))


@pytest.mark.parametrize("before", ["", URL, "acme", f"{URL}/"])
async def test_a_token_that_is_typed_is_shown_nowhere(before: str) -> None:
    async with signing_in(before, "", 0, 99) as app:
        for char in TOKEN:
            app.post_message(events.Key(char, char))
        await _until(app, lambda: _fields(app)[0] == before + TOKEN)
        assert not any(TOKEN[4:12] in text for text in _texts(app))
        app.post_message(events.Key("enter", "\r"))
        await _until(app, lambda: _fields(app)[1] == TOKEN)
        assert TOKEN not in _fields(app)[0]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("acme", Given()),
        ("my platform is down", Given()),
        (f"acme {TOKEN}", Given("acme", TOKEN)),
        (f"{URL}{TOKEN}", Given(URL, TOKEN)),
        (f"{TOKEN}{URL}", Given(URL, TOKEN)),
        (f"log in at {URL} with {TOKEN} please", Given(URL, TOKEN)),
    ],
)
def test_a_platform_and_a_token_are_found(text: str, given: Given) -> None:
    assert find_given(text) == given


async def _until(app: WelcomeApp, condition: Callable[[], bool]) -> None:
    with anyio.move_on_after(stretched(30)):
        while not condition():  # noqa: ASYNC110  nothing tells when a frame is drawn
            await anyio.sleep(0.005)
        return
    raise AssertionError(f"never came: {_fields(app)}\n" + "\n".join(_texts(app)))
