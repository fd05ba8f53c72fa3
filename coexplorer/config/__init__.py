"""Settings: who is asked, with which token, and how this user likes the program.

`load_settings` is the way in; everything that changes the file is in
`coexplorer.config.write`, which is imported late because few commands need it.
"""

from coexplorer.config.file import S3Settings
from coexplorer.config.paths import Paths, expand_home, find_paths
from coexplorer.config.settings import Settings, load_settings
from coexplorer.config.tokens import ReadOnce, TokenSource

__all__ = [
    "Paths",
    "ReadOnce",
    "S3Settings",
    "Settings",
    "TokenSource",
    "expand_home",
    "find_paths",
    "load_settings",
]
