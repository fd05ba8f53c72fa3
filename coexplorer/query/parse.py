"""Text → query tree. Reports every mistake at its place, and guesses nothing.

One reader has the whole grammar, a method for each part of it: apart, they would need each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from coexplorer.errors import QueryError
from coexplorer.query.compare import ANYTHING, OPERATORS
from coexplorer.query.fields import (
    FLAGS,
    QueryField,
    ValueKind,
    find_field,
    find_nearest,
)
from coexplorer.query.format import format_text
from coexplorer.query.ids import find_whole
from coexplorer.query.mistakes import (
    OF_WORKPLACES,
    backward,
    below_all,
    expected,
    hint_at_time,
    no_id,
    no_pattern,
    no_search,
    no_such,
    no_text,
    no_type,
    not_missing,
    stray_star,
    too_long,
    unknown_field,
)
from coexplorer.query.possible import can_be, is_backward, is_below_all
from coexplorer.query.scan import (
    FIELD_START,
    NEGATION,
    Piece,
    find_end,
    quote,
    read_quoted,
    skip_spaces,
)
from coexplorer.query.tree import (
    Ago,
    AllTags,
    Compare,
    Flag,
    Has,
    How,
    Match,
    Never,
    Op,
    Query,
    SortKey,
    Term,
    Value,
    Word,
)
from coexplorer.query.values import (
    parse_count,
    parse_custom,
    parse_date,
    parse_size,
)

_OPS: tuple[Op, ...] = ("<=", ">=", "<", ">")

MOST_TERMS = 300
"""Words, fields and listed tags of one query: a database refuses some thousand, at its own time."""

MOST_CHARACTERS = 20_000
"""A query is read again with every key that is typed into it."""


def parse_query(text: str) -> Query:
    """Return the query that `text` writes; an empty text asks for everything not archived.

    Raises:
        QueryError: The first mistake, with its place.
    """
    query, error = _parse(text, typing=False)
    if error is not None:
        raise error
    return query


def parse_value(name: str, text: str) -> Term | SortKey:
    """Return what ``NAME:TEXT`` writes, for a text that is given apart, as an option's value.

    It needs no quotes: all of it is the value.

    Raises:
        QueryError: As `parse_query` has it.
    """
    field = find_field(name)
    if field is None:
        raise unknown_field(name, 0, len(name))
    free = field.kind is ValueKind.TEXT and bool(text.strip())
    if free and ANYTHING in text:
        error = stray_star(field.name, Piece(text, 0, len(text)))
        error.text = text
        raise error
    query = f"{name}:{format_text(name, text) if free else text.strip()}"
    reader = _TermReader(query, 0, typing=False)
    try:
        term = reader.read()
        if reader.pos < len(query):
            raise expected(field, len(name) + 1, len(query))
    except QueryError as error:
        error.text = query
        raise
    return term


def parse_partial(text: str) -> tuple[Query, QueryError | None]:
    """Return what can be understood of a text that is still being typed, and the first mistake.

    A quote that is not closed yet counts as closed at the end; other mistakes are left out of the
    query. While there is a mistake, nothing may be done to *all* that the query finds.
    """
    return _parse(text, typing=True)


def iter_pieces(text: str) -> Iterator[tuple[int, int, Term | SortKey | None]]:
    """Yield the place of each part of a text that is still being typed, and what it was read as.

    None: it can't be read.
    """
    for start, end, term, _ in _iter_pieces(text, typing=True):
        yield start, end, term


def _parse(text: str, *, typing: bool) -> tuple[Query, QueryError | None]:
    terms: list[Term] = []
    sort: list[SortKey] = []
    first: QueryError | None = None
    room = MOST_TERMS
    if len(text) > MOST_CHARACTERS:
        first = too_long(f"{MOST_CHARACTERS:,} characters", MOST_CHARACTERS, len(text))
        first.text, text = text, text[:MOST_CHARACTERS]
    for start, end, term, error in _iter_pieces(text, typing=typing):
        first = first or error
        room -= len(term.tags) if isinstance(term, AllTags) else 0 if term is None else 1
        if room < 0:
            first = first or too_long(f"{MOST_TERMS} words and fields", start, end)
            break
        if isinstance(term, SortKey):
            sort.append(term)
        elif term is not None:
            terms.append(term)
        elif not typing:
            break
    if first is not None:
        first.text = first.text or text
    return Query(tuple(terms), tuple(sort)), first


def _iter_pieces(
    text: str, *, typing: bool
) -> Iterator[tuple[int, int, Term | SortKey | None, QueryError | None]]:
    pos = skip_spaces(text, 0)
    while pos < len(text):
        start, reader = pos, _TermReader(text, pos, typing=typing)
        try:
            term = reader.read()
        except QueryError as error:
            pos = max(find_end(text, pos), error.end)
            yield start, pos, None, error
        else:
            pos = reader.pos
            yield start, pos, term, reader.open_quote
        pos = skip_spaces(text, pos)


class _TermReader:
    """Reads one term at `pos` and leaves `pos` behind it."""

    def __init__(self, text: str, pos: int, *, typing: bool) -> None:
        self.text = text
        self.pos = pos
        self.typing = typing
        self.start = pos
        self.open_quote: QueryError | None = None

    def read(self) -> Term | SortKey:
        negated = self._read_negation()
        if self.text.startswith('"', self.pos):
            piece = self._read_quoted()
            if not self.text.startswith(":", self.pos):
                self._ensure_over()
                return Word(piece.text, negated)
            self.pos += 1
            return self._read_custom(piece.text, negated=negated)
        if (whole := find_whole(self.text, self.pos)) is not None:
            asset_id, self.pos = whole
            return Match("id", asset_id, negated)
        found = FIELD_START.match(self.text, self.pos)
        if found is None:
            piece = self._read_bare()
            if ANYTHING in piece.text:
                raise stray_star("", piece)
            return Word(piece.text, negated)
        field = find_field(found[1])
        if field is None:
            raise unknown_field(found[1], found.start(), found.end() - 1)
        self.pos = found.end()
        return self._read_field(field, negated=negated)

    def _read_negation(self) -> bool:
        found = NEGATION.match(self.text, self.pos)
        if found is None:
            return False
        self.pos = found.end()
        if self._at_end():
            raise QueryError(
                "expected a word or a field after the negation",
                start=self.start,
                end=self.pos,
                hint=f'to search for {found[0]} itself, put it in quotes: "{found[0]}"',
            )
        again = NEGATION.match(self.text, self.pos)
        if again is not None:
            raise QueryError(
                "this is negated twice",
                start=self.start,
                end=again.end(),
                hint="remove one negation, or put the text in quotes",
            )
        return True

    def _read_field(self, field: QueryField, *, negated: bool) -> Term | SortKey:  # noqa: PLR0911 - one for each kind
        match field.kind:
            case ValueKind.TEXT if field.name == "tag" and self.text.startswith("all(", self.pos):
                return AllTags(self._read_all(), negated)
            case ValueKind.TEXT:
                how = self._read_how(field.name)
                text = self._read_text(field, how, negated=negated)
                return Match(field.name, text, negated, how=how)
            case ValueKind.HAS:
                return self._read_has(field, negated=negated)
            case ValueKind.CHOICE:
                return Match(field.name, self._read_choice(field), negated)
            case ValueKind.FLAG:
                return self._read_flag(field, negated=negated)
            case ValueKind.SORT:
                return self._read_sort(field, negated=negated)
            case _:
                return self._read_compare(field, negated=negated)

    def _read_value(self, field: QueryField) -> Piece:
        if self._at_end():
            raise expected(field, self.start, self.pos)
        if self.text[self.pos] == '"':
            piece = self._read_quoted()
            self._ensure_over()
            return piece
        return self._read_bare()

    def _read_how(self, name: str) -> How:
        """Read the operator before a text, if there is one."""
        how: How = next(
            (how for how, op in OPERATORS.items() if self.text.startswith(op, self.pos)), ""
        )
        self.pos += len(OPERATORS[how]) if how else 0
        if how and how != "glob" and self._at_end():
            raise no_text(name, how, self.start, self.pos)
        return how

    def _read_text(self, field: QueryField, how: How, *, negated: bool) -> str:
        """Read the text behind a field and its operator; a ``*`` stands in quotes or patterns."""
        if how == "glob":
            piece = self._read_pattern(field.name)
        else:
            piece = self._read_value(field)
            if ANYTHING in piece.text and not piece.quoted:
                raise stray_star(field.name, piece, how, negated=negated)
        if not piece.quoted and not can_be(field.name, how, piece.text):
            raise no_id(field.name, how, piece, negated=negated)
        return piece.text

    def _read_pattern(self, name: str, *, custom: bool = False) -> Piece:
        start = self.pos - len(OPERATORS["glob"])
        first = self.pos = skip_spaces(self.text, self.pos)
        if self.text.startswith('"', self.pos):
            piece = self._read_quoted()
            self.pos = skip_spaces(self.text, self.pos)
        else:
            while self.pos < len(self.text) and self.text[self.pos] not in ')"':
                self.pos += 1
            piece = Piece(self.text[first : self.pos].strip(), first, self.pos)
        closing = self.text[self.pos : self.pos + 1]
        if closing != ")" or not piece.text:
            shown = quote(name) if custom else name
            raise no_pattern(shown, start, self.pos + len(closing))
        self.pos += 1
        self._ensure_over("parenthesis")
        return piece

    def _read_has(self, field: QueryField, *, negated: bool) -> Has:
        piece = self._read_value(field)
        if piece.quoted:
            return Has(piece.text, negated, custom=True)
        name = "tag" if piece.text.lower() == "tags" else piece.text.lower()
        if name not in {known for known, _ in field.choices}:
            raise not_missing(piece)
        return Has(name, negated)

    def _read_quoted(self) -> Piece:
        try:
            piece = read_quoted(self.text, self.pos)
        except QueryError as error:
            if not self.typing or error.end - error.start == len('"'):
                raise  # nothing is written behind the quote yet
            piece = read_quoted(self.text, self.pos, closes_itself=True)
            self.open_quote = error
        self.pos = piece.end
        return piece

    def _read_bare(self) -> Piece:
        start = self.pos
        self.pos = find_end(self.text, start)
        bare = self.text[start : self.pos]
        if '"' in bare:
            raise QueryError(
                "a quote in the middle of a word",
                start=start + bare.index('"'),
                end=self.pos,
                hint='put the whole text in quotes, and write \\" for a quote in it',
            )
        return Piece(bare, start, self.pos)

    def _at_end(self) -> bool:
        return self.pos >= len(self.text) or self.text[self.pos].isspace()

    def _ensure_over(self, closing: str = "quote") -> None:
        if not self._at_end():
            raise QueryError(
                f"expected a space after the closing {closing}",
                start=self.pos,
                end=find_end(self.text, self.pos),
            )

    def _read_all(self) -> tuple[str, ...]:
        start = self.pos
        self.pos += len("all(")
        tags: list[str] = []
        while True:
            self.pos = skip_spaces(self.text, self.pos)
            if self.text.startswith('"', self.pos):
                tags.append(self._read_quoted().text)
                self.pos = skip_spaces(self.text, self.pos)
            else:
                tags.append(self._read_listed())
                if ANYTHING in tags[-1]:
                    place = self.pos - len(tags[-1])
                    raise stray_star("tag", Piece(tags[-1], max(start, place), self.pos))
            closing = self.text[self.pos : self.pos + 1]
            if closing not in {",", ")"} or not tags[-1]:
                raise QueryError(
                    "tag: expected tags between parentheses, as in tag:all(raw,ephys)",
                    start=start,
                    end=self.pos + len(closing),
                    hint="separate them by commas and close the parenthesis",
                )
            self.pos += 1
            if closing == ")":
                self._ensure_over("parenthesis")
                return tuple(tags)

    def _read_listed(self) -> str:
        start = self.pos
        while self.pos < len(self.text) and self.text[self.pos] not in ',)"':
            self.pos += 1
        return self.text[start : self.pos].strip()

    def _read_choice(self, field: QueryField) -> str:
        piece = self._read_value(field)
        names = tuple(name for name, _ in field.choices)
        text = piece.text.lower()
        if text not in names and not piece.quoted:
            raise no_type(field, piece, find_nearest(text.replace(ANYTHING, ""), names))
        return text

    def _read_flag(self, field: QueryField, *, negated: bool) -> Flag:
        piece = self._read_value(field)
        names = tuple(name for name, _ in FLAGS)
        name = piece.text.lower()
        if name not in names:
            told = f"is: no property {piece.text!r}"
            if name in OF_WORKPLACES:
                raise no_search(told, piece)
            raise no_such(told, piece, find_nearest(name, names), names)
        if name == "any" and negated:
            raise QueryError(
                "is:any can't be negated",
                start=self.start,
                end=piece.end,
                hint="remove the negation",
            )
        return Flag(name, negated)

    def _read_sort(self, field: QueryField, *, negated: bool) -> SortKey:
        piece = self._read_value(field)
        if negated:
            raise QueryError(
                "sort can't be negated",
                start=self.start,
                end=piece.end,
                hint=f"for the other direction write sort:-{piece.text.lstrip('-')}",
            )
        name = piece.text.removeprefix("-").lower()
        names = tuple(choice for choice, _ in field.choices)
        if name not in names:
            nearest = find_nearest(name, names)
            raise no_such(f"sort: no field {piece.text!r} to sort by", piece, nearest, names)
        return SortKey(name, piece.text.startswith("-"))

    def _read_compare(self, field: QueryField, *, negated: bool) -> Compare:
        piece = self._read_value(field)
        if field.name == "used" and piece.text.lower() == "never":
            return Compare(field.name, "", Never(), negated=negated)
        parse: Callable[[str], Value | None]
        if field.kind is ValueKind.SIZE:
            parse = parse_size
        elif field.kind is ValueKind.COUNT:
            parse = parse_count
        else:
            parse = parse_date
        parts = parse_comparison(piece.text, parse)
        if parts is None:
            raise expected(field, piece.start, piece.end, piece.text)
        found = Compare(field.name, *parts, negated=negated)
        if is_below_all(found):
            raise below_all(found, piece)
        return self._ensure_forward(found, piece)

    def _ensure_forward(self, term: Compare, piece: Piece) -> Compare:
        if is_backward(term):
            raise backward(term, piece.start, piece.end)
        return term

    def _read_custom(self, key: str, *, negated: bool) -> Match | Compare:
        if self._at_end():
            raise QueryError(
                f"{key}: expected a text or a comparison, as in >5",
                start=self.start,
                end=self.pos,
            )
        how = self._read_how(key)
        if how == "glob":
            pattern = self._read_pattern(key, custom=True).text
            return Match(key, pattern, negated, custom=True, how=how)
        if self.text[self.pos] == '"':
            piece = self._read_quoted()
            self._ensure_over()
            return Match(key, piece.text, negated, custom=True, how=how)
        piece = self._read_bare()
        if ANYTHING in piece.text:
            raise stray_star(key, piece, how, custom=True, negated=negated)
        if how:
            return Match(key, piece.text, negated, custom=True, how=how)
        compares = piece.text[0] in "<>"
        parts = parse_comparison(piece.text, parse_custom)
        if parts is not None and (compares or ".." in piece.text):
            found = Compare(key, *parts, negated=negated, custom=True)
            return self._ensure_forward(found, piece)
        if compares:
            raise QueryError(
                f"{key}: expected a number or a date, as in >5 or <2024-01-31",
                start=piece.start,
                end=piece.end,
                hint=hint_at_time(piece.text)
                or f'to search for the text itself, put it in quotes: "{piece.text}"',
            )
        return Match(key, piece.text, negated, custom=True)


def parse_comparison(
    text: str, parse: Callable[[str], Value | None]
) -> tuple[Op, Value, Value | None] | None:
    """Return operator, value and upper end of ``>10``, ``1..2`` or ``10``; None if it is none.

    An open range is a comparison: ``1..`` is ``>=1``, and ``..2`` is ``<=2``.
    """
    op: Op
    low, dots, high = text.partition("..")
    if dots and bool(low) is not bool(high):
        op = ">=" if low else "<="
        value = parse(low or high)
        return None if value is None else (op, value, None)
    if dots:
        first, last = parse(low), parse(high)
        return None if first is None or last is None else ("..", first, last)
    op = next((op for op in _OPS if text.startswith(op)), "")
    bare = text[len(op) :] if op else text.removeprefix("=")
    value = parse(bare)
    if value is None or (isinstance(value, Ago) and text.startswith("=")):
        return None
    return op, value, None
