"""What the log keeps of what a new asset is made from: enough to know it again, and never a key.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from coexplorer.models import (
    AssetId,
    AssetSource,
    AwsSource,
    CombinedSource,
    ComputationSource,
    GcpSource,
    WorkstationSource,
)


def note_source(source: AssetSource) -> tuple[str, ...]:
    """Return what the log keeps of a source: its kind, and the ids or the bucket."""
    match source:
        case ComputationSource(id=run):
            return "run", run
        case WorkstationSource(id=run):
            return "workstation", run
        case CombinedSource(ids=ids):
            return "assets", *ids
        case AwsSource(bucket=bucket, use_input_bucket=own):
            return "bucket", "" if own else bucket
        case GcpSource(bucket=bucket):
            return "bucket", bucket


def read_noted(noted: Sequence[str]) -> AssetSource | None:
    """Return the source that was noted, as far as it was; None: nothing known here here."""
    match tuple(noted):
        case ("run", run):
            return ComputationSource(run)
        case ("workstation", run):
            return WorkstationSource(run, "")
        case ("assets", *ids):
            return CombinedSource(tuple(AssetId(each) for each in ids))
        case ("bucket", bucket):
            return AwsSource(bucket)
    return None
