"""The embedded server with sample assets: prints its address and a token, runs until a signal."""

import sys
import tempfile
import time
from pathlib import Path

from coexplorer.demo.samples import generate
from coexplorer.demo.server import DemoServer, run_until_signalled


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = DemoServer(Path(folder))
        me, colleague, *_ = (user.email for user in server.users)
        assets = generate(int(sys.argv[1]), seed=7, now=time.time(), owner=me, colleague=colleague)
        server.store.insert(assets)
        del assets
        run_until_signalled(server, lambda: print(server.url, server.users[0].token, flush=True))


main()
