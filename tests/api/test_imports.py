"""Reading an asset from the disk does not import the network's libraries."""

import subprocess
import sys

from tests.support.patience import stretched


def test_reading_assets_imports_nothing_of_the_network() -> None:
    script = "import coexplorer.assets, sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=stretched(60),
    )
    imported = set(done.stdout.split())
    assert "msgspec" in imported
    assert not {"httpx", "anyio", "trio", "asyncio", "ssl", "coexplorer.api"} & imported
