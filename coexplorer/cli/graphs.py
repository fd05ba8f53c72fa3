"""A lineage as a tree for people, and as Mermaid and Graphviz text for pictures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from coexplorer.library.lineage import LineageGraph, Relation
from coexplorer.models import AssetId
from coexplorer.text import clean

_UNKNOWN = "(not known here)"
_SHORT = 8


def draw_tree(graph: LineageGraph, name: str) -> Iterator[str]:
    """Yield the lines of a tree: inputs, then results, each branch below its asset."""
    yield f"{graph.root[:_SHORT]}  {clean(name)}"
    for title, steps in (("made from", graph.inputs()), ("results", graph.results())):
        yield f"{title}:" if steps else f"{title}: unknown"
        below: dict[AssetId, list[Relation]] = {}
        for step in steps:
            below.setdefault(step.of, []).append(step)
        yield from _draw_branch(below, graph.root, "  ", {graph.root})


def _draw_branch(
    below: Mapping[AssetId, Sequence[Relation]], of: AssetId, indent: str, drawn: set[AssetId]
) -> Iterator[str]:
    steps = below.get(of, ())
    for at, step in enumerate(steps):
        is_last = at == len(steps) - 1
        again = step.relative.id in drawn and step.relative.id in below
        contains = "  (contained)" if step.relative.kind == "contains" else ""
        seen = "  (see above)" if again else ""
        branch = "└─ " if is_last else "├─ "
        yield f"{indent}{branch}{step.relative.id[:_SHORT]}  {_name(step)}{contains}{seen}"
        if not again:
            drawn.add(step.relative.id)
            yield from _draw_branch(
                below, step.relative.id, indent + ("   " if is_last else "│  "), drawn
            )


def write_mermaid(graph: LineageGraph, name: str) -> Iterator[str]:
    """Yield a Mermaid flowchart, from inputs to results; what is contained is dotted."""
    numbers = _number(graph)
    yield "graph LR"
    for asset_id, text in _names(graph, name).items():
        label = f"{_escape_mermaid(text)}<br/>{asset_id[:_SHORT]}"
        yield f'    n{numbers[asset_id]}["{label}"]'
    for source, target, kind in _edges(graph):
        arrow = "-.->" if kind == "contains" else "-->"
        yield f"    n{numbers[source]} {arrow} n{numbers[target]}"
    yield f"    style n{numbers[graph.root]} stroke-width:3px"


def write_dot(graph: LineageGraph, name: str) -> Iterator[str]:
    """Yield a Graphviz graph, from inputs to results; what is contained is dashed."""
    numbers = _number(graph)
    yield "digraph lineage {"
    yield "    rankdir=LR;"
    yield "    node [shape=box];"
    for asset_id, text in _names(graph, name).items():
        bold = ", style=bold" if asset_id == graph.root else ""
        label = f"{_escape_dot(text)}\\n{asset_id[:_SHORT]}"
        yield f'    n{numbers[asset_id]} [label="{label}"{bold}];'
    for source, target, kind in _edges(graph):
        dashed = " [style=dashed]" if kind == "contains" else ""
        yield f"    n{numbers[source]} -> n{numbers[target]}{dashed};"
    yield "}"


def _name(step: Relation) -> str:
    return clean(step.relative.row.name) if step.relative.row else _UNKNOWN


def _names(graph: LineageGraph, name: str) -> dict[AssetId, str]:
    names = {graph.root: clean(name)}
    for step in graph.steps:
        names.setdefault(step.relative.id, _name(step))
    return names


def _number(graph: LineageGraph) -> dict[AssetId, int]:
    return {asset_id: at for at, asset_id in enumerate(_names(graph, ""))}


def _edges(graph: LineageGraph) -> Iterator[tuple[AssetId, AssetId, str]]:
    yield from dict.fromkeys((*step.ends, step.relative.kind) for step in graph.steps)


def _escape_mermaid(text: str) -> str:
    """Return text that Mermaid shows as it is: entities begin with # there."""
    return "".join(
        char if char.isalnum() or char in " _-.:,/()" or not char.isascii() else f"#{ord(char)};"
        for char in text
    )


def _escape_dot(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
