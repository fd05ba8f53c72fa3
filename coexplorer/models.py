"""Plain, frozen data that every layer uses. No behavior beyond comparing and naming.

Sizes are in bytes (``…_bytes``), times are seconds since the epoch (UTC).

What one layer hands to another has its shape here: a table, so it is long.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, Literal, NewType

import msgspec

from coexplorer.fields import Editable, Fields, fields_of

AssetId = NewType("AssetId", str)
"""The platform's id of a data asset: a UUID, as text. See `is_asset_id` for what it may hold."""

LONGEST_ID: Final = 200
"""Characters that an id may have; a UUID has 36."""

_NOT_IN_ID: Final = frozenset(" /\\\N{REPLACEMENT CHARACTER}")


def is_asset_id(text: str) -> bool:
    """Tell whether a text can be an id: printable, short, and one word everywhere.

    Ids go into addresses, file names, lists of one id per line, command lines and a database. Text
    that would mean something else in one of these is not an id, and is refused where it comes in,
    so nothing later has to check.
    """
    return (
        0 < len(text) <= LONGEST_ID
        and text.isprintable()
        and text[0] != "-"
        and text not in (".", "..")
        and not _NOT_IN_ID.intersection(text)
    )


class Dialect(StrEnum):
    """How to talk to a deployment's search (design: api.md, Calls)."""

    LEGACY = "legacy"
    CURRENT = "current"


class AssetType(StrEnum):
    """Types known today; `Asset.type` is plain text, so an unknown one is harmless."""

    DATASET = "dataset"
    RESULT = "result"
    COMBINED = "combined"
    MODEL = "model"


class AssetState(StrEnum):
    """States known today; `Asset.state` is plain text, so an unknown one is harmless."""

    DRAFT = "draft"
    READY = "ready"
    FAILED = "failed"


class Ownership(StrEnum):
    """Whose assets a search returns. The wire has other words for OWNED in each dialect."""

    OWNED = "owned"
    SHARED = "shared"


class SortField(StrEnum):
    """What the platform can sort by (manual, search)."""

    CREATED = "created"
    TYPE = "type"
    NAME = "name"
    SIZE = "size"


class SourceBucket(msgspec.Struct, frozen=True):
    """Where the files came from, or where they still are (``external``)."""

    bucket: str = ""
    origin: str = ""
    prefix: str = ""
    external: bool = False


class Provenance(msgspec.Struct, frozen=True):
    """What a result was made by."""

    commit: str = ""
    run_script: str = ""
    docker_image: str = ""
    capsule: str = ""
    computation: str = ""
    data_assets: tuple[AssetId, ...] = ()


MOST_ROWS: Final = 2_000_000
"""Assets of one search that are read before the platform counts as inventing them: several times
what any deployment has. It announces no number (design: api.md, Search parameters), and what was
there before is no measure: a new token, or an import, can bring any number."""

LARGEST_NUMBER: Final = 2**63
"""No database could hold a number as large as this."""

MetadataValue = str | int | float | bool | list[str] | None
"""A value of custom metadata; dates are epoch seconds."""


def _searchable(value: object) -> MetadataValue:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < LARGEST_NUMBER else str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(value)
    return msgspec.json.encode(value).decode()


class Asset(Editable, frozen=True, kw_only=True):
    """A data asset as the platform last showed it.

    Its editable fields are in `Editable`. Whether it is archived, favorite, mine or shared
    is not in here: see `Membership`.

    Attributes:
        state: Empty when the platform did not say, which is not `ready`; the same for the type.
        created: Epoch seconds; None when the platform did not say.
        last_used: Epoch seconds; 0 means never used, None that the platform did not say.
        size_bytes: None when unknown.
        files: Number of files; None when unknown.
        owner: The owner's address, or id where the platform says no more.
        owner_id: The platform's id of the owner; empty where it does not say.
        raw: The JSON object as received, compact UTF-8; unknown fields live here.
        odd: Editable values, by their keys, that `raw` can't hold as they came: with surrogates
            that stand alone.
    """

    id: AssetId
    state: str = AssetState.READY
    type: str = AssetType.DATASET
    failure_reason: str = ""
    created: float | None = None
    last_used: float | None = None
    size_bytes: int | None = None
    files: int | None = None
    owner: str = ""
    owner_id: str = ""
    source: SourceBucket | None = None
    provenance: Provenance | None = None
    contained: tuple[AssetId, ...] = ()
    raw: bytes = b"{}"
    odd: dict[str, object] = msgspec.field(default_factory=dict)

    @property
    def fields(self) -> Fields:
        """The editable part."""
        return fields_of(self)

    @property
    def custom_metadata(self) -> dict[str, MetadataValue]:
        """Custom metadata as they are searched; anything but texts and numbers is JSON there."""
        return {key: _searchable(value) for key, value in (self.metadata or {}).items()}

    @property
    def excerpt(self) -> Excerpt:
        """What its files are made from."""
        return Excerpt(self.fields, self.raw)


class Membership(msgspec.Struct, frozen=True):
    """What only a search tells about an asset. None: not known yet."""

    archived: bool | None = None
    favorite: bool | None = None
    mine: bool | None = None
    shared: bool | None = None


class Record(msgspec.Struct, frozen=True):
    """An asset with what the catalog knows about it.

    Attributes:
        fetched_at: Epoch seconds of the reply that `asset` came from.
    """

    asset: Asset
    membership: Membership = Membership()
    fetched_at: float = 0.0


class Excerpt(msgspec.Struct, frozen=True):
    """What an asset's files in a mount are made from, without reading the rest.

    Attributes:
        fields: The editable part.
        raw: As in `Asset`.
    """

    fields: Fields
    raw: bytes


class SearchFilter(msgspec.Struct, frozen=True):
    """A condition on one field of a search; all filters must hold.

    Attributes:
        key: ``tags``, or a field of custom metadata as the platform spells it.
        value: What it must be; None: any.
        low: The smallest number that it may be; None: any.
        high: The largest one.
    """

    key: str
    value: str | int | float | None = None
    low: float | None = None
    high: float | None = None


class SearchRequest(msgspec.Struct, frozen=True):
    """One search of the platform, in neither dialect (manual, search).

    Attributes:
        origin: Where the files are; legacy platforms don't know it, nor filters.
        archived: True: only archived; False: only not archived; None: both, which is what the
            platform does when the parameter is left out.
    """

    query: str = ""
    type: str | None = None
    ownership: Ownership | None = None
    favorite: bool = False
    archived: bool | None = False
    sort_field: SortField | None = None
    descending: bool = False
    origin: Literal["internal", "external"] | None = None
    filters: tuple[SearchFilter, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """One reply to a search.

    Attributes:
        next_token: Where the next page starts; None where the platform gives none.
    """

    results: tuple[Asset, ...]
    has_more: bool
    next_token: str | None = None


class Secret:
    """Text that no repr, log, traceback or encoder shows; `reveal` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the request that needs it and for nothing else."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


class AwsSource(msgspec.Struct, frozen=True):
    """``source.aws`` of a create (manual, create). The keys go to the platform and nowhere else.

    Attributes:
        endpoint_name: Of a custom S3 endpoint that the deployment knows (v4.1+); empty: AWS's own.
        use_input_bucket: Take the deployment's input bucket, for administrators (v4.1+); all else
            but the prefix is ignored then.
    """

    bucket: str
    prefix: str = ""
    keep_on_external_storage: bool = False
    index_data: bool = True
    public: bool = False
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    endpoint_name: str = ""
    use_input_bucket: bool = False


class GcpSource(msgspec.Struct, frozen=True):
    """``source.gcp``: a bucket of Google's storage.

    The keys go to the platform and nowhere else.
    """

    bucket: str
    prefix: str = ""
    client_id: Secret | None = None
    client_secret: Secret | None = None


class ComputationSource(msgspec.Struct, frozen=True):
    """``source.computation``: the results of a run, or a folder of them (empty: all)."""

    id: str
    path: str = ""


class WorkstationSource(msgspec.Struct, frozen=True):
    """``source.cloud_workstation``: a folder of a running cloud workstation (v4.2+).

    Attributes:
        id: Of the session's computation.
        run_script: What made the files: with it the new asset is a result.
    """

    id: str
    path: str
    run_script: str = ""


class CombinedSource(msgspec.Struct, frozen=True):
    """``data_asset_ids``: two or more external assets, shown as one (v3.1+)."""

    ids: tuple[AssetId, ...]


AssetSource = AwsSource | GcpSource | ComputationSource | WorkstationSource | CombinedSource
"""Where the files of a new asset come from."""


class S3Target(msgspec.Struct, frozen=True):
    """A place in S3 that files are written to, by a capture or a transfer.

    Attributes:
        endpoint_name: See `AwsSource`.
    """

    bucket: str
    prefix: str = ""
    endpoint_name: str = ""


class ResultsInfo(msgspec.Struct, frozen=True, kw_only=True):
    """``results_info``: what files in S3 were made by; a capsule or a pipeline has to be named.

    Attributes:
        parameters: Name → value.
    """

    capsule_id: str = ""
    pipeline_id: str = ""
    version: int | None = None
    commit: str = ""
    run_script: str = ""
    data_assets: tuple[AssetId, ...] = ()
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    nextflow_profile: str = ""


class NewAsset(Editable, frozen=True, kw_only=True):
    """What a create asks for (manual, create): the editable fields, and where the files are.

    Attributes:
        target: Where the results of a run are to be written to; None: into Code Ocean.
        results_info: Of files in S3 that a run has made; None: they are no results.
    """

    source: AssetSource
    target: S3Target | None = None
    results_info: ResultsInfo | None = None


class TransferState(msgspec.Struct, frozen=True):
    """Where the transfer of an asset's files to another storage stands.

    Attributes:
        last_transferred: When the last one was done, in epoch seconds; None: never.
        error: Why the last one failed; empty: it did not.
    """

    last_transferred: float | None = None
    error: str = ""


class FileEntry(msgspec.Struct, frozen=True):
    """A file or folder in an asset. `path` is relative to the asset's root, with ``/``.

    Attributes:
        asked: The path as the platform has it, where no text can hold that; else empty.
        modified: When it was last changed, in epoch seconds; None: nobody says so.
        etag: The mark of its content, where the listing has it; else empty.
    """

    name: str
    path: str
    is_folder: bool
    size_bytes: int | None = None
    asked: str = ""
    modified: float | None = None
    etag: str = ""

    @property
    def wire_path(self) -> str:
        """The path to ask the platform for."""
        return self.asked or self.path


SLOW_S: Final = 3.0
"""Nobody needs to hear of an answer that is there sooner."""


class Wait(msgspec.Struct, frozen=True):
    """What a session waits for.

    Attributes:
        seconds: How long an answer has been waited for; of a pause, how long it still is.
        reason: Why there is a pause, as a sentence; empty: there is none, an answer is awaited.
        asked: The platform asked for the pause; else it is ours.
        of_storage: The answer is that of a storage of files alone, not the platform's.
    """

    seconds: float
    reason: str = ""
    asked: bool = False
    of_storage: bool = False

    @property
    def sentence(self) -> str:
        """What people are told; empty while it is too short to speak of."""
        if not self.reason:
            whom = "the file's storage" if self.of_storage else "the platform"
            return f"waiting for {whom}, {self.seconds:.0f} s" * (self.seconds >= SLOW_S)
        if self.asked:
            return f"{self.reason}: waiting {math.ceil(self.seconds)} s, as it asks"
        return f"{self.reason}: trying again in {max(1, math.ceil(self.seconds))} s"


class Reach(msgspec.Struct):
    """Whether a platform that several sessions of one command ask was waited for in vain.

    Attributes:
        lost_at: When that was, by `time.monotonic`; None: it was not, or it has answered since.
        message: Why, as a sentence.
        hint: What to do about it.
    """

    lost_at: float | None = None
    message: str = ""
    hint: str = ""


class Folder(msgspec.Struct, frozen=True):
    """One level of an asset's files, and what of the platform's answer could not be used.

    Attributes:
        unnamed: How many entries say neither their name nor their path.
        elsewhere: Paths that were listed and are not directly in this folder.
        has_more: There are more entries than these.
        unsaid: The platform did not say what is in it (``null``).
    """

    entries: tuple[FileEntry, ...]
    unnamed: int = 0
    elsewhere: tuple[str, ...] = ()
    has_more: bool = False
    unsaid: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the answer was complete, and made sense."""
        return not (self.unnamed or self.elsewhere or self.has_more or self.unsaid)

    def find_file(self, path: str) -> FileEntry | None:
        """Return the file of this path, as it is shown or as the platform has it."""
        files = (entry for entry in self.entries if not entry.is_folder)
        return next((each for each in files if path in (each.path, each.wire_path)), None)


class FileUrls(msgspec.Struct, frozen=True):
    """Signed, expiring addresses of one file; no token goes with them."""

    download_url: str
    view_url: str = ""


class MetadataField(msgspec.Struct, frozen=True):
    """A field of the deployment's custom metadata schema (``GET custom_metadata``).

    Attributes:
        type: ``string``, ``number`` or ``date``; what else a platform says counts as text.
        minimum: The lowest number that is allowed, of a date in epoch seconds; None: any.
        maximum: The highest one.
        multiple: It takes several values.
    """

    name: str
    type: str = "string"
    required: bool = False
    units: str = ""
    category: str = ""
    multiple: bool = False
    allowed_values: tuple[str | int | float, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None


class Row(msgspec.Struct, frozen=True, gc=False):
    """An asset as lists show it; light.

    Attributes:
        number: Stable in this catalog file, above 0: inode numbers can build on it.
        type: Empty when the platform did not say; the same for the state.
        size_bytes: None when unknown.
        created: Epoch seconds; None when the platform did not say.
        last_used: Epoch seconds; 0 means never used.
        archived: False also when no search has said; the same for the other flags.
    """

    number: int
    id: AssetId
    name: str
    type: str
    state: str
    size_bytes: int | None
    files: int | None
    created: float | None
    last_used: float | None
    tags: tuple[str, ...]
    mount: str | None
    owner: str
    archived: bool
    favorite: bool
    mine: bool
    shared: bool
    external: bool


class Share(msgspec.Struct, frozen=True):
    """A part of the assets: how many, and their size together (unknown sizes count as 0)."""

    label: str
    assets: int
    size_bytes: int


class Stats(msgspec.Struct, frozen=True):
    """Counts and bytes; each list but those of ages and months begins with the most bytes."""

    total: Share
    archived: Share
    never_used: Share
    by_state: tuple[Share, ...]
    by_type: tuple[Share, ...]
    by_owner: tuple[Share, ...]
    by_tag: tuple[Share, ...]
    by_age: tuple[Share, ...]
    by_month: tuple[Share, ...]
    by_place: tuple[Share, ...]
    largest: tuple[Row, ...]


class Duplicates(msgspec.Struct, frozen=True):
    """Assets that look like the same one.

    Attributes:
        why: What they share: their name, their S3 location, or the same inputs and capsule.
        shared: That name, location or capsule.
        rows: Oldest first.
    """

    why: Literal["name", "location", "inputs"]
    shared: str
    rows: tuple[Row, ...]


class Relative(msgspec.Struct, frozen=True):
    """An asset that another was made from or contains, or the other way round.

    Attributes:
        row: None when the catalog does not know it.
    """

    id: AssetId
    kind: Literal["made_from", "contains"]
    row: Row | None
