"""Runs checks side by side, each with a deadline."""

from __future__ import annotations

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
    started = time.monotonic()
    runs = [_Run(check) for check in checks]
    return [found for run in runs for found in run.wait(started)]


class _Run:
    """A check in a thread of its own."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._found: list[Finding] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def wait(self, started: float) -> list[Finding]:
        """Return what it found until its deadline; it may be found late, and is not told then."""
        names, limit_s = self._check.names, self._check.limit_s
        self._thread.join(max(0.0, started + limit_s - time.monotonic()))
        found = list(self._found)
        if self._thread.is_alive():
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
