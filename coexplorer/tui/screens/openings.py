"""What keys open: which of them waits for what, and what is dropped where nothing opens."""

from __future__ import annotations

import msgspec
from textual import events

from coexplorer.tui.terminal.bursts import Unpaused, find_burst


class KeyOpening(msgspec.Struct, frozen=True):
    """A command that opens something, while it does.

    Attributes:
        number: Counts these commands.
        before: How much had been opened when it began.
        types: What is typed behind it is text for what it opens.
        key: What ran it, if a key did.
    """

    number: int
    before: int
    types: bool
    key: events.Key | None


class Openings:
    """What is being opened on a screen.

    The focus tells, and another screen in front: a message tells of the focus later than it goes,
    so where it goes is counted as well.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._opened = 0
        self._moves = 0
        self._moves_before = 0
        self._key: events.Key | None = None
        self._unwanted = Unpaused()

    def note_key(self, key: events.Key) -> None:
        """A key is about to run its command."""
        self._key = key

    def take_key(self) -> events.Key | None:
        """Return the key that runs a command now; a click or the palette has none."""
        key, self._key = self._key, None
        return key

    def begin(self, key: events.Key | None, *, types: bool) -> KeyOpening:
        """Begin to open something; see `KeyOpening`."""
        self._begun += 1
        return KeyOpening(self._begun, self._opened, types, key)

    def is_last(self, opening: KeyOpening) -> bool:
        """Tell whether no later key opens something else."""
        return opening.number == self._begun

    def is_empty(self, opening: KeyOpening) -> bool:
        """Tell whether nothing has been opened since."""
        return opening.before == self._opened

    # The focus

    def wait_for_focus(self) -> None:
        """Take no focus for what opens that was on its way before."""
        self._moves_before = self._moves

    def note_move(self) -> None:
        """The focus goes elsewhere."""
        self._moves += 1

    def note_focus(self) -> bool:
        """Something was told that it has the focus; tell whether that is what opens.

        What went to the list just before a key there opens something is told late: that is not yet
        what it opens.
        """
        if self._moves == self._moves_before:
            return False
        self.note_open()
        return True

    def note_open(self) -> None:
        """Something is open now."""
        self._opened += 1

    # What is typed for something that does not open

    def refuse(self, key: events.Key | None) -> None:
        """Drop what was typed behind a key that opened nothing: it was text for what it opens."""
        if key is None:
            return
        self._unwanted.begin(key.time)
        burst = find_burst(key)
        if burst is not None:
            burst.dropped = True

    def refuse_now(self) -> None:
        """Drop what is still on its way, without a pause: it was for what does not open."""
        self._unwanted.begin()

    def drops(self, key: events.Key) -> bool:
        """Tell whether a key follows, without a pause, one that opened nothing."""
        if not self._unwanted.has(key):
            return False
        if not key.is_printable:
            self._unwanted.end()
            return key.key == "enter"
        self._unwanted.begin(key.time)
        return True
