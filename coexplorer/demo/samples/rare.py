"""What only some assets on today's platforms have: traces of a run's settings and of transfers.

The asset's id alone decides it, so it takes nothing from the stream of random numbers that
everything else uses.
"""

from __future__ import annotations

import random

from msgspec.structs import replace

from coexplorer.demo.asset import AppParameter, StoredAsset
from coexplorer.demo.samples.calendar import DAY_S

RUN_WITH_PARAMETERS, RUN_OF_A_PIPELINE = 0.3, 0.1
TRANSFERRED, TRANSFER_FAILED = 0.02, 0.01
"""Shares: of the results, and of the assets whose files are inside."""

_PARAMETERS = (
    ("Detection threshold", ("5", "5.5", "6")),
    ("Probe", ("all", "A", "B")),
    ("Skip motion correction", ("true", "false")),
    ("Comment", ("", "second try", "as in the paper")),
)
_PROFILES = ("standard", "gpu", "spot")
_TRANSFER_ERRORS = (
    "AccessDenied: the target bucket refused s3:PutObject",
    "NoSuchBucket: the target bucket does not exist",
)


def add_rare(asset: StoredAsset, now: int) -> StoredAsset:
    """Return an asset with what it has of these, mostly nothing.

    Args:
        asset: A sample.
        now: Epoch seconds; nothing is later.
    """
    rng = random.Random(asset.id)
    if asset.type == "result" and asset.provenance is not None:
        if rng.random() < RUN_WITH_PARAMETERS:
            chosen = rng.sample(_PARAMETERS, rng.randrange(1, len(_PARAMETERS)))
            parameters = tuple(AppParameter(name, rng.choice(values)) for name, values in chosen)
            asset = replace(asset, app_parameters=parameters)
        if rng.random() < RUN_OF_A_PIPELINE:
            asset = replace(asset, nextflow_profile=rng.choice(_PROFILES))
    if asset.state == "ready" and not asset.external and asset.type != "combined":
        draw = rng.random()
        if draw < TRANSFERRED:
            moment = min(now, asset.created + rng.randrange(1, 300) * DAY_S)
            asset = replace(asset, last_transferred=moment)
        elif draw < TRANSFERRED + TRANSFER_FAILED:
            asset = replace(asset, transfer_error=rng.choice(_TRANSFER_ERRORS))
    return asset
