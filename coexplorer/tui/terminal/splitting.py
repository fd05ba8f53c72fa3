"""Splits what the terminal sends into keys, Esc, sequences and pastes, however reads cut it. Pure.

A terminal sends ESC for the key, at the beginning of every sequence, and before a key that is
pressed with Alt. Keys that follow Esc closely, or after a stall, come in the same read: they must
not be taken for Alt, or the Esc is lost and the key acts on what somebody meant to leave. So ESC
belongs to what follows only where that makes a sequence that terminals send.

Pasted text is taken out here, too: an escape sequence in it must not run commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

BEGIN, END = "\x1b[200~", "\x1b[201~"
MOST_KEPT = (1 << 20) + 1
"""Characters of one paste that are kept: one more than a field takes, so that it is refused."""
_ESC = "\x1b"
_MOST = 4096
"""Characters of an answer in words, such as the terminal's version; a longer one is none."""
_WHOLE = re.compile(
    r"\x1b(?:\x7f"  # alt+backspace, which fields know
    r"|\[(?:\[[A-E]"  # function keys of the Linux console
    r"|M[\s\S]{3}"  # the mouse, as old terminals report it
    r"|\d+\$"  # rxvt's keys with shift
    r"|[0-?]{1,64}[ -/]{0,4}[@-~]"
    r"|[ -/]{0,4}[@-LN-Z\\-~])"
    r"|O[A-DFHMP-Sa-dj-km-y]"
    # Answers in words.
    rf"|(?:\]\d{{1,4}};|P[0-9;]*[>!$+|])[^\x07\x1b]{{0,{_MOST}}}(?:\x07|\x1b\\))"
)
_BEGUN = re.compile(
    r"\x1b(?:\[(?:\[?|M[\s\S]{0,2}|[0-?]{0,64}[ -/]{0,4})|O"
    rf"|(?:\](?:\d{{1,4}}(?:;[^\x07\x1b]{{0,{_MOST}}}\x1b?)?)?"
    rf"|P(?:[0-9;]*(?:[>!$+|][^\x07\x1b]{{0,{_MOST}}}\x1b?)?)))?\Z"
)
_MAY_BE_KEYS = re.compile(r"\x1b(?:\[|\]|O|P)?")
"""What was kept back, and is keys when nothing more comes. Nobody types more of a sequence."""
_TYPED = re.compile(r"\x1b\[[a-z]")
"""No terminal sends these, but for a few that Textual knows."""
_WORD_MOVES = ("\x1bb", "\x1bf")
"""What Option-Left and Option-Right send, as Alt-B and Alt-F do: alone they go to the next word."""


class Kind(Enum):
    """What a piece of input is."""

    KEYS = "keys"
    ESC = "esc"
    SEQUENCE = "sequence"
    PASTE = "paste"


class InputSplitter:
    """Keeps back what may be the beginning of something, until the rest comes."""

    def __init__(self) -> None:
        self._kept = ""
        self._paste: list[str] | None = None
        self._length = 0

    def feed(self, text: str) -> Iterator[tuple[Kind, str]]:
        """Yield the pieces of what came, in their order."""
        if text in _WORD_MOVES and not self._kept and self._paste is None:
            yield Kind.SEQUENCE, text
            return
        rest = self._kept + text
        self._kept = ""
        while rest:
            if self._paste is not None:
                pasted, ends, rest = rest.partition(END)
                self._take(pasted if ends else self._keep_end(pasted))
                if ends:
                    yield Kind.PASTE, "".join(self._paste)
                    self._paste = None
                continue
            keys, begins, after = rest.partition(_ESC)
            if keys:
                yield Kind.KEYS, keys
            piece = self._split_esc(begins + after)
            rest = (begins + after)[len(piece) :] if not self._kept else ""
            if piece == _ESC:
                yield Kind.ESC, piece
            elif piece == BEGIN:
                self._paste, self._length = [], 0
            elif piece and piece != END:
                yield Kind.SEQUENCE, piece

    def _split_esc(self, text: str) -> str:
        """Return what begins with an ESC: a sequence, or the key; keep what may become one."""
        if (found := _WHOLE.match(text)) is not None:
            return found[0]
        if text and _BEGUN.match(text):
            self._kept = text
            return ""
        return text[:1]

    def flush(self) -> Iterator[tuple[Kind, str]]:
        """Yield what was kept back and is keys, as nothing more came.

        More of a sequence than two characters is kept: a slow link brings the rest of it.
        """
        if self._paste is None and _MAY_BE_KEYS.fullmatch(self._kept):
            kept, self._kept = self._kept, ""
            yield from as_keys(kept)

    def _take(self, text: str) -> None:
        if self._paste is not None and (room := MOST_KEPT - self._length) > 0:
            self._paste.append(text[:room])
            self._length += len(text)

    def _keep_end(self, text: str) -> str:
        for length in range(len(END) - 1, 0, -1):
            if text.endswith(END[:length]):
                self._kept = text[-length:]
                return text[:-length]
        return text


def as_keys(sequence: str) -> Iterator[tuple[Kind, str]]:
    """Yield a sequence as Esc and the keys behind it."""
    yield Kind.ESC, _ESC
    if len(sequence) > 1:
        yield Kind.KEYS, sequence[1:]


def is_typed(sequence: str) -> bool:
    """Tell whether something that no terminal is known to send is keys, typed one by one."""
    return _TYPED.fullmatch(sequence) is not None
