"""`coexplorer.open_file`."""

from __future__ import annotations

from coexplorer.python.asset_file import AssetFile
from coexplorer.python.os_errors import raising_os_errors
from coexplorer.python.sessions import Session, get_session


def open_file(asset: str, path: str, *, profile: str | None = None) -> AssetFile:
    """Open a file of an asset for reading, where it is.

        with coexplorer.open_file("ecephys_655019", "behavior/trials.csv") as file:
            trials = pandas.read_csv(file)

    Works in any thread, and in Jupyter. The first call opens the profile's catalog and starts a
    thread; both end with Python. A process that is forked has to open its files itself.

    Args:
        asset: Its name, its id, or 6 or more characters of the beginning of its id.
        path: The file within the asset, as `coexplorer files` shows it.
        profile: Which profile to use; None: as commands choose it.

    Raises:
        FileNotFoundError: There is no such asset, or no such file in it.
        IsADirectoryError: It is a folder.
        PermissionError: It is not yours to read, or you are not signed in.
        OSError: It can't be read: the platform or the file's storage can't be reached, or fails.
            Reads raise these, too; ``errno.ESTALE``: the file was replaced by another one.
        AmbiguousAsset: Several assets have that name, or an id that begins so.
        ConfigError: It is not clear which platform is meant, or there is no token.
    """
    name = f"{asset}/{path.strip('/')}"
    with raising_os_errors(name):
        return open_in(get_session(profile), asset, path)


def open_in(session: Session, asset: str, path: str) -> AssetFile:
    """Open a file of an asset in a session.

    Raises:
        ApiError: See `open_file`.
    """
    background = session.background
    name = f"{asset}/{path.strip('/')}"
    return AssetFile(background.call(session.open, asset, path), background, path.strip("/"), name)
