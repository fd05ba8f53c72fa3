"""The deployment's custom metadata, as ``GET custom_metadata`` shows it (design: api.md, Calls)."""

from __future__ import annotations

from coexplorer.demo.samples.vocabulary import EXPERIMENTERS, FAMILIES

METADATA_FIELDS: tuple[dict[str, object], ...] = (
    {"name": "subject id", "type": "string", "category": "Subject", "required": True},
    {
        "name": "species",
        "type": "string",
        "category": "Subject",
        "allowed_values": sorted({species for one in FAMILIES for species in one.species}),
    },
    {"name": "genotype", "type": "string", "category": "Subject"},
    {
        "name": "age",
        "type": "number",
        "category": "Subject",
        "units": "days",
        "range": {"min": 0, "max": 40_000},
    },
    {"name": "session date", "type": "date", "category": "Session"},
    {
        "name": "experimenter",
        "type": "string",
        "category": "Session",
        "multiple": True,
        "allowed_values": list(EXPERIMENTERS),
    },
    {"name": "project name", "type": "string", "category": "Project"},
    {
        "name": "data level",
        "type": "string",
        "category": "Project",
        "allowed_values": ["raw", "derived"],
    },
)
"""Fields in the platform's own spelling; dates are epoch seconds in the assets."""
