"""``lineage``: what an asset was made from, and what was made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coexplorer.cli.cells import can_say
from coexplorer.cli.format import plural
from coexplorer.cli.freshness import ensure_fresh, load_offline
from coexplorer.cli.narration import warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows
from coexplorer.cli.row_values import relative_values
from coexplorer.cli.schema import RELATIVE
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import asset_argument, find_targets, read_targets
from coexplorer.cli.values import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coexplorer.library import Library
    from coexplorer.library.lineage import LineageGraph, Relation

_PLAIN = str.maketrans("├─└│", "|-`|")
_PICTURED = 3
"""Steps of a tree or a picture, if nobody says how many."""


@click.command("lineage")
@asset_argument
@click.option("--depth", type=NUMBER, metavar="N", help="Follow N steps (1; 3 for a tree).")
@click.option("--tree", is_flag=True, help="Draw a tree.")
@click.option("--mermaid", is_flag=True, help="Write a Mermaid flowchart.")
@click.option("--dot", is_flag=True, help="Write a Graphviz graph.")
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(RELATIVE, columns=True)
@pass_invocation
def lineage_command(
    invocation: Invocation,
    *,
    asset: str,
    depth: int | None,
    tree: bool,
    mermaid: bool,
    dot: bool,
    offline: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """Show what an asset was made from, and what was made from it."""
    if asset == "-":
        raise click.UsageError("lineage takes one asset, not a list (-)")
    given = {"tree": tree, "mermaid": mermaid, "dot": dot}
    shapes = [name for name, is_given in given.items() if is_given]
    if len(shapes) > 1:
        raise click.UsageError(f"give only one of {' and '.join(f'--{each}' for each in shapes)}")
    shape = next(iter(shapes), None)
    rows_wanted = style is not Format.TABLE or bool(columns)
    if shape is not None and rows_wanted:
        raise click.UsageError(f"--{shape} has a format of its own; leave -o and --columns out")
    targets = read_targets((asset,), None)
    steps = depth or (_PICTURED if shape else 1)

    async def work(library: Library) -> tuple[LineageGraph, str]:
        if offline:
            await load_offline(library)
        else:
            await ensure_fresh(library)
        (asset_id,) = await find_targets(library, targets, guess=True, fresh=False)
        record = await library.assets.record(asset_id)
        graph = await library.assets.lineage_graph(asset_id, steps)
        return graph, "" if record is None else record.asset.name

    graph, name = invocation.run(work, offline=offline)
    if rows_wanted:
        rows = (relative_values(each.relative, each.of, each.depth) for each in graph.steps)
        print_rows(RELATIVE, rows, style, columns)
    else:
        for line in _describe(graph, name, shape or ("tree" if steps > 1 else "")):
            click.echo(line if can_say("├─└│") else line.translate(_PLAIN))
    if graph.is_cut:
        warn(f"only the nearest {plural(len(graph.steps), 'relation')} are shown")


def _describe(graph: LineageGraph, name: str, shape: str) -> Iterator[str]:
    from coexplorer.cli.graphs import draw_tree, write_dot, write_mermaid

    shapes = {"tree": draw_tree, "mermaid": write_mermaid, "dot": write_dot}
    if shape:
        yield from shapes[shape](graph, name)
        return
    print_line(f"{graph.root[:8]}  {name}")
    _print_steps("made from", graph.inputs())
    _print_steps("what was made from it", graph.results())


def _print_steps(title: str, steps: Sequence[Relation]) -> None:
    print_line(f"{title}:" if steps else f"{title}: unknown")
    for relative in (step.relative for step in steps):
        contains = "  (contained)" if relative.kind == "contains" else ""
        name = relative.row.name if relative.row else "(not known here)"
        print_line(f"  {relative.id[:8]}  {name}{contains}")
