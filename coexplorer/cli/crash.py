"""A mistake of our own: kept in a file with all that helps to find it, and told in one sentence."""

from __future__ import annotations

import sys

from coexplorer import __version__

TYPE_CHECKING = False  # installed at every start: it imports what it needs when there is a mistake
if TYPE_CHECKING:
    from types import TracebackType


def report_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Write the traceback (which shows code, never values) to a private file and name it."""
    import contextlib
    import os
    import platform
    import traceback

    import click

    from coexplorer.config import find_paths
    from coexplorer.config.paths import ensure_private_dir
    from coexplorer.errors import ConfigError

    text = "".join(traceback.format_exception(kind, error, trace))
    where = "nowhere: it could not be written"
    with contextlib.suppress(OSError, ConfigError):
        path = ensure_private_dir(find_paths().state_dir) / "crash.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(f"coexplorer {__version__}, Python {platform.python_version()}\n{text}")
        where = str(path)
    click.echo(f"coexplorer: a mistake in coexplorer itself ({kind.__name__})", err=True)
    click.echo(f"  the details are in {where}", err=True)
    sys.stderr.flush()
