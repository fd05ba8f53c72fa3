"""What is typed and pasted arrives once and unchanged, in every field of the app."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Input, TextArea

import coexplorer.tui
from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.models import AssetId
from coexplorer.tui.tag_text import parse_tags
from coexplorer.tui.terminal.bursts import looks_pasted
from coexplorer.tui.widgets.field import MOST_CHARACTERS, Field
from coexplorer.tui.widgets.fields import DescriptionArea
from tests.support.server import COMBINED, OLD, OUTSIDE
from tests.support.tui import Running, running_app

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ACCENT = "e\u0301"
WORDS = f"数据 {FAMILY} {ACCENT} \u2764\ufe0f x\u200cy"
"""Wide, joined, combined, selected: what is one sign on the screen and several in the text."""
HARMFUL = "a\x00b\x1b[31mc\x07d\x7fe\x9bf\x08g\x1b]0;h\x07"
HARMLESS = "ab[31mcdefg]0;h"

Open = Callable[[Running], Awaitable[None]]


async def to_field(app: Running, name: str) -> None:
    """Put the cursor into a field of the form that is in front."""
    await app.until(lambda: [f for f in app.app.screen.query(Field) if f.field_name == name], name)
    field = next(f for f in app.app.screen.query(Field) if f.field_name == name)
    app.app.screen.set_focus(field)
    await app.settle()


def by_keys(*keys: str, shown: str = "") -> Open:
    async def open_it(app: Running) -> None:
        await app.press(*keys)
        await app.until(lambda: isinstance(app.app.focused, Field | DescriptionArea), "a field")
        if shown:
            await app.until_shown(shown)
        await app.press("ctrl+u")

    return open_it


def in_form(name: str) -> Open:
    async def open_it(app: Running) -> None:
        await app.press("N", "enter")
        await app.until_shown("New asset")
        await to_field(app, name)

    return open_it


async def open_view_name(app: Running) -> None:
    await app.press("/")
    await app.type("data")
    await app.press("enter", "w")
    await app.until_shown("save this search as")


async def open_sign_in(app: Running) -> None:
    app.app.sign_in_again(None)
    await app.until_shown("Sign in to")


async def open_delete(app: Running) -> None:
    app.main.state.marked.add(await app.library.assets.rows([AssetId(OLD)]))
    await app.press("D")
    await app.until_shown("Delete permanently")


def in_conflict(key: str, **theirs: object) -> Open:
    async def open_it(app: Running) -> None:
        await app.press(key)
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        app.server.store.update(OUTSIDE, **theirs)
        await app.type("mine")
        await app.press("ctrl+s")
        await app.until_shown("changed elsewhere")
        await app.press("e")
        await app.until(lambda: isinstance(app.app.focused, Field | DescriptionArea), "a field")
        if key != "d":
            await app.press("ctrl+u")

    return open_it


TAGS = "tags"
LINE = "line"
LINES = "lines"

FIELDS: dict[str, tuple[str, Open]] = {
    "search_line: search": (LINE, by_keys("/")),
    "actions.rest: prompt": (LINE, by_keys(":", shown="command")),
    "actions.triage: prompt": (TAGS, by_keys("+", shown="add tag")),
    "actions.browse: prompt": (LINE, open_view_name),
    "fields: name": (LINE, by_keys("r")),
    "fields: description": (LINES, by_keys("d")),
    "fields: tags": (TAGS, by_keys("t")),
    "fields: mount": (LINE, by_keys("m")),
    "screens.tags: tag": (LINE, by_keys("T", shown="tags")),
    "screens.confirm: confirm": (LINE, open_delete),
    "screens.conflict: merge of a name": (LINE, in_conflict("r", name="theirs")),
    "screens.conflict: merge of a description": (LINES, in_conflict("d", description="theirs")),
    "screens.signin: token": (LINE, open_sign_in),
    **{
        f"screens.create: {name}": (TAGS if name == "tags" else LINE, in_form(name))
        for name in ("name", "description", "mount", "tags", "bucket", "prefix", "key", "secret")
    },
}
ELSEWHERE = {"welcome: domain", "welcome: token"}
"""Pasted into in `test_program.py`: it is an app of its own."""

SITES = {
    "actions.attaching: ask",
    "actions.retag: ask",
    "actions.sharing: ask",
    "actions.sources: ask",
    "actions.metadata: ask",
    "actions.browse: ask",
    "actions.app: ask",
    "actions.transferring: ask",
    "actions.triage: ask",
    "screens.confirm: Field",
    "screens.conflict: Field",
    "screens.conflict: DescriptionArea",
    "screens.create: FormField",
    "screens.files: ask",
    "screens.signin: FormField",
    "screens.tags: Field",
    "welcome: FormField",
    "widgets.fields: Field",
    "widgets.fields: DescriptionArea",
    "widgets.form: Field",
    "widgets.prompt: Field",
    "widgets.search_line: Field",
}
"""Where the app makes fields, or asks in the one of the prompt; see `FIELDS`, `ELSEWHERE`."""


def test_no_field_is_forgotten() -> None:
    """All fields are of the two classes that take text in, and are made where we paste."""
    folder = Path(coexplorer.tui.__file__).parent
    found = set()
    makers = {"Field", "DescriptionArea", "FormField", "ask", "Input", "TextArea", "MaskedInput"}
    for path in folder.rglob("*.py"):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in makers and (node.args or node.keywords):
                    found.add(f"{module}: {name}")
    assert found == SITES
    ours = {
        kind
        for base in (Input, TextArea)
        for kind in base.__subclasses__()
        if kind.__module__.startswith("coexplorer.")
    }
    assert ours == {Field, DescriptionArea}


def text_of(app: Running) -> str:
    widget = app.app.focused
    assert isinstance(widget, Field | DescriptionArea)
    return widget.text if isinstance(widget, DescriptionArea) else widget.value


@pytest.fixture(params=FIELDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_what_is_pasted_arrives_once_as_it_is(
    server: DemoServer, settings: Settings, name: str
) -> None:
    kind, open_it = FIELDS[name]
    async with running_app(server, settings) as app:
        await open_it(app)
        before = text_of(app)

        async def arrives(pasted: str, text: str) -> None:
            app.paste(pasted)
            await app.until(lambda: text_of(app) == before + text, f"{text!r}: {text_of(app)!r}")
            await app.settle()
            assert text_of(app) == before + text
            widget = app.app.focused
            if isinstance(widget, DescriptionArea):
                widget.text = before
                widget.move_cursor(widget.document.end)
            elif isinstance(widget, Field):
                widget.value = before
                widget.cursor_position = len(before)
            await app.settle()

        await arrives("one word", "one word")
        await arrives(WORDS, WORDS)
        assert "\\u200d" not in app.text()
        await arrives("an-id\r", "an-id" if kind != LINES else "an-id\n")
        await arrives("an-id\r\n", "an-id" if kind != LINES else "an-id\n")
        await arrives("\ufeffa\tb", "a\tb" if kind == LINES else "a b")
        await arrives(HARMFUL, HARMLESS)
        several = "alpha\r\nbeta gamma\r\n\r\ndelta\r"
        joined = {
            LINE: "alpha beta gamma delta",
            TAGS: "alpha, beta gamma, delta",
            LINES: "alpha\nbeta gamma\n\ndelta\n",
        }
        await arrives(several, joined[kind])
        for blank in (" ", "  ", "\t", "\u00a0"):
            kept = blank if kind == LINES else blank.replace("\t", " ")
            await arrives(f"{blank}x{blank}", f"{kept}x{kept}")
            lines = {LINE: "x y", TAGS: "x, y", LINES: "x\ny"}[kind]
            await arrives(f"{blank}x\ry{blank}", f"{kept}{lines}{kept}")
        await arrives("x\u202ey", "x\u202ey")
        assert "\u202e" not in app.text() or kind == LINES


async def test_what_is_typed_or_pasted_without_brackets_arrives_once_as_it_is(
    server: DemoServer, settings: Settings, name: str
) -> None:
    _, open_it = FIELDS[name]
    async with running_app(server, settings) as app:
        await open_it(app)
        before = text_of(app)
        app.send((WORDS + "\x00\x07\x9b").encode())
        await app.until(lambda: text_of(app) == before + WORDS, f"typed, not {text_of(app)!r}")


def _has_text(app: Running, text: str) -> bool:
    return text_of(app) == text


async def test_what_is_pasted_into_the_middle_keeps_its_blanks(
    server: DemoServer, settings: Settings, name: str
) -> None:
    kind, open_it = FIELDS[name]
    between = {LINE: " ", TAGS: ", ", LINES: "\n"}[kind]
    async with running_app(server, settings) as app:
        await open_it(app)
        for pasted, arrived in (
            (" x", " x"),
            ("x ", "x "),
            ("\u00a0x", "\u00a0x"),
            (" x\ry ", f" x{between}y "),
        ):
            widget = app.app.focused
            if isinstance(widget, Field) and widget.password:
                return  # a paste replaces a secret
            if isinstance(widget, DescriptionArea):
                widget.text = "a b"
                widget.move_cursor((0, 1))
            elif isinstance(widget, Field):
                widget.value = "a b"
                widget.cursor_position = 1
            await app.settle()
            app.paste(pasted)
            text = f"a{arrived} b"
            await app.until(partial(_has_text, app, text), repr(text))


async def test_ten_thousand_lines_are_taken_in_or_refused(
    server: DemoServer, settings: Settings, name: str
) -> None:
    kind, open_it = FIELDS[name]
    lines = [f"line {number}" for number in range(10_000)]
    joined = {LINE: " ".join(lines), TAGS: ", ".join(lines), LINES: "\n".join(lines)}[kind]
    async with running_app(server, settings) as app:
        await open_it(app)
        before = text_of(app)
        app.paste("\r".join(lines))
        await app.until(lambda: text_of(app) == before + joined, "all of them")
        app.paste("x" * MOST_CHARACTERS)
        await app.until(lambda: any("too long" in text for _, text in app.app.notices), "refused")
        assert text_of(app) == before + joined


async def test_without_a_field_pasted_text_is_no_command(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.paste("a\x1baD archive this text please\r")
        await app.until_shown("nothing was pasted")
        app.send(b"/")
        app.paste("atlas\r")
        await app.until(
            lambda: app.main.state.browsing.text == "atlas", "behind the key that opens it"
        )
    assert server.log.find_all("PATCH") == []


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("{0}", 1),
        ("{0}\r\n", 1),
        ("{0}\r{1}\r{2}\r", 3),
        ("{0}, {1},{2}", 3),
        ("{0} {1}", 2),
        ("https://acme.org/data-assets/{0}/the_name\r", 1),
        ("https://acme.org/data-assets/{0}\rhttps://acme.org/data-assets/{1}?tab=files\r", 2),
        ("{0:.6}", 1),
        ("{0:.13}", 1),
    ],
)
async def test_ids_and_pages_that_are_pasted_into_the_search_find_their_assets(
    server: DemoServer, settings: Settings, pasted: str, found: int
) -> None:
    ids = ["4f1c2d90-0000-4000-8000-00000000000a", OLD, OUTSIDE]
    source = server.store.find(OUTSIDE)
    assert source is not None
    server.store.insert([msgspec.structs.replace(source, id=ids[0], name="copied")])
    async with running_app(server, settings) as app:
        await app.press("/")
        app.paste(pasted.format(*ids))
        await app.until(lambda: app.main.rows.windows.count == found, f"{found} found")
        await app.press("enter")
        assert {
            row.id for row in await app.library.assets.window(app.main.state.browsing.query)
        } == set(ids[:found])


async def test_lines_pasted_into_tags_are_tags_on_the_platform(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("t")
        app.paste(f'alpha\r\nbeta gamma\r\n5" disk\r\n{FAMILY}\r\n')
        await app.press("enter")
        await app.until(lambda: len(app.stored(OUTSIDE).tags) == 4, "four tags")
        assert set(app.stored(OUTSIDE).tags) == {"alpha", "beta gamma", '5" disk', FAMILY}


async def test_joined_and_combined_signs_are_saved_as_they_were_typed(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, name=f"open {FAMILY}", tags=(FAMILY, "raw"))
    async with running_app(server, settings) as app:
        await app.press("r", "end")
        app.paste(f" {WORDS}")
        await app.press("enter")
        name = f"open {FAMILY} {WORDS}"
        await app.until(lambda: app.stored(OUTSIDE).name == name, "the name")
        await app.press("t")
        app.paste(ACCENT)
        await app.press("enter")
        await app.until(lambda: ACCENT in app.stored(OUTSIDE).tags, "the tags")
        assert set(app.stored(OUTSIDE).tags) == {FAMILY, "raw", ACCENT}


async def test_a_token_may_be_pasted_with_what_is_around_it(
    server: DemoServer, settings: Settings
) -> None:
    token = server.users[0].token
    async with running_app(server, settings) as app:
        for around in ("{}\r\n", '  "{}" ', "'{}'", "export CODEOCEAN_TOKEN={}\r"):
            app.app.notices.clear()
            await open_sign_in(app)
            app.paste(around.format(token))
            await app.press("enter")
            await app.until(lambda: any("signed in" in t for _, t in app.app.notices), around)


async def test_a_token_is_sent_to_the_platform_that_is_named_alone(
    server: DemoServer, settings: Settings
) -> None:
    token = server.users[0].token
    async with running_app(server, settings) as app:
        await open_sign_in(app)
        for pasted, said in (
            ("https://acme.codeocean.com", "not an access token"),
            (f"https://acme.codeocean.com\r{token}", "is another platform"),
            (f"{token}\racme.codeocean.com", "is another platform"),
            ("\x15", "put in the access token first"),
        ):
            asked = len(server.log.find_all())
            if pasted == "\x15":
                await app.press("ctrl+u")
            else:
                app.paste(pasted)
            await app.press("enter")
            await app.until_shown(said)
            assert len(server.log.find_all()) == asked
        app.paste(f"{settings.domain}\r{token}")
        await app.press("enter")
        await app.until(lambda: any("signed in" in t for _, t in app.app.notices), "signed in")


@pytest.mark.command("app.quit_now")
async def test_ctrl_c_in_a_field_copies_or_says_how_to_leave(
    server: DemoServer, settings: Settings, name: str
) -> None:
    _, open_it = FIELDS[name]
    async with running_app(server, settings) as app:
        await open_it(app)
        await app.type("words")
        before = text_of(app)
        await app.press("ctrl+c")
        await app.until(lambda: any("ctrl+q quits" in t for _, t in app.app.notices), "how")
        assert text_of(app) == before
        widget = app.app.focused
        assert isinstance(widget, Field | DescriptionArea)
        await app.press("shift+left")
        await app.press("ctrl+c")
        is_secret = isinstance(widget, Field) and widget.password
        if not is_secret:
            await app.until(lambda: any("copied" in t for _, t in app.app.notices), "copied")
        assert app.app.clipboard == ("" if is_secret else "s")
        assert text_of(app) == before
        await app.press("ctrl+q")
        await app.until(lambda: app.app.has_ended, "the end")


def test_a_tag_with_a_comma_may_be_pasted_in_quotes() -> None:
    assert parse_tags('"a, b", c') == ("a, b", "c")


@pytest.mark.parametrize(
    "text", ["archive this text please\r", "Delete all\rarchived ones\r", "8b4c1a2d-0000-aaaa\r"]
)
async def test_words_that_come_as_keys_are_no_commands(
    server: DemoServer, settings: Settings, text: str
) -> None:
    async with running_app(server, settings) as app:
        app.send(text.encode())
        await app.until_shown("nothing was pasted")
        await app.settle()
        assert app.app.screen is app.main
        assert app.main.state.editing is None
        app.send(b"/atlas\r")  # the next keys are keys again
        await app.until(lambda: app.main.state.browsing.text == "atlas", "a search")
    assert not server.log.find_all("PATCH")
    assert not server.log.find_all("PUT")


@pytest.mark.parametrize(
    "text",
    ["2874dc17-5f1c-4bb1-9c0e-1f2a77aa90de\r", "archive all of this text\nand delete it, please\n"],
)
async def test_words_that_nobody_types_ahead_are_no_commands_where_pastes_are_bracketed(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    async with running_app(server, settings) as app:
        app.send(b"\x1b[?2004;1$y")
        await app.until(lambda: app.app.brackets_pastes, "known")
        app.send(text.encode())
        await app.until_shown("nothing was pasted")
        await app.settle()
        assert app.app.screen is app.main
        assert not app.main.prompt.asking
        monkeypatch.setattr("coexplorer.tui.terminal.bursts.PAUSE_S", 0.0)  # after a while
        app.send(b"jr typed ahead\r")  # so many may be keys
        await app.until(lambda: app.stored(COMBINED).name.endswith(" typed ahead"), "a name")
    assert len(server.log.find_all("PUT")) == 1


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
async def test_lines_that_come_as_keys_stay_in_the_field(
    server: DemoServer, settings: Settings, end: str
) -> None:
    async with running_app(server, settings) as app:
        await app.press("t")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        app.send("".join(f"{line}{end}" for line in ("alpha", "beta gamma", "delta")).encode())
        await app.until(lambda: text_of(app) == "alpha, beta gamma, delta", "three tags")
        await app.press("enter")
        await app.until(lambda: len(app.stored(OUTSIDE).tags) == 3, "saved")
    assert not server.log.find_all("PATCH")


@pytest.mark.parametrize(
    "keys",
    [
        "jjjjjjjjjjkkkk",
        "gaaujj ajj",
        "+keep\rj.jjjj",
        "/bulk_0071\rjjj",
        "aja+keep\rj.",
        ":theme\rjj\rj",
        "e\x15new name\tin words\x13",
    ],
)
def test_keys_that_are_typed_ahead_are_no_words(keys: str) -> None:
    assert not any(looks_pasted(keys[at:]) for at in (0, keys.find("\r") + 1))
