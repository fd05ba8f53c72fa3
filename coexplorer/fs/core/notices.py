"""What the kernel is told to forget, as the modules of the mount see it."""

from __future__ import annotations

from typing import Protocol


class Notices(Protocol):
    """Where invalidations go: `coexplorer.fs.kernel.invalidation.Invalidator`."""

    def forget_entry(self, parent: int, name: bytes) -> None:
        """Make the kernel ask again what a name is."""

    def forget_inode(self, inode: int, *, attributes_only: bool = False) -> None:
        """Make the kernel ask again for a file's attributes, and for its content."""

    async def wait_told(self) -> None:
        """Wait a short while until the kernel has been told all of that."""
