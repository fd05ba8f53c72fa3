"""Who is at the embedded institute: the people who can sign in, and their groups."""

from __future__ import annotations

from typing import Final

PEOPLE: Final = (
    ("maya.okafor@example.org", "Maya Okafor"),
    ("jonas.lind@example.org", "Jonas Lind"),
    ("priya.nair@example.org", "Priya Nair"),
)
"""Email and name: the first owns most of the sample assets, the second the others, the third none;
she sees what is shared with one of her groups or with everyone."""

GROUPS: Final[dict[str, frozenset[str]]] = {
    "Electrophysiology": frozenset({"maya.okafor@example.org", "jonas.lind@example.org"}),
    "Imaging": frozenset({"jonas.lind@example.org", "priya.nair@example.org"}),
    "Data stewards": frozenset({"priya.nair@example.org"}),
}
"""Name of a group → emails of its members."""

ADMINS: Final = frozenset({"priya.nair@example.org"})
"""Emails of the administrators, who may transfer any asset and capture anybody's results."""


def find_groups(email: str) -> list[str]:
    """Return the names of a person's groups."""
    return [name for name, members in GROUPS.items() if email in members]
