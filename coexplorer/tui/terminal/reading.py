"""What the terminal sends, as keys, clicks and pastes."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Collection, Iterable, Iterator

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

from coexplorer.tui.terminal.bursts import mark_keys
from coexplorer.tui.terminal.splitting import InputSplitter, Kind, as_keys, is_typed

ASKS_FOR_BRACKETS = "\x1b[?2004$p\x1b[>c"
"""Asks whether pastes are bracketed, and which terminal this is: many that bracket them don't know
the first question."""
_MODE = re.compile(r"\x1b\[\?2004;(\d)\$y")
_IDENTITY = re.compile(r"\x1b\[>(\d*)[\d;]*c")
_NO_BRACKETS = "83"
"""GNU screen, which takes the brackets away. Every other terminal that says what it is has them."""
_LONGEST = 32
"""Of a longer sequence, Textual makes keys."""
_FUNCTION_KEY = re.compile(r"(?:\w+\+)*(?:f\d+|home|end|insert|delete|pageup|pagedown)")
_LOOKS_FOR_ESC = 2
"""Looks in vain, until ESC is the key."""


class PastesBracketed(Message):
    """The terminal told whether it puts brackets around what is pasted.

    Attributes:
        bracketed: Whether it does: what comes without them is keys.
        said: Whether it said so of this mode; otherwise its name tells.
    """

    def __init__(self, *, bracketed: bool, said: bool) -> None:
        self.bracketed = bracketed
        self.said = said
        super().__init__()


class InputReader:
    """Makes messages of bytes as they come; characters and sequences may be cut in two.

    Args:
        alt_keys: Keys with Alt that do something, such as ``alt+x``. Any other one is Esc and the
            key, typed in quick succession.
    """

    def __init__(self, *, alt_keys: Collection[str] = (), debug: bool = False) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._debug = debug
        self._parser = XTermParser(debug)
        self._splitter = InputSplitter()
        self._alt_keys = alt_keys
        self._has_esc = False
        self._looks = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield what these bytes say."""
        self._looks = 0
        text = self._decode(data)
        yield from self._read(self._splitter.feed(text), text)

    def look_again(self, data: bytes = b"") -> Iterator[Message]:
        """Yield what was waiting for more, when nothing came but what others had kept back."""
        self._looks += 1
        if data:
            text = self._decode(data)
            yield from self._read(self._splitter.feed(text), text)
        if self._looks >= _LOOKS_FOR_ESC:
            yield from self._read(self._splitter.flush(), "")

    def _read(self, pieces: Iterable[tuple[Kind, str]], read: str) -> Iterator[Message]:
        for kind, text in pieces:
            has_esc, self._has_esc = self._has_esc, False
            if kind is Kind.KEYS and has_esc and self._alt_keys:
                yield from self._read_after_esc(text)
                continue
            if has_esc:
                yield events.Key("escape", "\x1b")
            match kind:
                case Kind.KEYS:
                    keys = self._read_keys(text)
                    if text == read:
                        mark_keys(keys, text)
                    yield from keys
                case Kind.ESC:
                    self._has_esc = True
                case Kind.SEQUENCE:
                    yield from self._read_sequence(text)
                case Kind.PASTE:
                    yield events.Paste(text)
        if self._has_esc:
            self._has_esc = False
            yield events.Key("escape", "\x1b")

    def _read_keys(self, text: str) -> list[events.Key]:
        return [each for each in self._parser.feed(text) if isinstance(each, events.Key)]

    def _read_after_esc(self, text: str) -> Iterator[Message]:
        """Yield a key with Alt, if it does something; otherwise Esc and the key."""
        keys = self._read_keys(text)
        first, *rest = keys or [events.Key("ignore", None)]
        names = {f"alt+{first.key}", f"alt+{first.character}", f"alt+shift+{first.key.lower()}"}
        names -= {f"alt+shift+{first.key}"}  # a small letter
        if (name := next(iter(names.intersection(self._alt_keys)), None)) is None:
            yield events.Key("escape", "\x1b")
            yield from keys
        else:
            # Without its character, by which the key alone would be known.
            yield events.Key(name, None)
            yield from rest

    def _read_sequence(self, text: str) -> Iterator[Message]:
        if (mode := _MODE.fullmatch(text)) is not None:
            yield PastesBracketed(bracketed=mode[1] in "123", said=True)
        elif (identity := _IDENTITY.fullmatch(text)) is not None:
            yield PastesBracketed(bracketed=identity[1] != _NO_BRACKETS, said=False)
        elif text[1] not in "]P" and len(text) <= _LONGEST:
            messages = list(self._parser.feed(text))
            if text.endswith("~"):
                messages = [each for each in messages if _is_function_key(each)]
            if not messages:
                # It may not know it, and would go on with the keys that follow.
                self._parser = XTermParser(self._debug)
                if is_typed(text):
                    yield from self._read(as_keys(text), "")
            yield from messages


def _is_function_key(message: Message) -> bool:
    """Tell whether Textual knows a key by its number; it makes a letter of any other number."""
    return isinstance(message, events.Key) and _FUNCTION_KEY.fullmatch(message.key) is not None
