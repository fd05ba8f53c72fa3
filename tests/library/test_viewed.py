"""Who can only view an asset, as far as the platform's answer tells."""

from __future__ import annotations

import json

import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.library import Library
from coexplorer.library.viewed import Viewed, can_only_view
from coexplorer.models import AssetId
from coexplorer.sharing.roles import Sharing
from tests.support.server import COMBINED, THEIRS, VIEWED

ME = "me@example.org"
OWNED = {"her@example.org": "owner"}


@pytest.mark.parametrize(
    ("sharing", "views"),
    [
        (Sharing({**OWNED, "Me@Example.org": "viewer"}), True),
        (Sharing(OWNED, everyone="viewer"), True),
        (Sharing(OWNED, {"lab": "viewer"}), True),
        (Sharing({**OWNED, ME: "editor"}, everyone="viewer"), False),
        (Sharing({ME: "owner"}), False),
        (Sharing(OWNED, {"lab": "editor"}, everyone="viewer"), False),  # who knows who is in it
        (Sharing(OWNED), False),  # an administrator sees it
        (Sharing(OWNED, everyone="viewer", odd=1), False),
    ],
)
def test_only_what_surely_can_t_be_changed_is_left_out(sharing: Sharing, views: bool) -> None:  # noqa: FBT001  a parameter of the test
    assert can_only_view(sharing, ME) is views


@pytest.mark.parametrize("seen", [VIEWED, THEIRS])
async def test_an_administrator_who_is_listed_as_a_viewer_is_left_out_of_nothing(
    library: Library, server: DemoServer, seen: str
) -> None:
    await library.sync.sweep()
    viewed = [AssetId(VIEWED)]
    assert await library.platform.only_viewed(viewed) == set(viewed)
    # What nobody shared is seen by those alone who administer it: here, or anywhere else.
    body = json.dumps(
        {"users": [{"email": "her@example.org", "role": "owner"}], "everyone": "none"}
    )
    server.faults.add(200, "GET", f"data_assets/{seen}/permissions", body=body)
    administers = Viewed(library.files._context)
    assert await administers.find([*viewed, AssetId(COMBINED)]) == frozenset()
    server.faults.clear()
    count = len(server.requests("GET", "*/permissions"))
    assert await administers.find(viewed) == frozenset()
    assert len(server.requests("GET", "*/permissions")) == count  # it is known by now
