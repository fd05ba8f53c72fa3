"""The hand-over to the terminal app."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coexplorer.config import Settings


def open_app(settings: Settings) -> bool:
    """Open the app and stay in it until it is left; False when this installation has none."""
    run = getattr(importlib.import_module("coexplorer.tui"), "run", None)
    if run is None:
        return False
    run(settings)
    return True
