"""Markdown as people write it about their data: mostly none, now and then a page."""

from __future__ import annotations

import random
from collections.abc import Mapping

from coexplorer.demo.samples.vocabulary import REGIONS, RIGS

IN_VIVO = frozenset({"ecephys", "behavior", "ophys", "fiber-photometry"})
"""Modalities that see a living animal; the others see tissue."""

_SHORT = (
    "{modality} from subject {subject}.",
    "{project}: {modality}, rig {rig}.",
    "Re-upload, see the [request form](https://institute.example/requests/{number}).",
    "{project}, **pilot**. Ask {person} before use.",
)
_SHORT_IN_VIVO = (
    *_SHORT,
    "Good session, stable for {minutes} minutes.",
    "Do not use: the animal stopped working after {minutes} minutes.",
    "Target {region}, depth {depth} µm.",
    "Metadata are wrong: probe {probe} was moved before the recording.",
)
_SHORT_TISSUE = (
    *_SHORT,
    "Tissue from {region}; imaged or sequenced again as request {number}.",
    "Low yield in {region}, *usable* otherwise.",
)

_LINES_IN_VIVO = """\
{project}, rig {rig}, {minutes} minutes.

Aimed at {region}, depth {depth} µm. The animal was awake and head-fixed.
Videos of face and body run along; see `metadata/procedures.json` for the surgery.
"""
_LINES_TISSUE = """\
{project}, subject {subject}, prepared by {person}.

Region of interest: {region}. Kept at 4 °C for {minutes} hours before clearing or dissociation.
"""

_DETAILS_IN_VIVO = """\
- `behavior/`: trials, licks, running, as [Harp](https://harp.example/protocol) registers
  - `side_camera.mp4` at 60 Hz
  - `face_camera.mp4` at 120 Hz

## Targets

| probe or fiber | region | depth (µm) | units |
|:---------------|:------:|-----------:|------:|
| {probe} | {region} | {depth} | {number} |
| F | MD | 3100 | 211 |

> The reference was moved after 12 minutes: leave the first block out.
"""
_DETAILS_TISSUE = """\
- `derivatives/`: projections and tables
  - one folder a channel or lane

## Channels

| channel | stain or gene | quality |
|--------:|:--------------|:-------:|
| 488 | GFP | good |
| 561 | *Slc17a7* | {number} |

> Tile 7 has a bubble: leave it out.
"""

_PAGE = """\
# {project}: {modality}, subject {subject}

By {person} on rig **{rig}**. Raw data are *not* demeaned.

## What is in here

- `metadata.json`: subject, procedures, rig, session
{details}
## How to load

```python
import json
from pathlib import Path

root = Path("/data") / "{mount}"
session = json.loads((root / "metadata.json").read_text())
print(session["subject_id"])  # {subject}
```

1. [x] uploaded
2. [ ] histology registered
3. [ ] quality control signed, see the [protocol](https://institute.example/qc/{number})

---
Questions to <{mail}@institute.example>.
"""


def build_description(rng: random.Random, facts: Mapping[str, str]) -> str:
    """Write one, or none at all (six of ten).

    Args:
        rng: Decides.
        facts: ``project``, ``modality``, ``subject``, ``person`` and ``mount``.
    """
    draw = rng.random()
    if draw < 0.6:
        return ""
    number = rng.randrange(100, 9000)
    more = {
        **facts,
        "rig": rng.choice(RIGS),
        "region": rng.choice(REGIONS),
        "probe": rng.choice("ABCDEF"),
        "minutes": str(rng.randrange(35, 140)),
        "depth": str(rng.randrange(12, 40) * 100),
        "number": str(number),
        "mail": facts["person"].split()[0].lower(),
    }
    in_vivo = facts["modality"] in IN_VIVO
    if draw < 0.87:
        return rng.choice(_SHORT_IN_VIVO if in_vivo else _SHORT_TISSUE).format_map(more)
    if draw < 0.97:
        return (_LINES_IN_VIVO if in_vivo else _LINES_TISSUE).format_map(more)
    details = (_DETAILS_IN_VIVO if in_vivo else _DETAILS_TISSUE).format_map(more)
    return _PAGE.format_map({**more, "details": details})


def build_long_description(size: int) -> str:
    """Write a description of exactly this many characters, with headings and lists to its end."""
    lines = ["# Notes of a long project", ""]
    for week in range(1, size // 40 + 2):
        lines += [
            f"## Week {week}",
            "",
            f"- session {week * 3}: *{REGIONS[week % len(REGIONS)]}*, rig `{RIGS[week % 8]}`",
            f"- [notes](https://institute.example/notes/{week})",
            "",
        ]
    return "\n".join(lines)[:size]
