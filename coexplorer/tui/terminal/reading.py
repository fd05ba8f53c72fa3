"""What the terminal sends, as keys, clicks and pastes."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

from coexplorer.tui.terminal.bursts import mark_keys
from coexplorer.tui.terminal.pasting import PasteFilter


class InputReader:
    """Makes messages of bytes as they come; characters and brackets may be cut in two."""

    def __init__(self, *, debug: bool = False) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._parser = XTermParser(debug)
        self._pastes = PasteFilter()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield what these bytes say."""
        yield from self._parse(self._pastes.feed(self._decode(data)))

    def look_again(self, data: bytes = b"") -> Iterator[Message]:
        """Yield what was waiting for more, when nothing came but what others had kept back."""
        yield from self._parse([(False, self._pastes.flush() + self._decode(data))])

    def _parse(self, pieces: Iterable[tuple[bool, str]]) -> Iterator[Message]:
        for pasted, text in pieces:
            if pasted:
                yield events.Paste(text)
            elif text:
                messages = list(self._parser.feed(text))
                if "\x1b" not in text:
                    mark_keys([each for each in messages if isinstance(each, events.Key)], text)
                yield from messages
        yield from self._parser.tick()
