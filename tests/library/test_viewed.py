"""Who can only view an asset, as far as the platform's answer tells."""

from __future__ import annotations

import pytest

from coexplorer.library.viewed import can_only_view
from coexplorer.sharing.roles import Sharing

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
