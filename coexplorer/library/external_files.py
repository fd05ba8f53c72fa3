"""Where the files of external assets are, which the platform neither lists nor serves. Pure."""

from __future__ import annotations

from shlex import quote

from coexplorer.errors import ApiError, Rejected
from coexplorer.models import SourceBucket

_SCHEMES = {"aws": "s3", "gcp": "gs"}
_READABLE = ("aws", "")
"""Others speak another language."""

_COMMANDS = {"aws": "aws s3 ls --recursive", "gcp": "gcloud storage ls --recursive"}


def is_readable(source: SourceBucket) -> bool:
    """Tell whether files are in a bucket that this program can read itself."""
    return source.external and source.origin in _READABLE and bool(source.bucket)


def build_outside_error(source: SourceBucket, refusal: ApiError) -> Rejected:
    """Return the sentence for a refused look at the files of an asset that can't be read here.

    Args:
        source: Where they are.
        refusal: What the platform said, in whatever words.
    """
    scheme = _SCHEMES.get(source.origin, source.origin or "s3")
    place = f"{scheme}://{source.bucket}/{source.prefix.strip('/')}".rstrip("/")
    command = _COMMANDS.get(source.origin)
    look = f"look there with its own tools: {command} {quote(f'{place}/')}" if command else ""
    return Rejected(
        f"this asset's files are outside Code Ocean, in {place}:"
        " the platform shows only the files of internal assets",
        hint=look or "look there with its own tools",
        status=refusal.status,
    )
