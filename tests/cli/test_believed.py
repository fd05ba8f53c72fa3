"""A token works if the platform shows an asset that can be read, or says that there is none."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coexplorer.cli import exits
from coexplorer.demo.server import DemoServer
from tests.support.in_between import Passed, in_between
from tests.support.program import Program
from tests.support.rawserver import Asked, reply

LONG = 4_800_000
PAGE = b"<html><title>Sign in</title>" + b"<p>" * (LONG // 3)
ANSWERS = {
    "a long page": reply(200, PAGE, Content_Type="text/html"),
    "blanks": reply(200, b"[" + b" " * LONG),
    "blanks in a page": reply(200, b'{"results":[{' + b" " * LONG),
    "a bomb": reply(200, gzip.compress(b"[" + b" " * LONG + b"]"), Content_Encoding="gzip"),
    "a bomb of a page": reply(
        200,
        gzip.compress(b'{"has_more": true, "results": [' + b" " * LONG),
        Content_Encoding="gzip",
    ),
    "numbers": reply(200, b'{"results": [' + b"1," * (LONG // 2)),
    "no ids": reply(200, {"results": [{"id": "../x"}, {"id": None}, {"name": "x"}, 5]}),
    "brackets": reply(200, b'{"results":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_nonsense_is_no_sign_that_a_token_works(
    program: Program, server: DemoServer, what: str, tmp_path: Path
) -> None:
    program.ok("sync")

    def answer(_asked: Asked, _carry_out: Callable[[], Passed]) -> bytes:
        return ANSWERS[what]

    (tmp_path / "token").write_text(server.users[0].token)
    (tmp_path / "token").chmod(0o600)
    with in_between(server, answer) as between:
        program.env["CODEOCEAN_DOMAIN"] = between.url
        asked = program("whoami")
        assert "works" not in asked.out
        assert "could not be tried" in asked.out
        assert asked.code == exits.PLATFORM
        assert "\n  " in asked.err  # the way out
        signed = program(
            "login", "--profile", "other", "--token-file", str(tmp_path / "token"), between.url
        )
        assert signed.code == exits.PLATFORM, signed
        assert "other" not in program("profiles").out


def test_a_long_asset_and_strange_ones_are_stepped_over(
    program: Program, server: DemoServer
) -> None:
    """The newest is too long or no asset at all; the others show that the token works."""
    bad = [{"id": "x" * 300}, {"id": "x", "name": "n" * LONG}]

    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        if not asked.path.endswith("search"):
            return None
        body = json.loads(asked.body)
        page = carry_out().json
        start = body.get("offset", 0)
        rows = [*bad, *page["results"]][start : start + body["limit"]]
        return reply(200, {"results": rows, "has_more": True})

    with in_between(server, answer) as between:
        program.env["CODEOCEAN_DOMAIN"] = between.url
        assert server.users[0].email in program.ok("whoami").out
