"""``metadata``, and the options that set keys of the custom metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coexplorer.cli.completion import complete_metadata, complete_metadata_keys
from coexplorer.cli.narration import note
from coexplorer.cli.output import Format, format_options, print_rows, print_table
from coexplorer.cli.row_values import metadata_field_values
from coexplorer.cli.schema import METADATA_FIELD
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import TEXT
from coexplorer.errors import Refused
from coexplorer.metadata.rules import describe_field

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.metadata.schema import MetadataSchema

Command = TypeVar("Command", bound=Callable[..., Any])


def meta_option(command: Command) -> Command:
    """Add ``--meta`` to a command, which gets ``meta``: see `read_meta`."""
    return click.option(
        "--meta",
        multiple=True,
        type=TEXT,
        metavar="KEY=VALUE",
        shell_complete=complete_metadata,
        help="Set a key of the custom metadata; repeat it for more keys, or for several values.",
    )(command)


def unset_meta_option(command: Command) -> Command:
    """Add ``--unset-meta`` to a command, which gets ``unset_meta``."""
    return click.option(
        "--unset-meta",
        multiple=True,
        type=TEXT,
        metavar="KEY",
        shell_complete=complete_metadata_keys,
        help="Remove a key from the custom metadata.",
    )(command)


def read_meta(meta: Sequence[str], unset: Sequence[str] = ()) -> dict[str, tuple[str, ...] | None]:
    """Return what was typed for each key; None takes it away (pure).

    Raises:
        click.UsageError: An option has no key or no value, or a key is both set and taken away.
    """
    given: dict[str, tuple[str, ...] | None] = {}
    for text in meta:
        key, value = _split(text)
        given[key] = (*(given.get(key) or ()), value)
    for each in unset:
        key = each.strip()
        if given.get(key) is not None:
            raise click.UsageError(f"give either --meta or --unset-meta for {key!r}")
        given[key] = None
    return given


def _split(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if text.startswith('"') and '"=' in text[1:]:  # a key that holds an equals sign
        key, sign, value = text[1:].partition('"=')
    if not sign or not key.strip():
        raise click.UsageError(f"--meta: expected KEY=VALUE, not {text!r}")
    if not value.strip():
        raise click.UsageError(f"--meta: no value for {key!r}; edit --unset-meta takes a key away")
    return key.strip(), value


@click.command("metadata")
@click.argument("keys", metavar="[KEY]...", nargs=-1, shell_complete=complete_metadata_keys)
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(METADATA_FIELD, columns=True)
@pass_invocation
def metadata_command(
    invocation: Invocation,
    keys: tuple[str, ...],
    *,
    offline: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """List the keys that assets can have as custom metadata, and what each takes.

    Each deployment has its own keys, defined by its administrators. Set them with edit --meta, in
    the text of edit, in the app, or in an asset's metadata.toml in a mount.
    """

    async def work(library: Library) -> MetadataSchema:
        if offline:
            return await library.assets.metadata_schema()
        return await library.platform.metadata_schema(required=True)

    schema = invocation.run(work, offline=offline)
    if not schema.known:
        raise Refused(
            "the deployment's schema of custom metadata is not known",
            hint="this platform may have none (it came with 3.9); keys are edited as text then",
        )
    chosen = [schema.require(key) for key in keys] or schema.fields
    if style is not Format.TABLE or columns:
        print_rows(METADATA_FIELD, map(metadata_field_values, chosen), style, columns)
        return
    rows = [
        (each.name, describe_field(each), each.category, "required" if each.required else "")
        for each in chosen
    ]
    head = (Column("KEY", keeps=True), Column("TAKES", flexible=True), Column("CATEGORY"))
    print_table([*head, Column("", spare=1)], rows)
    if not rows:
        note("no keys")
