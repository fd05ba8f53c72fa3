"""The mount's pure modules: numbers, texts, what was shown, scratch files, saves."""

from __future__ import annotations

import errno
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.errors import (
    ApiError,
    BadReply,
    CatalogError,
    CoexplorerError,
    Conflict,
    Forbidden,
    InvalidField,
    JournalError,
    NotFound,
    NotSignedIn,
    PlatformFault,
    QueryError,
    RateLimited,
    Refused,
    Rejected,
    Unreachable,
)
from coexplorer.fields import Fields
from coexplorer.fs.core.buffers import (
    Buffer,
    SaveFailure,
    Verdict,
    decide_flush,
    decide_release,
)
from coexplorer.fs.core.content_cache import ContentCache
from coexplorer.fs.core.file_format import (
    EDITABLE_PARTS,
    MAX_FILE_BYTES,
    build_text,
    check_written,
    parse_text,
)
from coexplorer.fs.core.merge_bases import MergeBases
from coexplorer.fs.core.scratch import MAX_SCRATCH_BYTES, SCRATCH_LIFE_S, Scratch, ScratchStore
from coexplorer.fs.core.sizes import Sizes
from coexplorer.fs.kernel.errnos import errno_in_rename, errno_of
from coexplorer.fs.kernel.inodes import (
    FIELD_PARTS,
    LIVES,
    PARTS,
    Inode,
    LookupCounts,
    Part,
    Place,
    asset_inode,
    link_inode,
    number_of,
    owner_of,
    split_asset,
    split_link,
    split_view,
    view_inode,
)
from coexplorer.models import AssetId, Excerpt

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


# --- Inode numbers


@given(
    number=st.integers(0, 2**40 - 1),
    part=st.sampled_from(PARTS),
    life=st.integers(0, LIVES - 1),
)
def test_asset_inodes_come_apart_again(number: int, part: Part, life: int) -> None:
    inode = asset_inode(number, part, life)

    assert split_asset(inode) == (number, part)
    assert split_link(inode) is None
    assert split_view(inode) is None
    assert max(Place) < inode < 2**53
    assert owner_of(inode) == asset_inode(number, Part.DIRECTORY)


@given(view=st.integers(1, 2**20), slot=st.integers(0, 2**27 - 1))
def test_link_inodes_come_apart_again(view: int, slot: int) -> None:
    inode = link_inode(view, slot)

    assert split_link(inode) == (view, slot)
    assert split_asset(inode) is None
    assert split_view(inode) is None
    assert split_view(view_inode(view)) == view
    assert owner_of(inode) == view_inode(view)
    assert inode < 2**53


def test_an_assets_number_depends_on_nothing_but_its_id() -> None:
    assert number_of(AssetId("a")) == number_of(AssetId("a")) != number_of(AssetId("b"))


@given(
    st.lists(st.tuples(st.sampled_from([64, 99, 2**51, 2**51 + 3, 2**52 + 5]), st.integers(1, 4)))
)
def test_lookup_counts_return_to_zero(held: list[tuple[int, int]]) -> None:
    counts = LookupCounts()
    for inode, times in held:
        for _ in range(times):
            counts.add(inode)
    assert counts.total == sum(times for _, times in held)

    for inode, times in held:
        assert counts.holds(inode)
        counts.forget(inode, times)

    assert counts.total == 0
    with pytest.raises(ValueError, match="too often"):
        counts.forget(64, 1)


@given(
    given_out=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(PARTS))),
    links=st.integers(0, 3),
)
def test_forgetting_many_at_once_is_forgetting_each(
    given_out: list[tuple[int, Part]], links: int
) -> None:
    counts = LookupCounts()
    inodes = [asset_inode(number, part) for number, part in given_out]
    inodes.extend(link_inode(20, slot) for slot in range(links))
    for inode in inodes:
        counts.add(inode)
    counts.add_directories([asset_inode(9, Part.DIRECTORY)] * 2)

    others = counts.forget_directories([(inode, 1) for inode in inodes])

    assert [inode for inode, _ in others] == inodes[len(given_out) :]
    for link, count in others:
        counts.forget(link, count)
    assert counts.total == 2
    assert counts.holds(asset_inode(9, FIELD_PARTS["tags"]))
    too_many = [(asset_inode(9, Part.DIRECTORY), 3)]
    assert counts.forget_directories(too_many) == too_many  # for `forget` to complain of


# --- Texts


FIELDS = st.builds(
    Fields,
    name=TEXTS,
    description=TEXTS,
    tags=st.lists(TEXTS.filter(bool), unique=True).map(tuple),
    mount=st.none() | TEXTS,
)


@given(fields=FIELDS, part=st.sampled_from(EDITABLE_PARTS))
def test_any_value_survives_the_round_trip(fields: Fields, part: Part) -> None:
    assert parse_text(build_text(fields, part), part, fields).same_as(fields)


@pytest.mark.parametrize(
    ("content", "part", "field", "value"),
    [
        (b"new\n", FIELD_PARTS["name"], "name", "new"),
        (b"new", FIELD_PARTS["name"], "name", "new"),
        (b"two\n\n", FIELD_PARTS["description"], "description", "two\n"),
        (b"", FIELD_PARTS["description"], "description", ""),
        (b" b \n\na\nb\n", FIELD_PARTS["tags"], "tags", ("b", "a")),
        (b"50%25 sure\n", FIELD_PARTS["tags"], "tags", ("50% sure",)),
        (b"", FIELD_PARTS["tags"], "tags", ()),
        (b"", FIELD_PARTS["mount"], "mount", None),
        (b"x\n", FIELD_PARTS["mount"], "mount", "x"),
        (b"x\r\n", FIELD_PARTS["mount"], "mount", "x"),
        (b"new\r\n", FIELD_PARTS["name"], "name", "new"),
        (b"a\r\nb c\r\n", FIELD_PARTS["tags"], "tags", ("a", "b c")),
        (b"\xef\xbb\xbfa\n\xe2\x80\x8bb\n", FIELD_PARTS["tags"], "tags", ("a", "b")),
        (b"\xef\xbb\xbftwo\r\nlines\r\n", FIELD_PARTS["description"], "description", "two\nlines"),
    ],
)
def test_texts_mean_values(content: bytes, part: Part, field: str, value: object) -> None:
    assert getattr(parse_text(content, part, Fields("old", "old")), field) == value


def test_invalid_utf8_names_the_field_and_the_place() -> None:
    with pytest.raises(InvalidField, match="description: not valid UTF-8 at byte 2"):
        parse_text(b"a\xff", FIELD_PARTS["description"], Fields("x"))


@given(text=TEXTS.filter(lambda text: "\0" not in text), cuts=st.lists(st.integers(0, 60)))
def test_valid_text_is_taken_in_pieces_of_any_size(text: str, cuts: list[int]) -> None:
    content = text.encode()
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    buffer = Buffer.of(b"")
    for start, end in pairwise(places):
        buffer.write(start, content[start:end], FIELD_PARTS["description"])
    assert bytes(buffer.content) == content


def test_a_write_is_judged_without_what_lies_behind_it() -> None:
    buffer = Buffer.of(b"a long name\n")
    buffer.write(0, b"new\n", FIELD_PARTS["name"])  # `rsync --inplace` cuts the rest off later
    buffer.resize(4)
    assert bytes(buffer.content) == b"new\n"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"a\nb", FIELD_PARTS["name"]),
        (b"a\xffb", FIELD_PARTS["description"]),
        (b"a\0", FIELD_PARTS["tags"]),
        (b"a\n\n", FIELD_PARTS["mount"]),
    ],
)
def test_what_can_never_be_right_is_refused(content: bytes, part: Part) -> None:
    with pytest.raises(InvalidField):
        check_written(content, 0, len(content), part)


# --- The rule of a save


def dirty(content: bytes = b"x", **changes: object) -> Buffer:
    buffer = Buffer.of(b"old")
    buffer.resize(0)
    if content:
        buffer.write(0, content, FIELD_PARTS["description"])
    for name, value in changes.items():
        setattr(buffer, name, value)
    return buffer


FAILURE = SaveFailure(errno.EIO, "it failed")


@pytest.mark.parametrize(
    ("buffer", "touched", "other_writer", "wants_sync", "verdict"),
    [
        (Buffer.of(b"old"), True, False, False, Verdict.NOTHING),
        (dirty(), True, False, False, Verdict.SEND),
        (dirty(), False, False, False, Verdict.NOTHING),
        (dirty(), True, True, False, Verdict.NOTHING),
        (dirty(), True, True, True, Verdict.SEND),
        (dirty(b""), True, False, False, Verdict.NOTHING),
        (dirty(b""), True, False, True, Verdict.NOTHING),
        (dirty(failure=FAILURE), True, False, False, Verdict.FAIL),
        (dirty(failure=FAILURE), True, False, True, Verdict.FAIL),
        (dirty(refusal=FAILURE), True, False, False, Verdict.FAIL),
    ],
)
def test_a_flush_decides(
    buffer: Buffer, *, touched: bool, other_writer: bool, wants_sync: bool, verdict: Verdict
) -> None:
    decided = decide_flush(
        buffer, touched=touched, other_writer=other_writer, wants_sync=wants_sync
    )
    assert decided is verdict


@pytest.mark.parametrize(
    ("buffer", "others", "verdict"),
    [
        (Buffer.of(b"old"), False, Verdict.NOTHING),
        (dirty(), False, Verdict.SEND),
        (dirty(), True, Verdict.NOTHING),
        (dirty(b""), False, Verdict.WAIT),
        (dirty(failure=FAILURE), False, Verdict.NOTHING),
        (dirty(refusal=FAILURE), False, Verdict.NOTHING),
    ],
)
def test_a_release_decides(buffer: Buffer, *, others: bool, verdict: Verdict) -> None:
    assert decide_release(buffer, other_handle_writes=others) is verdict


def test_new_content_ends_a_failure_and_emptying_ends_a_refusal() -> None:
    buffer = dirty(failure=FAILURE, refusal=FAILURE)
    buffer.write(0, b"y", FIELD_PARTS["description"])
    assert buffer.failure is None
    assert buffer.refusal is FAILURE
    buffer.resize(0)
    assert buffer.refusal is None


def test_nothing_is_allocated_for_what_is_too_large() -> None:
    buffer = dirty()
    with pytest.raises(OSError, match="too large"):
        buffer.resize(MAX_FILE_BYTES + 1)
    with pytest.raises(OSError, match="too large"):
        buffer.write(1 << 62, b"x", FIELD_PARTS["description"])


def test_what_was_written_while_it_was_sent_stays_unsent() -> None:
    buffer = dirty(b"first")
    version = buffer.version
    buffer.write(5, b" second", FIELD_PARTS["description"])

    buffer.settle(b"first", version, b"first")

    assert buffer.dirty
    assert bytes(buffer.content) == b"first second"
    assert buffer.sent == b"first"


# --- What was shown


def test_the_base_is_what_the_process_was_shown_last() -> None:
    shown = MergeBases()
    shown.show(1, (0, 1), b"one")
    shown.show(2, (0, 1), b"two")
    shown.show(1, (0, 1), b"three")

    assert shown.find(1, (0, 1)) == b"three"
    assert shown.find(2, (0, 1)) == b"two"
    assert shown.find(3, (0, 1)) is None


def test_reading_for_a_backup_shows_nothing() -> None:
    shown = MergeBases()
    shown.show(1, (0, 1), b"mine began here")
    shown.show(1, (0, 1), b"theirs")
    shown.note_backup(1, (0, 1), b"theirs")
    assert shown.find(1, (0, 1)) == b"mine began here"


def test_a_backup_of_what_the_process_wrote_itself_changes_nothing() -> None:
    shown = MergeBases()
    shown.show(1, (0, 1), b"old")
    shown.note_saved(1, (0, 1), b"first save")
    shown.show(1, (0, 1), b"first save")
    shown.note_backup(1, (0, 1), b"first save")
    assert shown.find(1, (0, 1)) == b"first save"


def test_a_process_that_only_writes_starts_from_nothing() -> None:
    shown = MergeBases()
    shown.note_saved(1, (0, 1), b"written by a shell")
    assert shown.find(1, (0, 1)) is None


def test_a_process_that_reads_everything_pays_for_it_alone() -> None:
    shown = MergeBases(budget_bytes=10_000)
    shown.show(1, (0, 1), b"an editor's")
    for slot in range(100):
        shown.show(2, (slot, 1), b"x" * 200)

    assert shown.find(1, (0, 1)) == b"an editor's"
    assert shown.used_bytes <= 10_000
    shown.purge(lambda tgid: tgid == 2)
    assert shown.find(1, (0, 1)) is None
    shown.purge(lambda _: False)
    assert shown.used_bytes == 0


# --- Scratch files


def scratch(store: ScratchStore, number: int, name: bytes = b"x", used: float = 0.0) -> Scratch:
    made = Scratch(Inode(number), 0, name, mtime_ns=0, used=used)
    store.add(made)
    return made


def test_scratch_space_is_bounded_and_comes_back() -> None:
    store = ScratchStore(max_total_bytes=100)
    first, second = scratch(store, 64, b"a"), scratch(store, 65, b"b")
    store.write(first, 0, b"x" * 80)
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC):
        store.write(second, 0, b"x" * 21)
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC):
        store.resize(second, MAX_SCRATCH_BYTES + 1)

    store.unlink(0, b"a")

    assert store.used_bytes == 0
    store.write(second, 0, b"x" * 100)
    assert store.find(0, b"a") is None


def test_an_unlinked_scratch_file_lives_while_it_is_open() -> None:
    store = ScratchStore()
    made = scratch(store, 64)
    made.handles = 1
    store.write(made, 0, b"text")
    store.unlink(0, b"x")

    assert store.find_inode(64) is made
    assert bytes(made.content) == b"text"
    store.release(made, now=1.0)
    assert store.find_inode(64) is None
    assert store.used_bytes == 0


def test_scratch_files_go_after_ten_minutes_unopened() -> None:
    store = ScratchStore()
    old, fresh = scratch(store, 64, b"old"), scratch(store, 65, b"fresh", used=1.0)

    assert store.expire(SCRATCH_LIFE_S) == [old]
    assert list(store.iter_directory(0)) == [fresh]


def test_details_notice_changes_of_what_was_seen() -> None:
    details = Sizes()
    assert not details.has(5)
    assert details.note(5, {FIELD_PARTS["name"]: b"a", Part.JSON: b"{}"}) == []
    assert details.note(5, {FIELD_PARTS["name"]: b"b", Part.JSON: b"{}"}) == [FIELD_PARTS["name"]]
    assert details.size(5, FIELD_PARTS["name"]) == 1


# --- Errors


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (NotSignedIn("x"), errno.EACCES),
        (Forbidden("x"), errno.EACCES),
        (NotFound("x"), errno.ENOENT),
        (Rejected("x"), errno.EINVAL),
        (Conflict("x"), errno.EBUSY),
        (Unreachable("x"), errno.ENETDOWN),
        (Unreachable("x", outcome_unknown=True), errno.ETIMEDOUT),
        (PlatformFault("x"), errno.EIO),
        (PlatformFault("x", status=404), errno.EACCES),
        (RateLimited("x"), errno.EIO),
        (BadReply("x"), errno.EIO),
        (ApiError("x"), errno.EIO),
        (InvalidField("name", "x"), errno.EINVAL),
        (Refused("x"), errno.EPERM),
        (QueryError("x", start=0, end=1), errno.ENOENT),
        (CatalogError("x"), errno.EIO),
        (JournalError("x"), errno.EIO),
        (JournalError("x", disk_is_full=True), errno.ENOSPC),
    ],
)
def test_each_error_has_its_errno(error: CoexplorerError, number: int) -> None:
    assert errno_of(error) == number
    assert errno_in_rename(number) != errno.EINVAL
    assert number not in (errno.ESTALE, errno.EINTR)


def test_what_the_catalog_is_not_known_to_have_is_shown_all_the_same() -> None:
    class Catalog:
        def load(self, asset_id: AssetId) -> Excerpt | None:
            return {AssetId("a"): old}.get(asset_id)

    old, new = Excerpt(Fields("old"), b"{}"), Excerpt(Fields("new"), b"{}")
    excerpts = ContentCache(Catalog())
    assert excerpts.load(1, AssetId("a")) == old
    excerpts.end_lead(1, 5.0)
    assert not excerpts.is_outdated(1, 1.0), "nothing led"

    excerpts.lead(1, new)
    assert excerpts.is_outdated(1, 9.0)
    excerpts.end_lead(1, 10.0)
    excerpts.end_lead(1, 20.0)  # a later save that failed
    assert [excerpts.is_outdated(1, at) for at in (9.0, 10.0, 11.0)] == [True, True, False]
    assert excerpts.find(1) == new

    excerpts.unpin(1)
    assert excerpts.find(1) is None
    assert not excerpts.is_outdated(1, 9.0)
