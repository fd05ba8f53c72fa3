"""Markdown as people write it about their data: mostly nothing, now and then a page."""

from __future__ import annotations

import random
from collections.abc import Mapping

from coexplorer.demo.samples.vocabulary import REGIONS, RIGS

_SHORT = (
    "{modality} from subject {subject}.",
    "{project}: {modality} session on rig {rig}.",
    "Good session, stable for {minutes} minutes.",
    "Do not use: the animal stopped working after {minutes} minutes.",
    "Re-upload, see the [request form](https://institute.example/requests/{number}).",
    "TODO(metadata): probe {probe} was moved before the recording",
    "{project}, **pilot**. Ask {person} before use.",
    "Probe {probe} in {region}, target depth {depth} µm.",
)

_LINES = """\
{project}, rig {rig}, {minutes} minutes.

Probe {probe} aimed at {region}; depth {depth} µm. The animal was awake and head-fixed.
Videos of face and body run along; see `metadata/rig.json` for the cameras.
"""

_PAGE = """\
# {project}: {modality}, subject {subject}

Recorded by {person} on rig **{rig}** for {minutes} minutes. Raw data are *not* demeaned.

## What is in here

- `{modality}/`: the signals, one folder a probe or plane
- `behavior/`: trials, licks, running, as [Harp](https://harp.example/protocol) registers
  - `behavior/side_camera.mp4` at 60 Hz
  - `behavior/face_camera.mp4` at 120 Hz
- `metadata.json`: subject, procedures, rig, session

## Probes

| probe | region | depth (µm) | units |
|:------|:------:|-----------:|------:|
| {probe} | {region} | {depth} | {number} |
| F | MD | 3100 | 211 |

> The reference was moved after 12 minutes: leave the first block out.

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
    if draw < 0.87:
        return rng.choice(_SHORT).format_map(more)
    return (_LINES if draw < 0.97 else _PAGE).format_map(more)


def build_long_description(size: int) -> str:
    """Write a description of exactly so many characters, with headings and lists to its end."""
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
