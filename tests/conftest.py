"""Shared fixtures: every test runs away from the machine's own home and environment."""

import gc
import importlib.util
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_timeout
from hypothesis import HealthCheck, settings

from coexplorer.api import Client, Patience
from coexplorer.demo.server import DemoServer
from coexplorer.spelling import choose
from tests.support.lanes import mark, thin
from tests.support.measured import ENVIRONMENT, choose_measured, is_measured, unmeasured
from tests.support.patience import stretched
from tests.support.server import running_server

# Two cores and many workers: how long an example takes says nothing about the code.
settings.register_profile(
    "shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("shared-machine"), max_examples=25)
settings.load_profile("shared-machine")

# A shell without job control lets what it starts aside ignore Ctrl-C, and nohup lets it ignore a
# terminal that hangs up; children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


HAS_FUSE = importlib.util.find_spec("pyfuse3") is not None
if not HAS_FUSE and os.environ.get("CI") != "true":
    collect_ignore = ["fs"]


def pytest_report_header() -> list[str]:
    """Say what is not even looked at."""
    return [] if HAS_FUSE else ["pyfuse3 is not installed: the tests of the mount are left out"]


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test the markers that `make quick` goes by, and choose what is run and measured."""
    for item in items:
        mark(item)
    if needless := set(thin(items)):
        items[:] = [item for item in items if item not in needless]
        config.hook.pytest_deselected(items=list(needless))
    choose_measured(items)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: the modules, and ten thousand tests."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, measured by coverage or not."""
    if is_measured(item):
        return (yield)
    with unmeasured():
        return (yield)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every async test on both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the real home, configuration and tokens out of every test."""
    for name in list(os.environ):
        if name.startswith(("XDG_", "CODEOCEAN_", "COEXPLORER_", "CO_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")  # AWS itself is never asked
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "STATE", "CACHE", "DATA", "RUNTIME"):
        suffix = "DIR" if kind == "RUNTIME" else "HOME"
        monkeypatch.setenv(f"XDG_{kind}_{suffix}", str(home / kind.lower()))


@pytest.fixture(autouse=True)
def _no_profile() -> Iterator[None]:
    """Let no command of one test choose the profile that messages of another one name."""
    yield
    choose({})


PROGRAMS_MEASURED = ("tests/tui/terminal/", "tests/fs/")
"""Where programs that tests start are measured, too: what only a process of its own runs."""


@pytest.fixture(autouse=True)
def _unmeasured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For other tests, start programs without coverage: that takes as much CPU as their start."""
    node = request.node
    if not (is_measured(node) and node.nodeid.startswith(PROGRAMS_MEASURED)):
        monkeypatch.delenv(ENVIRONMENT, raising=False)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client repeat as often as ever, but wait less: a virtual clock tests how long."""
    hurried = Patience(first_wait_s=0.001, longest_wait_s=0.01)
    monkeypatch.setitem(Client.__init__.__kwdefaults__ or {}, "patience", hurried)


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool:
    """Give a test the longer the busier the machine is."""
    stretched_settings = settings._replace(timeout=stretched(settings.timeout))
    return bool(pytest_timeout.pytest_timeout_set_timer(item, stretched_settings))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail in CI what was skipped: a missing tool must not pass for a green run."""
    report = yield
    return _forbid_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Likewise for a module that skips itself."""
    report = yield
    return _forbid_skip(report)


def _forbid_skip(report: Report) -> Report:
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"nothing is skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    """A fresh embedded Code Ocean of today, with the assets of `few_assets`."""
    with running_server(tmp_path / "server", "current") as running:
        yield running


@pytest.fixture
def legacy_server(tmp_path: Path) -> Iterator[DemoServer]:
    """A fresh embedded Code Ocean of the v2.10 manual, with the assets of `few_assets`."""
    with running_server(tmp_path / "legacy-server", "legacy") as running:
        yield running
