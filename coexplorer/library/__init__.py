"""What a user can do with data assets: one interface for every front end."""

from coexplorer.library.library import Library
from coexplorer.library.session import open_library

__all__ = ["Library", "open_library"]
