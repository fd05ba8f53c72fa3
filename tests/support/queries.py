"""Made-up queries and records over few words, so that they often meet."""

from __future__ import annotations

from hypothesis import strategies as st

from coexplorer.query import (
    FLAGS,
    SORT_FIELDS,
    Ago,
    AllTags,
    Compare,
    Day,
    DayBefore,
    Flag,
    Has,
    Match,
    Never,
    Query,
    SortKey,
    Term,
    Word,
)
from coexplorer.query.fields import HAS_FIELDS
from coexplorer.query.possible import is_backward, is_below_all, turn
from coexplorer.query.tree import How

WORDS = (
    "a", "É", "ec", "Raw", "raw data", "ecephys", "655019", "Straße", "日本", "x:y", "-", "not:a",
    'q"uo', "all(b", "e\u0301c", "%", "_", "*", "a..b", ">5", "\\", "name:x", "I", "İ", "ﬁ",
    "000000", "0000000a-0000", "00000003-0000-4000-8000-000000000000", "^a", "=a", "glob(a", "[a]",
)  # fmt: skip
KEYS = ("subject id", "Age", "note", "size")
IDS = tuple(f"{number:08x}-0000-4000-8000-000000000000" for number in range(12))

_negated = st.sampled_from([False, False, False, True])
_odd_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
texts = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), _odd_text)
_days = st.one_of(
    st.builds(Day, st.integers(1969, 2027)),
    st.builds(Day, st.integers(1969, 2027), st.integers(1, 12)),
    st.builds(Day, st.integers(1969, 2027), st.integers(1, 12), st.integers(1, 28)),
)
_moments = st.one_of(
    _days,
    st.builds(Ago, st.integers(0, 999), st.sampled_from("hdwmy")),
    st.builds(DayBefore, st.integers(0, 1)),
)
_numbers = st.one_of(
    st.integers(-5, 5), st.floats(-5, 5, allow_nan=False).filter(lambda one: not one.is_integer())
)
_wholes = st.one_of(st.integers(0, 12), st.integers(0, 2**63 - 1))
_OPS = ("", "<", "<=", ">", ">=")
_DATES = ("2024-01-31", "2001-9", "2024", "yesterday", "-300d", "9000d", "3", "-2", "003", "1.5e9")
"""What is a date or a number, in custom metadata, as well as a text."""
_patterns = st.lists(
    st.one_of(st.sampled_from(["*", "*", "?", "a", "[", "]", "é"]), texts), min_size=1, max_size=4
).map("".join)
_hows: st.SearchStrategy[tuple[How, str]] = st.one_of(
    st.tuples(st.sampled_from(("whole", "starts")), texts),
    st.tuples(st.just("glob"), _patterns),
)


@st.composite
def _comparisons(draw: st.DrawFn) -> Compare:
    field, custom = draw(
        st.sampled_from([("size", False), ("files", False), ("created", False), ("used", False)])
        | st.tuples(st.sampled_from(KEYS), st.just(value=True))
    )
    values: st.SearchStrategy[int | float | Day | DayBefore | Ago]
    values = _moments if field in {"created", "used"} else _wholes
    if custom:
        values = st.one_of(_numbers, _days.filter(lambda day: day.month is not None))
    negated = draw(_negated)
    if field == "used" and draw(st.booleans()):
        return Compare(field, "", Never(), negated=negated)
    if draw(st.booleans()):
        found = Compare(field, "..", draw(values), draw(values), negated, custom)
        return turn(found) if is_backward(found) else found
    # A number after = is a text too, so it is read as one.
    op = draw(st.sampled_from(_OPS[1:] if custom else _OPS))
    found = Compare(field, op, draw(values), None, negated, custom)
    return Compare(field, "<=", 0, None, negated) if is_below_all(found) else found


@st.composite
def _exact_terms(draw: st.DrawFn) -> Match:
    custom = draw(st.booleans())
    field = draw(st.sampled_from(KEYS if custom else _TEXT_FIELDS))
    how, text = draw(_hows)
    if custom and how == "whole":
        text = draw(st.sampled_from([text, *_DATES]))
    return Match(field, text, draw(_negated), custom, how)


_TEXT_FIELDS = (
    "name", "description", "tag", "owner", "bucket", "prefix", "mount", "run_script", "commit_id",
    "capsule", "computation",
)  # fmt: skip
_terms: st.SearchStrategy[Term] = st.one_of(
    st.builds(Word, texts, _negated),
    st.builds(Word, texts, _negated),
    st.builds(Match, st.sampled_from(_TEXT_FIELDS), texts, _negated),
    st.builds(Match, st.just("tag"), st.sampled_from(WORDS), _negated),
    st.builds(Match, st.sampled_from(["type", "state"]), st.sampled_from(["draft"]), _negated),
    st.builds(
        Match,
        st.just("type"),
        st.sampled_from(["dataset", "result", "Notebook"]).map(str.lower),
        _negated,
    ),
    st.builds(Match, st.just("state"), st.sampled_from(["ready", "failed"]), _negated),
    st.builds(
        Match,
        st.sampled_from(["id", "contained_data_id"]),
        st.sampled_from([*IDS, "0", "00000001"]),
        _negated,
    ),
    st.builds(Match, st.sampled_from(KEYS), texts, _negated, st.just(value=True)),
    st.builds(Match, st.sampled_from(KEYS), st.sampled_from(_DATES), _negated, st.just(value=True)),
    _exact_terms(),
    _exact_terms(),
    st.builds(Has, st.sampled_from([name for name, _ in HAS_FIELDS]), _negated),
    st.builds(Has, st.sampled_from(KEYS), _negated, st.just(value=True)),
    st.builds(AllTags, st.lists(texts, min_size=1, max_size=3).map(tuple), _negated),
    st.builds(Flag, st.sampled_from([name for name, _ in FLAGS if name != "any"]), _negated),
    st.just(Flag("any")),
    _comparisons(),
)
_sorts = st.builds(SortKey, st.sampled_from([name for name, _ in SORT_FIELDS]), st.booleans())


def queries() -> st.SearchStrategy[Query]:
    """Make queries of every kind of term."""
    return st.builds(
        Query,
        st.lists(_terms, max_size=4).map(tuple),
        st.lists(_sorts, max_size=2).map(tuple),
    )
