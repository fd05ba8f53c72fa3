"""How much memory a long answer takes, in a process of its own; Linux tells the highest mark."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.listing import row
from tests.support.program import TIMEOUT_S
from tests.support.rawserver import Asked, raw_server, reply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells"),
]
PAGES = 8
_MEASURED = """
import re, sys
from coexplorer.cli.commands import cli
try:
    cli.main(sys.argv[1:])
finally:
    status = open("/proc/self/status").read()
    print("highest:", re.search(r"VmHWM:\\s+(\\d+)", status)[1], file=sys.stderr)
"""


def build_page(number: int) -> bytes:
    metadata = {f"key {n}": "v" * 1000 for n in range(16)}
    ids = [f"{number * 1000 + n:08x}-0000-4000-8000-{n:012x}" for n in range(1000)]
    rows = [row(each, custom_metadata=metadata) for each in ids]
    more = number + 1 < PAGES
    token = {"next_token": str(number + 1)} if more else {}
    return json.dumps({"results": rows, "has_more": more, **token}).encode()


def answer(asked: Asked) -> Iterable[bytes]:
    body = json.loads(asked.body or b"{}")
    if asked.path.endswith("/files"):
        items = [{"name": f"f{n}", "size": n} for n in range(400_000)]
        return [reply(200, {"items": items})]
    if asked.method == "GET":
        return [reply(200, row(asked.path.rpartition("/")[2]))]
    if body.get("archived") or body.get("favorite") or body.get("ownership"):
        return [reply(200, {"results": [], "has_more": False})]
    if body["limit"] < 1000:
        return [reply(200, {"results": [], "has_more": False})]
    return [reply(200, build_page(int(body.get("next_token", 0))))]


@pytest.mark.parametrize(
    ("command", "most_mb"),
    [
        # Eight pages of 16 MB: all eight on their way would be 128 MB, and as many copies.
        (("sync",), 260),
        # Held whole: what is read of them takes twice their length, and not four times.
        (("ls", "--remote", "--ids"), 450),
        (("files", "00000001-0000-4000-8000-000000000001", "--json"), 280),
    ],
)
def test_a_long_answer_takes_no_more_memory_than_it_needs(
    command: tuple[str, ...], most_mb: int
) -> None:
    with raw_server(answer) as server:
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, *command],
            env={**os.environ, "CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": "cop_x"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found = re.search(r"highest: (\d+)", done.stderr)
    assert found is not None
    assert int(found[1]) / 1024 < most_mb, done.stderr
