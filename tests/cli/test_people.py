"""On a shared account: what is known and what waits belongs to who signed in, not to a profile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from coexplorer.config import find_paths, load_settings
from coexplorer.remote_files import BlockCache, CacheKey
from tests.support.program import Program, find_leaks
from tests.support.server import RAW

Switch = Callable[[Program, str], object]


@pytest.fixture
def visitor(any_program: Program) -> Program:
    any_program.env = {}
    return any_program


def _sign_in(visitor: Program, token: str) -> str:
    done = visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    return done.out + done.err


def _edit_file(visitor: Program, token: str) -> str:
    """Put another token into config.toml by hand."""
    path = find_paths().config_file
    path.write_text(path.read_text().replace(visitor.server.users[0].token, token))
    return ""


def _count(visitor: Program, *query: str) -> int:
    return len(visitor.ok("ls", *query, "--ids").lines)


def _read_tags(visitor: Program, token: str) -> list[str]:
    program = Program(visitor.server, token=token)
    tags: list[str] = program.ok("ls", "--remote", "-o", "json", RAW).json[0]["tags"]
    return tags


@pytest.mark.parametrize("switch", [_sign_in, _edit_file])
def test_another_persons_sign_in_shows_nothing_of_the_former(
    visitor: Program, switch: Switch
) -> None:
    server = visitor.server
    me, colleague = server.users[0], server.users[1]
    _sign_in(visitor, me.token)
    mine = visitor.ok("ls", "--ids", "is:any").lines
    assert mine
    assert visitor.ok("log").out
    said = switch(visitor, colleague.token)
    theirs = visitor.ok("ls", "--ids", "is:any")
    assert theirs.lines != mine
    assert set(theirs.lines) == set(visitor.ok("ls", "--remote", "--ids", "is:any").lines)
    assert "kept apart" in f"{said}" or "has a new token" in theirs.err
    assert "new token" not in visitor.ok("ls").err, "it is said once"
    switch_back = _sign_in(visitor, me.token)
    assert visitor.ok("ls", "--offline", "--ids", "is:any").lines == mine, switch_back


def test_a_renewed_token_keeps_what_is_known(visitor: Program) -> None:
    me = visitor.server.users[0]
    _sign_in(visitor, me.token)
    before = _count(visitor)
    visitor.server.log.clear()
    said = _sign_in(visitor, me.read_token)
    assert "kept apart" not in said
    assert _count(visitor, "--offline") == before
    _edit_file(visitor, me.read_token)
    assert _count(visitor, "--offline") == before


def test_what_was_not_sent_is_sent_by_nobody_else(visitor: Program) -> None:
    me, colleague = visitor.server.users[:2]
    _sign_in(visitor, me.token)
    visitor.ok("ls")
    visitor.server.stop()
    assert visitor("edit", RAW, "--add-tag", "mine").code == 6
    visitor.server.start()
    said = _sign_in(visitor, colleague.token)
    visitor("retry")
    assert "1 unsent change" in said
    assert "mine" not in _read_tags(visitor, me.token)
    _sign_in(visitor, me.token)
    visitor.ok("retry")
    assert "mine" in _read_tags(visitor, me.token)


def test_logout_removes_what_is_known(visitor: Program, tmp_path: Path) -> None:
    me = visitor.server.users[0]
    _sign_in(visitor, me.token)
    visitor.ok("ls")
    path = visitor.ok("files", RAW, "--recursive", "-0").out.split("\0")[0]
    visitor.ok("head", RAW, path, "--raw")
    settings = load_settings()
    catalog, files = settings.catalog_path, settings.paths.file_cache_dir
    other = BlockCache(files, 10**9)
    assert other.write_file(CacheKey("https://other.example.com\0a", "f"), "names", b"x")
    assert other.measure().files > 1
    assert catalog.exists()
    done = visitor.ok("logout")
    assert not catalog.exists()
    assert other.measure().files == 1
    assert "log" in done.out
    assert find_leaks(me.email, tmp_path / "home" / ".cache") == []


def test_a_wrong_token_is_nobodys(visitor: Program) -> None:
    server = visitor.server
    visitor.env = {"CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": "cop_wrong"}
    assert visitor("ls").code == 3
    visitor.env["CODEOCEAN_TOKEN"] = server.users[0].token
    first = visitor.ok("ls", "--ids")
    assert first.lines
    assert "new token" not in first.err
    visitor.env["CODEOCEAN_TOKEN"] = server.users[1].token
    assert "new token" in visitor.ok("ls", "--ids").err
    assert visitor.ok("ls", "--offline", "--ids").lines != first.lines
