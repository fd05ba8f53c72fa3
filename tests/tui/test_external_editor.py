"""$EDITOR: what comes back becomes a plan, and nothing that was written is lost."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.library.entries import State
from tests.support.server import OUTSIDE
from tests.support.tui import running_app


@pytest.mark.command("edit.external")
async def test_the_editor_changes_an_asset_as_a_text(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\nsed -i "s/open data/edited outside/" "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)  # there is no terminal to give away
        await app.press("E")
        await app.until_shown("open data", "edited outside")
        await app.press("y")
        await app.until(lambda: app.stored(OUTSIDE).name == "edited outside", "the new name")


async def test_line_ends_that_a_description_has_are_no_change(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.store.update(OUTSIDE, description="one\r\ntwo\rthree\n")
    monkeypatch.setenv("VISUAL", write_editor(tmp_path, "exit"))
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)  # there is no terminal to give away
        await app.press("E")
        await app.until_shown("nothing was changed")


def list_kept(folder: Path) -> list[Path]:
    """Return the texts that were kept."""
    return list(folder.glob("coexplorer-*.md"))


def write_editor(tmp_path: Path, *lines: str) -> str:
    """Write an editor that does this to its file."""
    script = tmp_path / "editor.sh"
    script.write_text("\n".join(("#!/bin/sh", f"n=$(cat {tmp_path}/runs 2>/dev/null)", *lines)))
    script.chmod(0o700)
    return str(script)


async def test_a_text_with_a_mistake_goes_back_to_the_editor(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = write_editor(
        tmp_path,
        f"echo x >> {tmp_path}/runs",
        'if [ -z "$n" ]; then sed -i "s/^name: open data/nmae: written/" "$1"; exit; fi',
        'sed -i "s/^nmae: /name: /" "$1"',
    )
    monkeypatch.setenv("VISUAL", editor)
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)  # there is no terminal to give away
        await app.press("E")
        await app.until_shown("'nmae' is not one of", "edit the text again")
        await app.press("e")
        await app.until_shown("+ written")
        await app.press("escape")
        await app.until_shown("the plan was left", "throw away what was written")
        await app.press("e")
        await app.until_shown("+ written")
        await app.press("y")
        await app.until(lambda: app.stored(OUTSIDE).name == "written", "the new name")


async def test_what_was_written_is_thrown_away_only_by_choice(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", write_editor(tmp_path, 'sed -i "s/^name/nmae/" "$1"'))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)
        await app.press("E")
        await app.until_shown("edit the text again")
        await app.press("escape")
        await app.until_shown("the text is kept in")
        (kept,) = list_kept(tmp_path)
        assert "nmae: open data" in kept.read_text()
        kept.unlink()
        await app.press("E")
        await app.until_shown("edit the text again")
        await app.press("t")
        await app.until_gone("edit the text again")
        assert not list_kept(tmp_path)


@pytest.mark.parametrize(
    ("lines", "said", "kept"),
    [
        (("exit 1",), "the editor ended with code 1: nothing was changed", 0),
        (("echo more >> $1", "exit 1"), "the editor ended with code 1: the text is kept in", 1),
        (("kill -KILL $$",), "the editor ended with code -9: the text is kept in", 1),
        (("printf '\\377' >> $1",), "the text can't be read", 1),
    ],
)
async def test_an_editor_that_fails_loses_nothing(
    server: DemoServer,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: tuple[str, ...],
    said: str,
    kept: int,
) -> None:
    monkeypatch.setenv("VISUAL", write_editor(tmp_path, *lines))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)
        await app.press("E")
        await app.until(lambda: any(said in text for _, text in app.app.notices), said)
        assert len(list_kept(tmp_path)) == kept
        assert not server.log.find_all("PUT")


@pytest.mark.parametrize("end", ["exit 1", "nowhere", "kill -TERM $$"])
@pytest.mark.parametrize("way", ["a lost session", "once more"])
async def test_what_an_earlier_editor_wrote_outlives_one_that_fails(
    server: DemoServer,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    end: str,
) -> None:
    """The second editor shows what the first wrote, and is left without a change of its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = 'sed -i "s/^name: open data/name: my words/" "$1"'
    monkeypatch.setenv("VISUAL", write_editor(tmp_path, words))
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)
        await app.press("E")
        await app.until_shown("+ my words")
        draft = app.app.memory.texts.file
        lost = draft.read_bytes()
        if way == "once more":
            monkeypatch.setenv("VISUAL", break_editor(tmp_path, end))
            await app.press("escape")
            await app.until_shown("the plan was left")
            await app.press("e")
            await app.until_shown("the editor", "the text is kept in")
    if way == "a lost session":
        draft.write_bytes(lost)
        monkeypatch.setenv("VISUAL", break_editor(tmp_path, end))
        async with running_app(server, settings) as app:
            monkeypatch.setattr(app.app, "suspend", nullcontext)
            await app.until_shown("you were writing in your editor")
            await app.press("enter")
            await app.until_shown("the editor", "the text is kept in")
    (kept,) = list_kept(tmp_path)
    assert "name: my words" in kept.read_text()


def break_editor(tmp_path: Path, end: str) -> str:
    """Return an editor that ends so, or is not there."""
    return "no-such-editor" if end == "nowhere" else write_editor(tmp_path, end)


async def test_an_editor_that_is_not_there_is_named(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor")
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)
        await app.press("E")
        await app.until_shown("the editor could not be run", "no-such-editor", "set $EDITOR")


async def test_answers_are_taken_in_while_the_editor_is_open(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    monkeypatch.setenv("VISUAL", write_editor(tmp_path, f"until [ -e {go} ]; do sleep 0.05; done"))
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)
        with server.hooks.after("PATCH") as gate:
            await app.press("a")
            await gate.arrived()
            await app.press("E")
            await app.until(lambda: app.app.typing, "the editor")
        await app.until(lambda: not app.main.state.in_flight.any, "the answer")
        assert app.app.typing
        (entry,) = await app.library.log.entries()
        assert entry.state is State.APPLIED
        go.touch()
        await app.until_shown("nothing was changed")
        assert not app.app.typing
