"""What no document says of sharing, refusals and metadata: one answer each, to be changed here.

A test of a client can set another answer (`DemoServer.guesses`): a client has to work with either.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Unknown = Literal["refuse", "ignore"]


class Guesses(msgspec.Struct, frozen=True):
    """How this platform does what is not documented.

    Attributes:
        unknown_user: What a change of permissions does that names a user whom nobody knows: it is
            refused with 400, or it leaves that user out and says nothing.
        unknown_group: The same for a group.
        permissions: Whether a list of users or groups replaces the old one, or adds to it.
        unset_list: Whether a list that is null or left out stays, or is emptied.
        sharers: Whether owners alone may change permissions, or editors too.
        metadata: Whether the custom metadata of a PUT replace all that the asset has, or are merged
            into it key by key. Null or left out, they always stay.
        empty_permissions: Whether what nobody has is shown by a GET of permissions (as empty lists
            and ``none``), or left out.
        refusals: Whether a 403 says what is missing, a scope of the token or a right of the person,
            or is the same for all.
        not_attached: What a detach does that names an asset which is not attached: it leaves that
            out and says nothing, or it is refused with 404.
        required: Whether a PUT or a create may leave out a field that the schema requires.
    """

    unknown_user: Unknown = "refuse"
    unknown_group: Unknown = "ignore"
    permissions: Literal["replace", "add"] = "replace"
    unset_list: Literal["keep", "clear"] = "keep"
    sharers: Literal["owners", "editors"] = "owners"
    empty_permissions: Literal["shown", "left out"] = "shown"
    refusals: Literal["told apart", "alike"] = "told apart"
    metadata: Literal["replace", "merge"] = "replace"
    not_attached: Unknown = "ignore"
    required: Literal["optional", "enforced"] = "optional"
