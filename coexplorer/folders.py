"""Where this system keeps a program's folders. The first frame asks too, so nothing is imported.

The rules are those of platformdirs, which takes longer to import than the first frame to paint (a
test compares the two).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself costs more than the first frame
if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "coexplorer"
_XDG = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
_USUAL = {
    "linux": (".config", ".cache", os.path.join(".local", "state")),
    "darwin": (
        os.path.join("Library", "Application Support"),
        os.path.join("Library", "Caches"),
        os.path.join("Library", "Application Support"),
    ),
}
"""Platform → what stands in the home folder where the environment says nothing else."""


def find_folders(env: Mapping[str, str], platform: str) -> tuple[str, str, str] | None:
    """Return the folders of settings, cache and state.

    Args:
        env: The process's environment.
        platform: As `sys.platform` has it.

    Returns:
        None where it takes more to know: on another system, or without ``HOME``.
    """
    home, usual = env.get("HOME", ""), _USUAL.get(platform)
    if usual is None or not os.path.isabs(home):
        return None
    config, cache, state = (
        os.path.join(given if os.path.isabs(given) else os.path.join(home, at), APP)
        for given, at in ((env.get(name, ""), at) for name, at in zip(_XDG, usual, strict=True))
    )
    return config, cache, state
