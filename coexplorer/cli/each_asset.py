"""One thing for each asset of a list; what can't be had of one keeps no other from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from coexplorer.cli import exits
from coexplorer.cli.narration import warn
from coexplorer.errors import BadReply, CoexplorerError, Forbidden, NotFound, Refused, Rejected
from coexplorer.models import AssetId

OF_ONE = (BadReply, Forbidden, NotFound, Refused, Rejected)
"""Errors that are about one asset or file: the next one may be had anyway."""

_MOST_TOLD = 20


class Trouble:
    """What of one asset can't be had while the rest of it comes; told at the end.

    Attributes:
        noted: All of it, as far as it is kept.
    """

    def __init__(self) -> None:
        self.noted: list[CoexplorerError] = []
        self._codes: set[int] = set()
        self._count = 0

    def note(self, error: CoexplorerError) -> None:
        """Remember an error."""
        self._count += 1
        self._codes.add(exits.code_of(error))
        if len(self.noted) < _MOST_TOLD:
            self.noted.append(error)

    def tell(self, about: str) -> None:
        """Say each in a line."""
        for error in self.noted:
            warn(f"{about}{error.message}")
        if self._count > len(self.noted):
            warn(f"{about}and {self._count - len(self.noted):,} more of this kind")

    def find_code(self, *, came: bool) -> int:
        """Return the exit code of this asset.

        Args:
            came: Some of it could be had.
        """
        if not self._codes:
            return exits.OK
        return exits.PARTLY if came or len(self._codes) > 1 else next(iter(self._codes))


async def for_each(ids: list[AssetId], work: Callable[[AssetId, Trouble], Awaitable[bool]]) -> int:
    """Do something with each asset; one that can't be had does not keep the others from it.

    Args:
        ids: The assets.
        work: Says whether anything of the asset came.

    Returns:
        The exit code.

    Raises:
        ApiError: With a single asset, or trouble that all have alike.
    """
    codes = []
    for asset_id in ids:
        trouble = Trouble()
        about = f"{asset_id[:8]}: " if len(ids) > 1 else ""
        came = False
        try:
            came = await work(asset_id, trouble)
        except OF_ONE as error:
            if len(ids) == 1 and not trouble.noted:
                raise
            trouble.note(error)
        except CoexplorerError:
            trouble.tell(about)
            raise
        if len(ids) == 1 and not came and len(trouble.noted) == 1:
            raise trouble.noted[0]
        trouble.tell(about)
        codes.append(trouble.find_code(came=came))
    return codes[0] if len(set(codes)) == 1 else exits.PARTLY if codes else exits.OK
