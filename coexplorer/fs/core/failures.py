"""Writes that failed and are not resolved yet: the text of ``error`` files. Pure."""

from __future__ import annotations

from coexplorer.fs.core.file_format import NAMES_OF_PARTS
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.kernel.inodes import Part
from coexplorer.names import escape_name

SAVING_SHARING = "saving about/sharing"
"""What a save of that file is called where it is reported."""

_LONGEST_TITLE = 60


def name_save(part: Part) -> str:
    """Return what a save is called where it is reported."""
    return f"saving {NAMES_OF_PARTS[part].decode()}"


def name_unsent(number: int, title: str, part: Part) -> str:
    """Return the name of a text in ``.coexplorer/unsent/``.

    Args:
        number: Of its entry in the journal.
        title: The asset's name in that entry; its id if it has none.
        part: The file that it was to be.
    """
    return f"{number}-{escape_name(title)[:_LONGEST_TITLE]}.{NAMES_OF_PARTS[part].decode()}"


class Failures:
    """Reports by asset and by subject: what a later success clears, e.g. ``saving tags``."""

    def __init__(self) -> None:
        self._reports: dict[Node, dict[str, str]] = {}

    def text_of(self, node: Node) -> bytes:
        """Return the text of an asset's ``error`` file; empty when there is none."""
        return "\n".join(self._reports.get(node, {}).values()).encode()

    def has(self, node: Node) -> bool:
        """Tell whether the last write to an asset failed."""
        return node in self._reports

    def find(self, node: Node, subject: str) -> str:
        """Return a report; empty when there is none."""
        return self._reports.get(node, {}).get(subject, "")

    def tells_of(self, node: Node, part: Part) -> bool:
        """Tell whether a save of a file failed and was not put right."""
        reports = self._reports.get(node) if self._reports else None
        return reports is not None and name_save(part) in reports

    def note(self, node: Node, subject: str, report: str) -> None:
        """Show why the last write failed."""
        self._reports.setdefault(node, {})[subject] = report

    def clear(self, node: Node, subject: str) -> bool:
        """Take a report away, as the write succeeded, or its text was given up; False: none was."""
        reports = self._reports.get(node)
        if reports is None or reports.pop(subject, None) is None:
            return False
        if not reports:
            del self._reports[node]
        return True

    def list(self) -> list[tuple[Node, str]]:
        """List what failed and was not put right: the asset, and the subject."""
        return [(node, subject) for node, reports in self._reports.items() for subject in reports]

    def __len__(self) -> int:
        return sum(map(len, self._reports.values()))
