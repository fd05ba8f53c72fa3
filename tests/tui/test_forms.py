from __future__ import annotations

import pytest
from textual.containers import VerticalScroll

from coexplorer.config import Settings
from coexplorer.demo.asset import Bucket
from coexplorer.demo.buckets import SAMPLE_PREFIX, SAMPLE_PUBLIC, ensure_sample_buckets
from coexplorer.demo.server import DemoServer
from coexplorer.models import AssetId
from coexplorer.tui.memory import Memory
from coexplorer.tui.widgets.field import Field
from coexplorer.tui.widgets.form import Toggle
from tests.support.server import DRAFT, OUTSIDE, RAW, THEIRS
from tests.support.tui import Running, running_app


async def fill(app: Running, **texts: str) -> None:
    """Put texts into the fields of the form that is open."""
    for name, text in texts.items():
        field = next(field for field in app.app.screen.query(Field) if field.field_name == name)
        app.app.screen.set_focus(field)
        await app.type(text)


async def send_without(app: Running) -> None:
    """Send the form without the metadata that is required: the second Ctrl-S does."""
    await app.press("ctrl+s")
    await app.until_shown("* required by your deployment")
    await app.until_shown("your deployment requires 'subject id', which you did not give; ctrl+s")
    assert not app.server.requests("POST", "*/data_assets")
    assert getattr(app.app.focused, "field_name", "") == "metadata.subject id"
    await app.type("7")
    await app.until_gone("is required by")  # it is given now
    await app.press("backspace", "ctrl+s")
    await app.until_shown("ctrl+s again sends it without")
    await app.press("ctrl+s")


@pytest.mark.parametrize("rows", [16, 36])
async def test_the_form_uses_the_height_there_is_and_shows_where_there_is_more(
    server: DemoServer, settings: Settings, rows: int
) -> None:
    async with running_app(server, settings) as app:
        await app.pilot.resize_terminal(80, 24)
        await app.press("N", "enter")
        await app.until_shown("* required by your deployment")
        await app.pilot.resize_terminal(80, rows)
        form = app.app.screen.query_one(VerticalScroll)
        last = list(app.app.screen.query(Field))[-1]
        await app.until(lambda: form.max_scroll_y == 0 or form.size.height >= rows - 6, "fitted")
        assert form.show_vertical_scrollbar == (form.max_scroll_y > 0) == (rows < 24)
        assert (last.region.bottom <= form.region.bottom) == (rows > 24)
        app.app.screen.set_focus(last)
        await app.until(lambda: last.region.bottom <= form.region.bottom, "in sight")


@pytest.mark.command("asset.create", "form.submit", "screen.close")
async def test_an_asset_is_made_from_a_bucket_and_watched_until_it_is_ready(
    server: DemoServer, settings: Settings
) -> None:
    ensure_sample_buckets(server.data)
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await app.until_shown("New asset", "S3 bucket", "[x] index the data")
        await fill(app, mount="/x", sharing="everyone")
        await app.press("ctrl+s")
        wrong = ("it can't be empty", "without a leading /: '/x'", "where are the files?")
        await app.until_shown(*wrong, "everyone")
        assert len([e for e in app.app.screen.query(".wrong") if e.display]) == len(wrong) + 1
        assert getattr(app.app.focused, "field_name", "") == "name"
        for name in ("mount", "sharing"):
            await fill(app, **{name: ""})
            await app.press("ctrl+u")
        await fill(app, name="new one", tags="keep, raw", bucket=SAMPLE_PUBLIC)
        await fill(app, prefix=SAMPLE_PREFIX)
        await app.press("tab", "tab", "tab", "space")
        await app.until_shown("[x] the bucket is public")
        assert app.text().count("▸ [") == 1
        assert "▸ [x] the bucket is public" in app.text()
        assert not [e for e in app.app.screen.query(".wrong") if e.display]
        await send_without(app)
        await app.until_shown("new one is ready")
        external = app.app.screen.query(Toggle).first().on
        await app.press("tab")
        await app.type("more")
        app.paste("text")
        await app.pilot.click(Toggle)
        await app.press("ctrl+s")
        await app.until(lambda: any("it was sent already" in t for _, t in app.app.notices), "said")
        form = app.app.screen
        assert form.focused is None
        assert {f.value for f in form.query(Field)} >= {"new one", "keep, raw", SAMPLE_PUBLIC}
        assert not [f for f in form.query(Field) if "more" in f.value or "text" in f.value]
        assert form.query(Toggle).first().on == external
        await app.press("escape")
        await app.until_shown("new one  ")
        made = next(asset for asset in server.store.assets() if asset.name == "new one")
        assert made.mount == "new one"
        assert set(made.tags) == {"keep", "raw"}


async def test_a_failed_creation_says_its_reason_and_secrets_stay_secret(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await app.until_shown("New asset")
        await fill(app, name="new one", bucket="no-such-bucket", key="AKIA0", secret="topsecret0")
        assert "topsecret0" not in app.text()
        assert "AKIA0" not in app.text()
        await send_without(app)
        await app.until_shown("failed: ")
        await app.until(lambda: any("new one is failed" in t for _, t in app.app.notices), "named")
        assert "topsecret0" not in settings.journal_path.read_bytes().decode("latin-1")
        assert all("topsecret0" not in text for _, text in app.app.notices)


async def test_an_expired_token_is_replaced_without_losing_what_was_typed(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        good = server.users[0].token
        server.faults.add("expire", renew=None)
        await app.press("r")
        await app.type("!")
        await app.press("enter")
        await app.until_shown("Sign in to 127.0.0.1", "What you were typing is kept")
        await app.type("cop_wrong")
        await app.press("enter")
        await app.until_shown("not signed in")
        server.faults.clear()
        app.paste("cop_other")  # in the place of the one that was refused, twice
        await app.press("enter")
        await app.until_shown("not signed in")
        app.paste(good)
        await app.press("ctrl+s")
        await app.until_shown("signed in", "1 unsent")
        assert any("1 unsent: L shows and sends" in text for _, text in app.app.notices)
        await app.press("L")
        await app.until_shown("+ open data!")
        await app.press("r")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "sent at last")


@pytest.mark.command("app.sign_in")
async def test_a_token_typed_in_vain_is_left_by_escape(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press(":")
        await app.type("sign in")
        await app.press("enter")
        await app.until_shown("Sign in to")
        await app.press("enter")
        await app.until_shown("put in the access token first")
        await app.press("escape")
        await app.until_shown("open data")


async def test_a_token_that_expires_while_something_is_typed_waits_for_its_end(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r")
        await app.type("!")
        server.faults.add("expire", renew=None)
        app.main.perform("sync.refresh")
        await app.until_shown("not signed in", "when you are done here")
        await app.type("?")
        await app.press("escape")
        await app.until_shown("leave without saving?")
        await app.press("n")
        await app.until(lambda: not app.main.prompt.asking, "the question gone")
        assert "open data!?" in app.text()
        await app.press("escape")
        await app.until_shown("leave without saving?")
        await app.press("y")
        await app.until_shown("Sign in to 127.0.0.1")
        server.faults.clear()
        await app.type(server.users[0].token)
        await app.press("enter")
        await app.until_shown("signed in")
        assert app.stored(OUTSIDE).name == "open data"


async def test_a_form_is_asked_about_before_what_was_typed_is_gone(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await app.until_shown("New asset", "open data", "ctrl+s send")
        await app.press("escape")
        await app.until_gone("New asset")
        await app.press("N", "enter")
        await fill(app, name="new one")
        await app.press("escape")
        await app.until_shown("leave without sending?")
        await app.press("n")
        await app.until_gone("leave without sending?")
        assert "new one" in app.text()
        await app.press("escape")
        await app.until_shown("leave without sending?")
        await app.press("y")
        await app.until_gone("New asset")


async def test_what_is_said_stands_above_an_open_question(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.app.say("first of all")
        await app.until_shown("first of all")
        await app.press("s")
        await app.until_shown("sort by")

        def stands_above() -> bool:
            lines = app.text().splitlines()
            said = next(n for n, line in enumerate(lines) if "first of all" in line)
            asked = next(n for n, line in enumerate(lines) if "by name, ignoring case" in line)
            return said < asked

        await app.until(stands_above, "above the question")
        await app.press("escape")
        await app.until_gone("sort by")


async def test_a_form_that_was_being_filled_in_is_offered_again_without_its_secrets(
    server: DemoServer, settings: Settings
) -> None:
    ensure_sample_buckets(server.data)
    forms = Memory(settings.journal_path).forms
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await fill(app, name="new one", bucket=SAMPLE_PUBLIC, prefix=SAMPLE_PREFIX)
        await app.press("tab", "tab", "tab", "space")
        await fill(app, secret="topsecret0")
        await app.until_shown("[x] the bucket is public")
    ((path, _),) = forms.take()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "topsecret0" not in path.read_text()
    async with running_app(server, settings) as app:
        await app.until_shown("you were making new one", "go on")
        await app.press("enter")
        await app.until_shown("New asset", SAMPLE_PREFIX, "[x] the bucket is public", "subject")
        await send_without(app)
        await app.until_shown("new one is ready")
        assert not forms.take()
        await app.press("escape")
        await app.until_shown("new one  ")
        assert sum(asset.name == "new one" for asset in server.store.assets()) == 1


async def test_a_form_whose_request_has_left_is_not_offered_again(
    server: DemoServer, settings: Settings
) -> None:
    ensure_sample_buckets(server.data)
    forms = Memory(settings.journal_path).forms
    gate = server.hooks.before("POST", "*/data_assets")
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await fill(app, name="on its way", bucket=SAMPLE_PUBLIC, prefix=SAMPLE_PREFIX)
        assert forms.file.exists()
        await send_without(app)
        await gate.arrived()
        await app.press("ctrl+q")
    assert not forms.file.exists()
    gate.release()


async def test_a_form_that_is_thrown_away_is_not_offered_again(
    server: DemoServer, settings: Settings
) -> None:
    forms = Memory(settings.journal_path).forms
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await fill(app, name="new one")
        assert forms.take()
        await app.press("escape")
        await app.until_shown("leave without sending?")
        await app.press("y")
        await app.until_gone("New asset")
        assert not forms.take()


async def test_a_tab_leaves_the_tags_unless_a_tag_goes_on_from_what_is_typed(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await app.until_shown("New asset")
        await fill(app, tags="keep, phys")  # ecephys holds it
        await app.until_shown("ecephys")
        await app.press("tab")
        await app.until(lambda: getattr(app.app.focused, "field_name", "") == "bucket", "left")
        await fill(app, tags=", ece")
        await app.until_shown("ecephys")
        await app.press("tab")
        await app.until_shown("keep, phys, ecephys")
        assert getattr(app.app.focused, "field_name", "") == "tags"


async def test_a_form_comes_back_in_the_field_it_was_in(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await fill(app, name="new one", prefix="a/")
        await app.settle()
    async with running_app(server, settings) as app:
        await app.until_shown("you were making new one")
        await app.press("enter")
        await app.until_shown("New asset")
        await app.type("b")
        await app.until_shown("a/b")


@pytest.mark.command("asset.create", "form.submit")
async def test_the_results_of_a_run_are_captured_and_shared(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("N")
        await app.until_shown("new asset from", "results of a run", "the marked assets")
        await app.press("r")
        await app.until_shown("results of which capsule or pipeline?", "Spike sorting")
        await app.type("spike")
        await app.press("enter")
        await app.until_shown("which run?", "Run 42", "succeeded")
        await app.type("42")
        await app.press("enter")
        await app.until_shown("New asset from run Run 42", "only this part", "share with")
        assert "S3 bucket" not in app.text()
        await fill(app, name="sorted", path="no/such")
        await send_without(app)
        await app.until_shown("there is no 'no/such'")
        assert server.requests("POST", "*/data_assets") == []
        field = next(each for each in app.app.screen.query(Field) if each.field_name == "path")
        app.app.screen.set_focus(field)
        await app.press("ctrl+u")
        await fill(app, sharing="everyone:viewer")
        await app.press("ctrl+s")
        await app.until_shown("sorted is ready")
    made = next(asset for asset in server.store.assets() if asset.name == "sorted")
    assert (made.type, made.everyone) == ("result", "viewer")


async def until_told(app: Running, text: str) -> None:
    """Wait for a notice, however its lines are broken."""
    notices = app.app.notices
    await app.until(lambda: any(text in told for _, told in notices), f"{text!r} told")


async def test_what_an_asset_can_not_be_made_from_says_why_and_the_question_stays(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("N")
        await app.until_shown(
            "new asset from", "this is no cloud workstation", "mark two or more first"
        )
        for key, told in (("w", "CO_COMPUTATION_ID is not set"), ("c", "combining takes two")):
            await app.press(key)
            await until_told(app, told)
            assert app.main.prompt.asking
        await app.press("down", "down", "enter")
        await app.settle()
        assert app.main.prompt.asking
        await app.press("r")
        await app.until_shown("results of which capsule or pipeline?", "Spike sorting")
        app.burst("Edited\r")
        await until_told(app, "has no runs yet")
        await app.until_shown("results of which capsule or pipeline?")
        app.burst("spike\r")
        await app.until_shown("which run?", "failed, no results", "1:17", "running, no results yet")
        lines = [line.split()[-1] for line in app.text().splitlines() if "Run 4" in line]
        assert len(lines) == 4
        assert app.text().index("Run 42") < app.text().index("Run 43")
        for number, told in (("43", "no results yet: it is running"), ("41", "nothing to capture")):
            app.burst(f"\x15{number}\r")
            await until_told(app, told)
            assert "which run?" in app.text()
        app.burst("\x1542\r")
        await app.until_shown("New asset from run Run 42")


async def mark(app: Running, *ids: str) -> None:
    """Mark assets."""
    app.main.state.marked.add(await app.library.assets.rows([AssetId(each) for each in ids]))
    app.main.show_marks()


@pytest.mark.parametrize(
    ("marked", "told"), [(DRAFT, "it is in state draft"), (RAW, "it is not external")]
)
async def test_what_cannot_be_combined_is_said_before_the_form_and_no_key_acts_on_the_list(
    server: DemoServer, settings: Settings, marked: str, told: str
) -> None:
    if marked == DRAFT:
        server.store.update(DRAFT, source=Bucket(bucket="open-data", external=True))
    async with running_app(server, settings) as app:
        await mark(app, OUTSIDE, marked)
        app.burst("Nccaptured by app\r")
        await until_told(app, f"can't be combined: {told}")
        app.burst("a")  # goes on without a pause
        await app.settle()
        assert app.app.screen is app.main
        assert not app.main.prompt.asking
    assert not server.requests("PATCH")
    assert not server.requests("POST", "*/data_assets")


async def test_the_form_names_what_it_combines(server: DemoServer, settings: Settings) -> None:
    server.store.update(THEIRS, source=Bucket(bucket="open-data", external=True))
    async with running_app(server, settings) as app:
        await mark(app, OUTSIDE, THEIRS)
        await app.press("N", "c")
        await app.until_shown("New asset from 2 assets", "combines", "open data", "atlas")
