"""How this very program is called from another terminal: it may not be on the path there."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAME = "coexplorer"


def find_call() -> str:
    """Return what calls this program in any new terminal, as a shell takes it.

    That is its name where every terminal finds it, else its path. An environment that was activated
    here, as a virtual one or conda's, is not activated there.
    """
    from coexplorer.config.paths import name_in_shell

    script = _find_script()
    if script is None:
        return f"{name_in_shell(Path(sys.executable))} -m {NAME}"
    found = shutil.which(NAME)
    is_own = found is not None and Path(found).resolve() == script.resolve()
    return NAME if is_own and not _is_activated(script) else name_in_shell(script)


def _find_script() -> Path | None:
    called = Path(sys.argv[0])
    # By its name alone only what is on the path can be called; its links are left as they are.
    beside = Path(sys.executable).parent / NAME
    for script in (called, beside):
        if script.name == NAME and script.is_file():
            return Path(os.path.abspath(script))  # noqa: PTH100 - resolve() would follow links
    return None


def _is_activated(script: Path) -> bool:
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = os.environ.get(variable)
        if prefix and script.is_relative_to(prefix):
            return True
    return False
