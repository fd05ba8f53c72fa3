"""Whether only answers, warnings and errors are printed: ``-q``. Every start comes by here."""

from __future__ import annotations

_quiet = False


def be_quiet(*, quiet: bool) -> None:
    """Print answers, warnings and errors alone, or progress and notes as well."""
    global _quiet  # noqa: PLW0603 - what is printed is the process's, too
    _quiet = quiet


def is_quiet() -> bool:
    """Tell whether only answers, warnings and errors are wanted."""
    return _quiet
