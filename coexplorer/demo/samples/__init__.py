"""Sample data: an institute's assets and their files, made up from a seed, always the same for it.

Nothing is read and nothing is stored: assets come from a seed and a clock, files from an asset's id
alone, so that no edit changes them.
"""

from coexplorer.demo.samples.computing import make_computing
from coexplorer.demo.samples.files import (
    file_bytes,
    file_tree,
    find_size,
    list_level,
    make_result_tree,
)
from coexplorer.demo.samples.generate import CLOCK, DEFAULT_COUNT, HIGHEST_COUNT, generate
from coexplorer.demo.samples.nasty import NASTY, Nasty
from coexplorer.demo.samples.schema import METADATA_FIELDS

__all__ = [
    "CLOCK",
    "DEFAULT_COUNT",
    "HIGHEST_COUNT",
    "METADATA_FIELDS",
    "NASTY",
    "Nasty",
    "file_bytes",
    "file_tree",
    "find_size",
    "generate",
    "list_level",
    "make_computing",
    "make_result_tree",
]
