"""Runs checks side by side, each with a deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from coexplorer.doctor.findings import CheckState, Finding, skip_check
from coexplorer.errors import CoexplorerError

Look = Callable[[], Iterator[Finding]]


class Check(msgspec.Struct, frozen=True):
    """Something to look at.

    Attributes:
        names: The checks that it answers; one that it says nothing of was not looked at.
        look: Looks. It may hang: it runs in a thread that is left alone then.
        limit_s: How long it may take.
    """

    names: tuple[str, ...]
    look: Look
    limit_s: float


def run_checks(checks: Sequence[Check]) -> list[Finding]:
    """Run all checks at once; whatever happens in one of them is a finding."""
    return [found for each in iter_checks(checks) for found in each]


def iter_checks(checks: Sequence[Check]) -> Iterator[list[Finding]]:
    """Run all checks at once, and yield what each found as soon as it has ended, or has to."""
    started = time.monotonic()
    ended = queue.SimpleQueue[_Run]()
    runs = [_Run(check, ended.put) for check in checks]
    runs.sort(key=lambda run: run.limit_s)
    while runs:
        left_s = max(0.0, started + runs[0].limit_s - time.monotonic())
        try:
            run = ended.get(timeout=left_s)
        except queue.Empty:
            run = runs[0]
        if run in runs:  # else it was given up before
            runs.remove(run)
            yield run.find()


class _Run:
    """A check in a thread of its own."""

    def __init__(self, check: Check, tell: Callable[[_Run], None]) -> None:
        self._check = check
        self._tell = tell
        self._found: list[Finding] = []
        self._is_done = False
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def limit_s(self) -> float:
        """How long it may take."""
        return self._check.limit_s

    def find(self) -> list[Finding]:
        """Return what it found until now; what it finds later is not told."""
        names, limit_s = self._check.names, self._check.limit_s
        is_done, found = self._is_done, list(self._found)
        if not is_done:
            missing = [name for name in names if name not in {each.check for each in found}]
            found += [
                Finding(
                    name,
                    CheckState.FAULT if at == 0 else CheckState.SKIPPED,
                    f"there was no answer within {limit_s:.0f} s",
                    "something hangs: a disk, a program or a network" if at == 0 else "",
                )
                for at, name in enumerate(missing)
            ]
        return found

    def _look(self) -> None:
        try:
            self._look_and_note()
        finally:
            self._is_done = True
            self._tell(self)

    def _look_and_note(self) -> None:
        try:
            self._found.extend(self._check.look())
        except CoexplorerError as error:
            self._add(Finding(self._check.names[0], CheckState.FAULT, error.message, error.hint))
        except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
            # The error's own text may hold anything, a password too.
            told = f"this could not be checked ({type(error).__name__})"
            self._add(Finding(self._check.names[0], CheckState.FAULT, told, "please report this"))
        said = {each.check for each in self._found}
        self._found += [
            skip_check(name, "not looked at") for name in self._check.names if name not in said
        ]

    def _add(self, finding: Finding) -> None:
        self._found.append(finding)
