"""Tags as one line of text, and back. Pure.

Commas separate tags; a tag with a comma, a quote or outer blanks is quoted, and quotes in it are
doubled.
"""

from __future__ import annotations

from collections.abc import Iterable

from coexplorer.written import put_lines_together


def format_tags(tags: Iterable[str]) -> str:
    """Return tags as one line: ``raw, ecephys, "a, b"``."""
    return ", ".join(map(quote_tag, tags))


def quote_tag(tag: str) -> str:
    """Return one tag as it stands in the line."""
    if "," in tag or '"' in tag or tag != tag.strip():
        return '"' + tag.replace('"', '""') + '"'
    return tag


def parse_tags(text: str) -> tuple[str, ...]:
    """Return the tags of a line, each once, in order; empty ones are left out."""
    tags = [_unquote(text[start:end]) for start, end in _spans(text)]
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def find_tag_at(text: str, cursor: int) -> tuple[int, int, str]:
    """Return start, end and text of the tag that is typed at `cursor`."""
    for first, end in _spans(text):
        if first <= cursor <= end:
            blanks = len(text[first:end]) - len(text[first:end].lstrip())
            start = min(first + blanks, cursor)
            return start, end, text[start:cursor].lstrip().lstrip('"')
    return cursor, cursor, ""


def join_pasted(text: str) -> str:
    """Return pasted text as part of the line: several lines are several tags."""
    return put_lines_together(text, _join_tags)


def _join_tags(lines: list[str]) -> str:
    if len(lines) == 1:
        return lines[0]  # typed text
    # A quote without its other one would take in the lines that follow.
    return ", ".join(quote_tag(line) if line.count('"') % 2 else line for line in lines)


def _spans(text: str) -> list[tuple[int, int]]:
    spans = []
    start = 0
    quoted = False
    for index, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            spans.append((start, index))
            start = index + 1
    spans.append((start, len(text)))
    return spans


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def fit_values(values: Iterable[str], typed: str, most: int) -> list[str]:
    """Return values that start with what is typed, then ones that contain it, ignoring case.

    Args:
        values: Best first.
        typed: An empty text fits all.
        most: How many are enough; the rest of `values` is not looked at once this many match.
    """
    wanted = typed.casefold()
    begin: list[str] = []
    hold: list[str] = []
    for value in values:
        folded = value.casefold()
        if folded.startswith(wanted):
            begin.append(value)
            if len(begin) == most:
                break
        elif len(hold) < most and wanted in folded:
            hold.append(value)
    return [*begin, *hold][:most]
