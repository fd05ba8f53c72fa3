"""What a machine says about AWS. Pure."""

from __future__ import annotations

import msgspec

from coexplorer.s3.addresses import AwsKeys


class Found(msgspec.Struct, frozen=True):
    """What this machine says about AWS.

    Attributes:
        keys: What signs; None: nothing.
        keys_from: Where they come from, for people.
        lacks: Why there are no keys, where more is known than that there are none.
        remedy: What helps against that.
        is_set_up: Somebody wanted there to be some.
        endpoint: Of another storage than AWS's; empty: AWS.
        region: The usual one; empty: none.
    """

    keys: AwsKeys | None = None
    keys_from: str = ""
    lacks: str = ""
    remedy: str = ""
    is_set_up: bool = False
    endpoint: str = ""
    region: str = ""
