"""The sentences of ``error`` files. Pure."""

from __future__ import annotations

from coexplorer.errors import CoexplorerError, EditConflict
from coexplorer.fields import Fields

_ABOUT_CONFLICTS = (
    "combine the two texts below in the file, and save it;\n"
    "or save yours again, now that you have opened this: it replaces the platform's;\n"
    "or keep the platform's: coexplorer discard NUMBER (coexplorer log has the number)"
)


def build_report(what: str, error: CoexplorerError) -> str:
    """Say what failed, why, and what to do.

    Args:
        what: What was tried, e.g. ``saving tags``.
        error: Why it failed.
    """
    lines = [f"{what} failed: {error.message}"]
    hint = _ABOUT_CONFLICTS if isinstance(error, EditConflict) else error.hint
    if hint:
        lines.append(f"what to do: {hint}")
    if isinstance(error, EditConflict):
        for field in error.fields:
            lines.append("")
            lines.extend(_version("you had been shown", field, error.base))
            lines.extend(_version("you wrote", field, error.mine))
            lines.extend(_version("the platform has", field, error.theirs))
    return "\n".join(lines) + "\n"


def _version(who: str, field: str, fields: Fields) -> list[str]:
    value = getattr(fields, field)
    text = "\n".join(value) if isinstance(value, tuple) else value or ""
    return [f"--- {field}, as {who}:", *text.split("\n")]
