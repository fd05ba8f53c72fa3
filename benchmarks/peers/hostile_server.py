"""Like sample_server.py, but the names would take a terminal over. Usage: hostile_server.py N."""

import random
import sys
import tempfile
from pathlib import Path

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer, run_until_signalled

PIECES = [
    *"\x00\x05\x07\x08\r\n\t\x0b\x0e\x1b\x7f\x80\x84\x85\x90\x9b\x9d\u2028\u202e\u2066\ufeff",
    "\x1b[35m",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x9b2J",
    "[bold]x[/]",
    "[/v1]",
    "日本語",
    "e\u0301",
    "\U0001f9e0",
    "\ud7b0",
    "plain",
]


def main() -> None:
    random.seed(3)
    with tempfile.TemporaryDirectory() as folder:
        server = DemoServer(Path(folder))
        owner = server.users[0].email
        server.store.insert(
            StoredAsset(
                id=f"{number:08x}-0000-4000-8000-{number:012x}",
                name="".join(random.choices(PIECES, k=8)) + f"asset {number}",
                owner=owner,
                created=1_690_000_000 + number,
                tags=tuple({"".join(random.choices(PIECES, k=3)) for _ in range(2)}),
                mount="m",
            )
            for number in range(int(sys.argv[1]))
        )
        run_until_signalled(server, lambda: print(server.url, server.users[0].token, flush=True))


main()
