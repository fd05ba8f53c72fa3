"""How long is waited and how much is kept, by what was asked for: pure."""

from __future__ import annotations

from typing import Final

import msgspec

from coexplorer.api.calls import LARGEST_PAGE, Call

_FLOOR_BYTES_S: Final = 1024
"""A reply that comes more slowly than this counts as none."""

_MANY_PIECES: Final = 10_000
_CRUMB_BYTES: Final = 16


class Timeouts(msgspec.Struct, frozen=True):
    """How long to wait for what, in seconds.

    Attributes:
        connect_s: For a connection.
        read_s: For the first bytes of a reply that changes nothing, and for the next ones; a page
            of 1000 takes the platform about 2 s.
        asset_s: For a whole reply about one asset.
        write_s: For that to a change, which must not be given up too soon.
        page_s: For that to a search of 1000 rows; less for fewer.
        drip_s: So long a reply may come as slowly as it likes; then it has to keep a rate.
        file_s: For a file's storage to answer, and for each 64 KB.
        silent_s: Who has waited so long, and heard nothing of any request, does not ask again.
        call_s: For everything: all attempts and the waits between them.
    """

    connect_s: float = 10.0
    read_s: float = 55.0
    asset_s: float = 20.0
    write_s: float = 60.0
    page_s: float = 180.0
    drip_s: float = 20.0
    file_s: float = 60.0
    silent_s: float = 30.0
    call_s: float = 600.0

    def find_attempt_s(self, call: Call) -> float:
        """Say how long one attempt of a call may take."""
        if call.writes:
            return self.write_s
        share = (call.rows - 1) / (LARGEST_PAGE - 1)
        return self.asset_s + (self.page_s - self.asset_s) * share

    def is_drip(self, received_bytes: int, waited_s: float) -> bool:
        """Tell whether a reply comes too slowly to be waited for.

        Args:
            received_bytes: How much has come.
            waited_s: Since its first byte.
        """
        return waited_s > self.drip_s and received_bytes < _FLOOR_BYTES_S * waited_s


class Bounds(msgspec.Struct, frozen=True):
    """What a platform can make us keep of one reply, in bytes after unpacking.

    Attributes:
        asset_bytes: Of an answer about one asset, which rarely has more than a hundredth of it.
        row_bytes: Of each further row that was asked for, on average; a folder may be as long as a
            page of 1000 rows, which is some 200,000 files.
        error_bytes: Of a refusal, which is cut there: a sentence is what it is good for.
    """

    asset_bytes: int = 4 * 1024 * 1024
    row_bytes: int = 32 * 1024
    error_bytes: int = 64 * 1024

    @staticmethod
    def is_crumbled(pieces: int, received_bytes: int) -> bool:
        """Tell whether a reply comes in so small pieces that reading them costs more than it holds.

        Args:
            pieces: That have come.
            received_bytes: How much they hold.
        """
        return pieces > _MANY_PIECES and received_bytes < _CRUMB_BYTES * pieces

    def find_most_bytes(self, call: Call) -> int:
        """Say how long the answer to a call may be."""
        return self.asset_bytes + (call.rows - 1) * self.row_bytes
