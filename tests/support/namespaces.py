"""A private mount namespace for a command."""

import os

UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
"""Only who is not root needs a namespace for users, too, which no chroot and not every container
allows."""
