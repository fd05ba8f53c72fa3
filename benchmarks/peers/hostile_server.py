"""Like sample_server.py, with names that would take over a terminal. Usage: hostile_server.py N."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from coexplorer.demo.server import DemoServer, run_until_signalled
from tests.support.hostile import hostile_assets


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = DemoServer(Path(folder))
        server.store.insert(hostile_assets(int(sys.argv[1]), server.users[0].email))
        run_until_signalled(server, lambda: print(server.url, server.users[0].token, flush=True))


main()
