"""``retry`` and ``discard``: what waits is sent again, or given up."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.carry_out import count_outcomes, follow, run_batch, settle_soon
from coexplorer.cli.completion import complete_changes, complete_entries
from coexplorer.cli.exits import leave
from coexplorer.cli.format import plural
from coexplorer.cli.log import tell_ended, tell_stopped
from coexplorer.cli.narration import confirm, report_error, warn
from coexplorer.cli.outcomes import DONE, finish, tell_left_alone
from coexplorer.cli.output import Format, format_options, print_line, print_rows
from coexplorer.cli.row_values import outcome_values
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.values import NUMBER
from coexplorer.errors import CoexplorerError, Refused

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.entries import Batch, Entry
    from coexplorer.library.results import BatchProgress, BatchReport, EditResult

_OPEN = ("planned", "intended", "unsent", "stopped", "unknown", "conflict")
"""States of what a change has not done yet."""

_MANY = 20
"""More assets of one change are not sent again before their number was told."""

_NAMED = 20
"""So many entries are named by their numbers in one line."""
_COUNTED = 5
"""More changes than that are summed up at the end, too: nobody counts their lines."""


@click.command("retry")
@click.argument(
    "entries", metavar="[ENTRY]...", type=NUMBER, nargs=-1, shell_complete=complete_entries
)
@click.option(
    "--batch",
    type=NUMBER,
    metavar="CHANGE",
    shell_complete=complete_changes,
    help="Finish an interrupted change.",
)
@click.option("--refused", is_flag=True, help="Also send what was refused.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before many are sent.")
@format_options(OUTCOME)
@pass_invocation
def retry_command(
    invocation: Invocation,
    entries: tuple[int, ...],
    *,
    batch: int | None,
    refused: bool,
    yes: bool,
    style: Format,
) -> None:
    """Send changes that could not be sent: all that are waiting, or ENTRY of the log.

    What was refused, what you stopped, and every delete is sent only when you name it. If you name
    nothing, you are asked before more than 20 assets of one change are sent. Entries that you name,
    and --batch, are sent without a question, however many assets that is: they finish what you
    agreed to when you made the change. Having nothing to send is not a failure. Fields that a later
    change sets, too, are left to that change.
    """
    if batch is not None:
        if entries:
            raise click.UsageError("give entries or --batch, not both")
        if not is_open(invocation.run(lambda library: library.log.batch(batch)), refused=refused):
            _tell_none(f"nothing of change {batch} waits to be sent", style)
            return
        start = partial(_resume, batch, refused=refused)
        report = run_batch(
            invocation,
            lambda library, stop: follow(library, "going on", start, stop),
            style,
            resumed=batch,
        )
        finish(report.news, style, is_retry=True)
        return

    shown: frozenset[int] | None = None
    if not entries and not yes:
        shown = _find_shown(invocation, refused=refused)
        if shown is None:
            warn("nothing was sent")
            leave(exits.REFUSED)

    def choose(kept: Sequence[Entry]) -> list[int]:
        chosen = [each for each in kept if _is_asked(each, refused=refused)]
        if shown is not None and (newer := [each for each in chosen if each.id not in shown]):
            warn(f"{plural(len(newer), 'change')} kept since you were asked: left as they are")
            chosen = [each for each in chosen if each.id in shown]
        deletes = [each.id for each in chosen if each.action == "delete"]
        if deletes:
            numbers = " ".join(str(number) for number in deletes[:_NAMED])
            more = " …" if len(deletes) > _NAMED else ""
            warn(f"not deleted unless you name them: coexplorer retry {numbers}{more}")
        return [each.id for each in chosen if each.action != "delete"]

    _each(invocation, entries, choose, _Retry(style, named=bool(entries)))


async def _resume(
    batch: int, library: Library, progress: Callable[[BatchProgress], None], *, refused: bool
) -> BatchReport:
    return await library.changes.resume(batch, progress=progress, refused=refused)


def _tell_none(line: str, style: Format) -> None:
    """Say that nothing was done: to programs with no rows."""
    if style is Format.TABLE:
        print_line(line)
    else:
        print_rows(OUTCOME, (), style)
        warn(line)


def _is_asked(entry: Entry, *, refused: bool = False) -> bool:
    """Tell whether an entry is sent though nobody named it (pure)."""
    return not entry.is_named_only or (refused and entry.state == "refused")


def _find_shown(invocation: Invocation, *, refused: bool) -> frozenset[int] | None:
    """Say which changes of many assets wait, as they were cut off, and ask before they are sent.

    Returns:
        The entries that the answer is about, deletes included, which are named; None: it was no.

    Raises:
        NobodyToAskError: There is no terminal to ask on; nothing is sent.
    """

    async def count(library: Library) -> tuple[dict[str, int], frozenset[int]]:
        kept = await library.log.kept()
        asked = [each for each in kept if _is_asked(each, refused=refused)]
        sent = Counter(each.batch_id for each in asked if each.action != "delete")
        many_of = {
            f"change {number} ({(await library.log.batch(number)).title})": many
            for number, many in sent.items()
            if many > _MANY
        }
        return many_of, frozenset(each.id for each in asked)

    waiting, shown = invocation.run(count, offline=True)
    for what, many in waiting.items():
        warn(f"{many:,} assets of {what} wait to be sent")
    agreed = not waiting or confirm(f"Send all {sum(waiting.values()):,}?")
    return shown if agreed else None


def is_open(batch: Batch, *, refused: bool) -> bool:
    """Tell whether something of a change is left to do.

    Raises:
        Refused: Only what was refused is, and that was not asked for.
    """
    if any(batch.counts.get(state) for state in (*_OPEN, *(["refused"] if refused else []))):
        return True
    if not batch.counts.get("refused"):
        return False
    if batch.title.startswith("create "):
        raise Refused(
            f"nothing of change {batch.id} waits to be sent: its asset was not made",
            hint=f"create it again; coexplorer log {batch.id} shows why it was not",
        )
    raise Refused(
        f"nothing of change {batch.id} waits to be sent; a part of it was refused",
        hint=f"coexplorer log {batch.id} shows why;"
        f" coexplorer retry --batch {batch.id} --refused sends it again",
    )


@click.command("discard")
@click.argument(
    "entries", metavar="ENTRY...", type=NUMBER, nargs=-1, shell_complete=complete_entries
)
@click.option(
    "--all", "everything", is_flag=True, help="Everything that is waiting or was refused."
)
@click.option("--refused", is_flag=True, help="Everything that was refused.")
@pass_invocation
def discard_command(
    invocation: Invocation, entries: tuple[int, ...], *, everything: bool, refused: bool
) -> None:
    """Give up changes that could not be sent. The log keeps their text.

    If a reply was lost, the platform is asked first: what did arrive is not given up (exit 7),
    but you can undo it; if nobody can tell, it is kept.
    """
    if [bool(entries), everything, refused].count(True) != 1:
        raise click.UsageError("give entries of the log, or --all, or --refused")

    def choose(kept: Sequence[Entry]) -> list[int]:
        return [each.id for each in kept if everything or each.state == "refused"]

    _each(invocation, entries, choose, _Discard())


class _Discard:
    """Gives up one entry after another."""

    def tell_nothing(self, line: str) -> None:
        """Say that there was nothing to do."""
        print_line(line)

    async def do(self, library: Library, entry_id: int) -> int:
        """Do it to one entry, say what it did, and return its exit code."""
        entry = await library.changes.discard(entry_id)
        if entry.state != "discarded":
            way_back = _tell_way_back(entry)
            print_line(f"entry {entry.id} had arrived, so it was not given up: {way_back}")
            return exits.PARTLY
        print_line(f"gave up entry {entry.id}: {entry.action} {entry.asset_name}")
        return exits.OK

    async def do_together(self, library: Library, entries: Sequence[Entry]) -> set[int] | None:
        """Do it to all that attach or detach; None: each is done by itself."""
        del library, entries
        return None

    async def look(
        self, library: Library, entries: Sequence[int], *, cut_off: bool = False
    ) -> None:
        """See what became of all of them, as it ends or is cut off."""

    def tell_rows(self) -> None:
        """Print what became of each, where rows are asked for."""

    def tell_stopped(self) -> None:
        """Say how far it got when a signal ended it."""


class _Retry(_Discard):
    """Sends one entry after another.

    Args:
        style: How rows of them are printed.
        named: Whether they were named by their numbers.
    """

    def __init__(self, style: Format, *, named: bool) -> None:
        self._style = style
        self._named = named
        self._known: dict[int, EditResult] = {}
        self._results: list[EditResult] = []
        self._sum = ""

    def tell_nothing(self, line: str) -> None:
        _tell_none(line, self._style)

    async def do(self, library: Library, entry_id: int) -> int:
        return self._tell(await library.changes.retry(entry_id))

    async def do_together(self, library: Library, entries: Sequence[Entry]) -> set[int]:
        codes: set[int] = set()
        failed: dict[str, tuple[CoexplorerError, list[str]]] = {}
        try:
            results = await library.changes.retry_attaching(entries)
        except CoexplorerError as error:
            report_error(error, about=plural(len(entries), "asset"))
            return {exits.code_of(error)}
        for result in results:
            try:
                codes.add(self._tell(result))
            except CoexplorerError as error:
                name = f"{result.asset_name} ({result.asset_id[:8]})"
                failed.setdefault(error.message, (error, []))[1].append(name)
        for why, names in failed.values():  # one answer may be for a hundred of them
            report_error(why, about=names[0] if len(names) == 1 else plural(len(names), "asset"))
            codes.add(exits.code_of(why))
        if len(results) < len(entries):
            told = {result.entry_id for result in results}
            _tell_untried([each.asset_name for each in entries if each.id not in told])
        return codes

    def _tell(self, result: EditResult) -> int:
        """Say what became of an entry that was sent again, and return its exit code.

        Raises:
            CoexplorerError: Why it failed.
        """
        self._known[result.entry_id] = result
        if result.state != "discarded" and result.error is not None and result.state != "applied":
            raise result.error
        if self._style is Format.TABLE:
            print_line(_describe_sent(result))
        if result.state == "discarded":
            return exits.OK
        return exits.PARTLY if tell_left_alone(result) else exits.OK

    async def look(
        self, library: Library, entries: Sequence[int], *, cut_off: bool = False
    ) -> None:
        from coexplorer.library.results import read_result

        is_table = self._style is Format.TABLE
        if not cut_off and is_table and len(entries) <= _COUNTED:
            return  # each was told when it was sent
        noted = await _read_entries(library, entries)
        if cut_off and (batches := {each.batch_id for each in noted if each.state == "unknown"}):
            # What was on its way may have arrived: whoever stops it wants to know how far it got.
            for batch in batches:
                await settle_soon(library, batch)
            noted = await _read_entries(library, entries)
        self._results = [self._known.get(entry.id) or read_result(entry) for entry in noted]
        self._sum = count_outcomes(self._results) if is_table and not cut_off else ""

    def tell_rows(self) -> None:
        if self._sum:
            print_line(self._sum)
        elif self._style is not Format.TABLE and self._results:
            print_rows(OUTCOME, map(outcome_values, self._results), self._style)

    def tell_stopped(self) -> None:
        if not self._results:
            return  # it was not even known what to send
        numbers = [str(result.entry_id) for result in self._results if result.state in _OPEN]
        again = " ".join(["retry", *(numbers if self._named else [])])
        how = f"; go on with: coexplorer {again}" if numbers else ""
        warn(f"stopped: {count_outcomes(self._results)}{how}")
        self.tell_rows()


async def _read_entries(library: Library, numbers: Sequence[int]) -> list[Entry]:
    found = [await library.log.entry(number) for number in numbers]
    return [entry for entry in found if entry is not None]


def _describe_sent(result: EditResult) -> str:
    """Say in a line what became of an entry that was sent again (pure)."""
    if result.state == "discarded":
        return f"{result.asset_name}: a later change replaced it; nothing was sent"
    if result.state == "unchanged":
        return f"{result.asset_name} already has it; nothing was sent"
    return f"{DONE[result.action]} {result.asset_name}"


def _tell_way_back(entry: Entry) -> str:
    """Say what takes back what had arrived (pure)."""
    what = f"{entry.action} {entry.asset_name}"
    if entry.action in ("delete", "create"):
        return what
    return f"{what} (take it back: coexplorer undo {entry.batch_id})"


def _tell_nothing(kept: Sequence[Entry]) -> str:
    """Say that nothing was done, and what is kept anyway (pure)."""
    waiting = any(_is_asked(entry) or entry.action == "delete" for entry in kept)
    line = "nothing was done" if waiting else "nothing is waiting to be sent"
    if deletes := sum(entry.action == "delete" and _is_asked(entry) for entry in kept):
        until = "waits until you name it" if deletes == 1 else "wait until you name them"
        line += f"; {plural(deletes, 'delete')} {until}"
    for batch_id, stopped in tell_stopped(kept).items():
        line += f"; change {batch_id} {stopped}: coexplorer retry --batch {batch_id}"
    if told := tell_ended(kept):
        line += f"; {told}: coexplorer log --refused"
    return line


def _tell_untried(names: Sequence[str]) -> None:
    """Name what was not tried, as what happened to one would happen to all."""
    for name in names[:_NAMED]:
        warn(f"{name}: not tried; it is kept as it was")
    if len(names) > _NAMED:
        warn(f"{len(names) - _NAMED:,} more not tried; they are kept as they were")


def _each(
    invocation: Invocation,
    entries: tuple[int, ...],
    choose: Callable[[Sequence[Entry]], list[int]],
    doing: _Discard,
) -> None:
    """Do something with each entry, and tell each outcome.

    Args:
        invocation: This run.
        entries: Their numbers.
        choose: Which of those that are kept, where no number was given.
        doing: What to do.
    """
    import anyio

    from coexplorer.library.entries import ATTACHING
    from coexplorer.library.refusals import concerns_all

    async def work(library: Library) -> set[int]:
        kept = await library.log.kept()
        chosen = tuple(dict.fromkeys(entries)) or tuple(choose(kept))
        if not chosen:
            await library.log.ensure_journal()
            doing.tell_nothing(_tell_nothing(kept))
        try:
            codes = await do_all(library, kept, chosen)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), contextlib.suppress(CoexplorerError):
                await doing.look(library, chosen, cut_off=True)
            raise
        await doing.look(library, chosen)
        return codes

    async def do_all(library: Library, kept: Sequence[Entry], chosen: tuple[int, ...]) -> set[int]:
        names = {
            each.id: f"{each.asset_name} ({each.asset_id[:8]})"
            if each.asset_id
            else each.asset_name
            for each in kept
        }
        codes: set[int] = set()
        attaching = [each for each in kept if each.id in chosen and each.action in ATTACHING]
        together = await doing.do_together(library, attaching) if attaching else None
        if together is not None:
            codes |= together
            chosen = tuple(each for each in chosen if each not in {one.id for one in attaching})
        todo = iter(chosen)
        for entry_id in todo:
            try:
                codes.add(await doing.do(library, entry_id))
            except CoexplorerError as error:
                report_error(error, about=names.get(entry_id, ""))
                codes.add(exits.code_of(error))
                if concerns_all(error):
                    # Each of the others would wait as long, and in vain.
                    _tell_untried([names.get(each, str(each)) for each in todo])
                    break
        return codes

    try:
        codes = invocation.run(work)
    except KeyboardInterrupt:
        doing.tell_stopped()
        raise
    doing.tell_rows()
    failures = codes - {exits.OK}
    leave(exits.of_outcomes(failures, any_done=len(failures) < len(codes)))
