"""Speaks HTTP to a Code Ocean deployment, in both dialects of its data asset API.

Import it late: it brings in httpx, which takes longer than the rest of the program.
"""

from coexplorer.api.client import Client
from coexplorer.api.download import Download, FilePart
from coexplorer.api.failures import Failure, FailureKind
from coexplorer.api.limits import Bounds, Timeouts
from coexplorer.api.other_storage import OtherStorage, StoredReply
from coexplorer.api.paging import Incomplete
from coexplorer.api.retry import Patience
from coexplorer.api.storage import SignedRequest
from coexplorer.api.storage_failures import TELL_SIGNER, classify_stored
from coexplorer.api.transport import OnWait
from coexplorer.api.walk import Walk

__all__ = [
    "TELL_SIGNER",
    "Bounds",
    "Client",
    "Download",
    "Failure",
    "FailureKind",
    "FilePart",
    "Incomplete",
    "OnWait",
    "OtherStorage",
    "Patience",
    "SignedRequest",
    "StoredReply",
    "Timeouts",
    "Walk",
    "classify_stored",
]
