"""Why the platform said 403: one status for a token, an asset, a delete, or what is in between.

Pure: takes the platform's words and what was asked, and says who can help.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

from coexplorer.api.refusal_text import drop_phrase
from coexplorer.errors import NEW_TOKEN, Forbidden

_OF_TOKENS: Final = ("token", "scope", "credential", "api key", "api_key")
"""Words of a refusal that is about the token, not about the asset (design: api.md, Errors)."""
_ASK_OWNER: Final = "ask its owner for access"
_ASK_TO_DELETE: Final = "ask its owner to delete it: only an owner may"
_IF_YOURS: Final = f"if it is yours, {NEW_TOKEN}"
_ASK_TO_SHARE: Final = "ask one of its owners to share it"
_LACKS: Final = (
    r"(?:you|user) (?:don't|do not|does not) have (?:the )?(?:permissions?|rights?)"
    r"(?: to (?:do|perform|make|carry out) (?:this|the|that)(?: (?:action|request|operation))?)?"
)
_SAYS_NOTHING: Final = re.compile(
    r"(?:403\W*)?(?:(?:error\W*)?forbidden|(?:access|permission) (?:is )?denied|not allowed"
    rf"|not authori[sz]ed|{_LACKS})?\W*",
    re.IGNORECASE,
)
"""Refusals that would be the same for a token without the scope and for somebody else's asset."""
OWNED: Final = ("asset", "folder", "file", "capsule", "pipeline", "computation")
"""What somebody owns, and may delete."""


class Act(Enum):
    """What a call does, as far as a refusal's cause depends on it."""

    READ = auto()
    CREATE = auto()
    CHANGE = auto()
    DELETE = auto()
    SHARE = auto()


def classify_forbidden(said: str, *, subject: str, act: Act, by_page: bool = False) -> Forbidden:
    """Tell by its words and by what was asked why the platform said 403.

    It says so of a token that may not do this, of an asset that is somebody else's, and of a delete
    of what is not archived (manual); the owner can help with the second alone. What stands in
    between says so with a web page, and storages of files in their own words.

    Args:
        said: The platform's message, in one line; empty when there is none.
        subject: What was asked for: `Call.subject`.
        act: What was to be done.
        by_page: It was said with a web page.
    """
    told = said if by_page else drop_phrase(said, HTTPStatus.FORBIDDEN)
    because = f": {told}" if told else ""
    unexplained = not by_page and _SAYS_NOTHING.fullmatch(said) is not None
    words = said.lower()
    own = subject in OWNED
    if by_page:
        message = f"this was refused with a web page{because}"
        hint = "check whether a proxy or a firewall is in the way, and ask who runs it"
    elif subject == "file" and "storage class" in words:
        message, hint = f"this file is in cold storage{because}", "ask its owner to restore it"
    elif act is Act.DELETE and "archiv" in words:
        message, hint = (
            f"only archived assets can be deleted{because}",
            "archive it first, then delete it",
        )
    elif any(word in words for word in _OF_TOKENS):
        message, hint = f"your token may not do this{because}", NEW_TOKEN
    elif act is Act.CREATE:
        message, hint = (
            f"you may not create assets there{because}",
            f"{NEW_TOKEN}; if it has that, ask who runs the platform",
        )
    elif not own:
        message, hint = f"your token may not see this {subject}{because}", NEW_TOKEN
    elif act is Act.READ:
        message, hint = f"you may not see this {subject}{because}", _ASK_OWNER
        hint += f"; {_IF_YOURS}" if unexplained else ""
    else:
        message, hint = _refuse_change(subject, because, act, unexplained=unexplained)
    error = Forbidden(message, hint=hint, status=403)
    error.unexplained = unexplained
    return error


def _refuse_change(subject: str, because: str, act: Act, *, unexplained: bool) -> tuple[str, str]:
    """Say that what can be read may not be changed, deleted or shared, and what to do."""
    if act is Act.SHARE:
        message, hint = f"you may not share this {subject}{because}", _ASK_TO_SHARE
        if not unexplained:
            return message, hint
        return message, f"{hint}; if you are one, {NEW_TOKEN}"
    if act is Act.DELETE:  # whoever may edit it is no owner yet
        message, hint = f"you may not delete this {subject}{because}", _ASK_TO_DELETE
    else:
        message, hint = f"you can read but not change this {subject}{because}", _ASK_OWNER
    return message, f"{hint}; {_IF_YOURS}" if unexplained else hint
