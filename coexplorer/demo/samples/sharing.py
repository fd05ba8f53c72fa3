"""Which samples groups can see, and which everybody can find.

The asset's id alone decides it, so it takes nothing from the stream of random numbers that
everything else uses. What the first user sees and may do does not depend on it.
"""

from __future__ import annotations

import random

from msgspec.structs import replace

from coexplorer.demo.asset import Role, StoredAsset

GROUP, STEWARDS, DISCOVERABLE = 0.10, 0.14, 0.18
"""Steps of one draw."""

_ELECTRIC = frozenset({"ecephys", "behavior"})


def add_sharing(asset: StoredAsset, owner: str) -> StoredAsset:
    """Return an asset with the groups that can see it; most have none.

    Args:
        asset: A sample.
        owner: Email of the first user, who can always see what is inside.
    """
    rng = random.Random(f"sharing {asset.id}")
    draw = rng.random()
    if asset.everyone != "none" or asset.state != "ready":
        return asset
    if draw < GROUP:
        group = "Electrophysiology" if _ELECTRIC & set(asset.tags) else "Imaging"
        role = Role.DISCOVERABLE if rng.random() < 0.2 else Role.VIEWER
        return replace(asset, groups={group: role})
    if draw < STEWARDS:
        return replace(asset, groups={"Data stewards": Role.EDITOR})
    if draw < DISCOVERABLE and asset.owner == owner and not asset.roles:
        return replace(asset, everyone="discoverable")
    return asset
