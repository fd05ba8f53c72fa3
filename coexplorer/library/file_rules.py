r"""Which files are meant by patterns, as rsync has them. Pure.

The first pattern that fits a file decides about it. ``*`` and ``?`` stand for anything but a
slash, ``**`` for anything; ``[a-z]`` for one of these; ``\*`` is a star. A pattern without a slash
fits the name of a file or folder anywhere; one that begins with a slash fits from the asset's root;
one that ends with a slash fits folders. To leave a folder out is to leave out all that is below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

_TOKENS = re.compile(r"\*\*/|\*+|\?|\[!?\]?[^\]]*\]|\\.|.", re.DOTALL)


class FileRule(msgspec.Struct, frozen=True):
    """One pattern.

    Attributes:
        takes: What fits is meant; else it is left out.
    """

    pattern: str
    takes: bool


class FileRules:
    """Patterns in their order.

    What none of them fits is meant, unless the last one says what is meant: nothing else is, then.

    Args:
        rules: The patterns; none: every file is meant.
    """

    def __init__(self, rules: Iterable[FileRule] = ()) -> None:
        self._rules = [_CompiledRule(each) for each in rules]

    def takes(self, path: str) -> bool:
        """Tell whether a file is meant."""
        prefixes = list(_list_prefixes(path))
        for rule in self._rules:
            if rule.fits_file(prefixes):
                return rule.takes
        return not (self._rules and self._rules[-1].takes)

    def enters(self, folder: str) -> bool:
        """Tell whether there may be a file in a folder that is meant."""
        prefixes = list(_list_prefixes(folder))
        for rule in self._rules:
            if rule.takes:
                return True
            if rule.fits_folder(prefixes):
                return False
        return True


class _CompiledRule:
    def __init__(self, rule: FileRule) -> None:
        self.takes = rule.takes
        pattern = rule.pattern.removesuffix("/***")
        self._of_folders = pattern.endswith("/")
        body = pattern.strip("/")
        start = "" if pattern.startswith("/") else "(?:.*/)?"
        self._regex = re.compile(start + "".join(_translate(body)), re.DOTALL)

    def fits_file(self, prefixes: list[str]) -> bool:
        """Tell whether it fits a file, or a folder that the file is in."""
        if self._of_folders:
            # As for rsync, to take a folder in takes nothing of what is in it.
            return not self.takes and self.fits_folder(prefixes[:-1])
        return self.fits_folder(prefixes)

    def fits_folder(self, prefixes: list[str]) -> bool:
        """Tell whether it fits a folder, or one that this is in."""
        return any(self._regex.fullmatch(each) for each in prefixes)


def _list_prefixes(path: str) -> Iterator[str]:
    """Yield the folders that a path leads through, and the path."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
    yield path


def _translate(body: str) -> Iterator[str]:
    """Yield a pattern as a regular expression."""
    for part in _TOKENS.findall(body):
        if part == "**/":
            yield "(?:.*/)?"
        elif part.startswith("**"):
            yield ".*"
        elif part == "*":
            yield "[^/]*"
        elif part == "?":
            yield "[^/]"
        elif part.startswith("[") and len(part) > 1:
            yield _translate_set(part)
        elif part.startswith("\\") and len(part) > 1:
            yield re.escape(part[1])
        else:
            yield re.escape(part)


def _translate_set(part: str) -> str:
    """Return ``[…]`` as a regular expression, or as it stands there where it is none."""
    inner = part[1:-1]
    sign, inner = ("^/", inner[1:]) if inner.startswith("!") else ("", inner)
    inner = inner.replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
    if inner.startswith("]"):
        inner = "\\" + inner
    found = f"[{sign}{inner}]"
    try:
        re.compile(found)
    except re.error:
        return re.escape(part)
    return found
