"""Commands that messages name, as this user would type them: with the profile that was chosen.

Below the front ends nobody knows how the program was called, so what is said there is ``coexplorer
retry --batch 12``. Who chose a profile by hand would send that to another platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import re

NEVER_CHOSEN: Final = frozenset({"demo", "serve", "completion", "help"})
"""Commands that belong to no profile."""

_chosen: dict[str, str] = {}
_commands: set[str] = set()


def know(commands: Iterable[str]) -> None:
    """Note which words are commands, for `spell` to know them."""
    _commands.update(commands)


def choose(options: Mapping[str, object]) -> None:
    """Note the global options of this run; those that are None or empty were not given."""
    _chosen.clear()
    _chosen.update({name: str(value) for name, value in options.items() if value})


def spell(text: str) -> str:
    """Return a message with each command in it as it is to be typed here."""
    if not _chosen or "coexplorer " not in text:
        return text
    import shlex  # noqa: PLC0415  needed seldom

    given = (f"--{name.replace('_', '-')} {shlex.quote(it)}" for name, it in _chosen.items())
    # The demo signs in by itself, and refuses to be signed in to.
    but = {"login"} if _chosen.get("profile") == "demo" else set[str]()
    return add_options(text, " ".join(given), _commands - but)


def add_options(text: str, options: str, commands: Iterable[str]) -> str:
    """Put options behind the program's name wherever a command of it is named (pure)."""
    return _find_calls(frozenset(commands)).sub(lambda _: f"coexplorer {options} ", text)


@cache
def _find_calls(commands: frozenset[str]) -> re.Pattern[str]:
    import re  # noqa: PLC0415  needed seldom

    names = "|".join(map(re.escape, sorted(commands - NEVER_CHOSEN)))
    return re.compile(rf"\bcoexplorer (?=(?:{names})\b(?![^;:,()]*--profile))")
