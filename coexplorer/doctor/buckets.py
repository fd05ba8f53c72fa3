"""What reads the buckets of external assets; they themselves are not asked."""

from __future__ import annotations

from collections.abc import Iterator

from coexplorer.config import Settings
from coexplorer.doctor.findings import CheckState, Finding, pass_check, skip_check
from coexplorer.s3.credentials import find_credentials


def look_at_buckets(settings: Settings) -> Iterator[Finding]:
    """Look for AWS credentials; this may ask a program, or the network."""
    if settings.s3.is_anonymous:
        yield skip_check("buckets", "those of the demo are public")
        return
    found = find_credentials(settings.s3.aws_profile)
    endpoint = settings.s3.endpoint or found.endpoint
    where = f" at {endpoint}" if endpoint else ""
    if found.keys is not None:
        yield pass_check("buckets", f"those{where} are read with AWS keys from {found.keys_from}")
    elif found.is_set_up:
        told = f"only public ones{where} can be read without AWS credentials, and {found.lacks}"
        yield Finding("buckets", CheckState.WARNING, told, found.remedy)
    else:
        yield pass_check("buckets", f"only public ones{where} can be read: no AWS credentials")
