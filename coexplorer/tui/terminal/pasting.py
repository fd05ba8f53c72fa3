"""Takes bracketed pastes out of the terminal's input. Pure.

Textual's parser looks for escape sequences inside a paste, and passes on a broken one as keys: an
ESC in pasted text would run commands.
"""

from __future__ import annotations

from collections.abc import Iterator

BEGIN, END = "\x1b[200~", "\x1b[201~"
MOST_KEPT = (1 << 20) + 1
"""Characters of one paste that are kept: one more than a field takes, so that it is refused."""


class PasteFilter:
    """Tells typed input from pasted text, also when a read cuts a bracket in two."""

    def __init__(self) -> None:
        self._kept = ""
        self._paste: list[str] | None = None
        self._length = 0
        self._last = ""

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """Yield what came, in its order: whether it was pasted, and the text.

        The beginning of what may be a bracket is kept back for the next call, but a lone ESC is
        not: it is a key.
        """
        text = self._kept + text
        self._kept = ""
        goes_on = self._paste is None and self._last == BEGIN[0]
        if goes_on and text and text != BEGIN[1:] and BEGIN[1:].startswith(text):
            self._kept = text  # reads may cut it more than once
            return
        if goes_on and text.startswith(BEGIN[1:]):
            # The parser waits for the rest of its ESC: it gets a paste of nothing.
            yield False, BEGIN[1:] + END
            text = text[len(BEGIN) - 1 :]
            self._paste, self._length = [], 0
        while text:
            if self._paste is None:
                before, begins, text = text.partition(BEGIN)
                if begins:
                    self._paste, self._length = [], 0
                else:
                    before = self._keep_back(before, BEGIN, least=2)
                if before:
                    self._last = before[-1]
                    yield False, before
            else:
                before, ends, text = text.partition(END)
                self._take(before if ends else self._keep_back(before, END, least=1))
                if ends:
                    pasted, self._paste = "".join(self._paste), None
                    self._last = ""
                    yield True, pasted

    def flush(self) -> str:
        """Return what was kept back of typed input, when nothing more came: it was no bracket."""
        if self._paste is not None:
            return ""
        kept, self._kept = self._kept, ""
        return kept

    def _take(self, text: str) -> None:
        if self._paste is not None and (room := MOST_KEPT - self._length) > 0:
            self._paste.append(text[:room])
            self._length += len(text)

    def _keep_back(self, text: str, bracket: str, *, least: int) -> str:
        for length in range(len(bracket) - 1, least - 1, -1):
            if text.endswith(bracket[:length]):
                self._kept = text[-length:]
                return text[:-length]
        return text
