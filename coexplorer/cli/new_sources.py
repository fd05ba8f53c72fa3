"""The options of ``create`` that say what a new asset is made from."""

from __future__ import annotations

import configparser
import functools
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
import msgspec

from coexplorer.cli.completion import complete_assets
from coexplorer.cli.narration import ask_secret
from coexplorer.cli.targets import find_targets, read_targets
from coexplorer.cli.values import NUMBER, FilledPath
from coexplorer.computations import WorkplaceKind
from coexplorer.errors import ConfigError, FileTrouble, InvalidField, NotFound, Refused
from coexplorer.models import (
    AwsSource,
    CombinedSource,
    ComputationSource,
    GcpSource,
    NewAsset,
    ResultsInfo,
    S3Target,
    Secret,
    WorkstationSource,
)

if TYPE_CHECKING:
    from coexplorer.cli.targets import Targets
    from coexplorer.library import Library
    from coexplorer.models import AssetSource

Command = TypeVar("Command", bound=Callable[..., Any])

Keys = tuple[Secret | None, Secret | None]

_FORM: Final = "a line [default], and below it aws_access_key_id = … and aws_secret_access_key = …"
_FORM_GCP: Final = "a line [default], and below it client_id = … and client_secret = …"


class SourceOptions(msgspec.Struct, frozen=True):
    """What was given of these options."""

    bucket: str | None
    prefix: str | None
    keep_on_external_storage: bool
    index_data: bool
    public: bool
    keys_file: Path | None
    keys_section: str
    ask_keys: bool
    endpoint_name: str | None
    use_input_bucket: bool
    gcp: str | None
    from_computation: str | None
    path: str | None
    failed_too: bool
    from_workstation: str | None
    workstation: str | None
    combine: tuple[str, ...]
    target: str | None
    target_endpoint: str | None
    made_by: str | None
    capsule_version: int | None
    commit: str | None
    run_script: str | None
    made_from: tuple[str, ...]
    parameter: tuple[str, ...]


_SOURCES: Final = (
    *("bucket", "gcp", "use_input_bucket"),
    *("from_computation", "from_workstation", "combine"),
)
_S3: Final = ("bucket", "use_input_bucket")
_RESULTS: Final = ("from_computation", "from_workstation")
_BELONGS: Final = {
    "prefix": (*_S3, "gcp"),
    "keep_on_external_storage": _S3,
    "public": ("bucket",),
    "keys_file": ("bucket", "gcp"),
    "ask_keys": ("bucket", "gcp"),
    "endpoint_name": ("bucket",),
    "path": ("from_computation",),
    "failed_too": ("from_computation",),
    "workstation": ("from_workstation",),
    "target": _RESULTS,
    "target_endpoint": ("target",),
    "made_by": _S3,
    "run_script": ("made_by", "from_workstation"),
    "capsule_version": ("made_by",),
    "commit": ("made_by",),
    "made_from": ("made_by",),
    "parameter": ("made_by",),
}
"""Option → those of which one must be there, too."""


_OPTIONS: Final = (
    click.option("--bucket", help="The S3 bucket that holds the files."),
    click.option("--prefix", help="Folder in the bucket (default: the whole bucket)."),
    click.option("--keep-on-external-storage", is_flag=True, help="Leave the files in the bucket."),
    click.option("--index-data/--no-index-data", default=True, help="Index the files, or don't."),
    click.option("--public", is_flag=True, help="The bucket is public: no keys are needed."),
    click.option(
        "--keys-file",
        type=FilledPath(),
        help="Read the keys from a file like ~/.aws/credentials.",
    ),
    click.option(
        "--keys-section", default="default", help="Section of that file (default: default)."
    ),
    click.option("--ask-keys", is_flag=True, help="Ask for the keys."),
    click.option("--endpoint-name", metavar="NAME", help="The bucket's own S3 storage."),
    click.option(
        "--use-input-bucket",
        is_flag=True,
        help="Take the platform's input bucket (administrators).",
    ),
    click.option("--gcp", metavar="BUCKET", help="Take the files from a Google bucket."),
    click.option(
        "--from-computation",
        metavar="RUN",
        help="Capture a run's results: its id, or the start.",
    ),
    click.option("--path", metavar="PATH", help="Only this folder or file of the results."),
    click.option("--failed-too", is_flag=True, help="Capture even if the run has failed."),
    click.option(
        "--from-workstation", metavar="PATH", help="Capture a folder of this cloud workstation."
    ),
    click.option(
        "--workstation", metavar="CAPSULE", help="Use another workstation: its id, or capsule."
    ),
    click.option(
        "--combine",
        multiple=True,
        metavar="ASSET",
        shell_complete=complete_assets,
        help="Combine external assets; repeat it, or - for a list.",
    ),
    click.option("--target", metavar="S3", help="Write the results to s3://BUCKET/PREFIX."),
    click.option("--target-endpoint", metavar="NAME", help="That bucket's own S3 storage."),
    click.option("--made-by", metavar="CAPSULE", help="The capsule that made the files."),
    click.option(
        "--capsule-version", type=NUMBER, metavar="N", help="The capsule's released version."
    ),
    click.option("--commit", metavar="ID", help="The capsule's commit."),
    click.option("--run-script", metavar="PATH", help="The script that made the files."),
    click.option(
        "--made-from",
        multiple=True,
        metavar="ASSET",
        shell_complete=complete_assets,
        help="An asset that they were made from; repeat it for more.",
    ),
    click.option(
        "--parameter",
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter they were made with; repeat it for more.",
    ),
)


def source_options(command: Command) -> Command:
    """Add the options to a command, which gets ``given`` instead of each of them."""

    @functools.wraps(command)
    def gather(*args: Any, **options: Any) -> Any:
        given = SourceOptions(
            **{name: options.pop(name) for name in SourceOptions.__struct_fields__}
        )
        return command(*args, given=given, **options)

    for option in reversed(_OPTIONS):
        gather = option(gather)
    return cast("Command", gather)


class NewSource:
    """What a new asset is to be made from, as it was given.

    Args:
        given: The options.

    Raises:
        click.UsageError: They don't go together, or name no source.
        ConfigError: The file of keys is no good.
    """

    def __init__(self, given: SourceOptions) -> None:
        self._given = given
        _check(given)
        self._target = None if given.target is None else _read_target(given)
        self._parameters = dict(_split(each) for each in given.parameter)
        self._parts = _read_assets(given.combine)
        self._made_from = _read_assets(given.made_from)
        self._keys = _read_keys(given)

    async def fill(self, library: Library, new: NewAsset) -> NewAsset:
        """Return a new asset with its source, and what goes with that."""
        info = await self._find_maker(library) if self._given.made_by else None
        return msgspec.structs.replace(
            new, source=await self._find_source(library), target=self._target, results_info=info
        )

    async def _find_source(self, library: Library) -> AssetSource:
        given = self._given
        if given.from_computation is not None:
            run = await library.runs.resolve(given.from_computation)
            return ComputationSource(run, given.path or "")
        if given.from_workstation is not None:
            session = await _find_session(library, given.workstation)
            return WorkstationSource(session, given.from_workstation, given.run_script or "")
        if self._parts is not None:
            return CombinedSource(tuple(await find_targets(library, self._parts)))
        if given.gcp is not None:
            return GcpSource(given.gcp, given.prefix or "", *self._keys)
        return build_placeholder(given, self._keys)

    async def _find_maker(self, library: Library) -> ResultsInfo:
        given = self._given
        found = await library.workplaces.find(given.made_by or "")
        kind = found.workplace.kind
        if kind is WorkplaceKind.COMPUTATION:
            raise Refused(
                f"{found.title} is no capsule and no pipeline",
                hint="name the one that made the files",
            )
        of_capsule = kind is WorkplaceKind.CAPSULE
        parts = self._made_from
        return ResultsInfo(
            capsule_id=found.workplace.id if of_capsule else "",
            pipeline_id="" if of_capsule else found.workplace.id,
            version=given.capsule_version,
            commit=given.commit or "",
            run_script=given.run_script or "",
            data_assets=() if parts is None else tuple(await find_targets(library, parts)),
            parameters=self._parameters,
        )


def build_placeholder(given: SourceOptions, keys: Keys = (None, None)) -> AwsSource:
    """Return what is given of S3: a source like any other, which may hold nothing (pure)."""
    return AwsSource(
        bucket=given.bucket or "",
        prefix=given.prefix or "",
        keep_on_external_storage=given.keep_on_external_storage,
        index_data=given.index_data,
        public=given.public,
        access_key_id=keys[0],
        secret_access_key=keys[1],
        endpoint_name=given.endpoint_name or "",
        use_input_bucket=given.use_input_bucket,
    )


async def _find_session(library: Library, text: str | None) -> str:
    """Return the id of the workstation that somebody means.

    Raises:
        Refused: There is none.
        NotFound: No workstation of theirs runs in the capsule.
    """
    from coexplorer.library.workplaces import SINCE_SESSIONS, telling_since

    if text is None:
        return (await library.workplaces.find_here()).workplace.id
    with telling_since(SINCE_SESSIONS):
        found = await library.workplaces.find(text)
    session = await library.workplaces.find_session(found)
    if session.workplace.kind is not WorkplaceKind.COMPUTATION:
        raise NotFound(f"no workstation of yours runs in {found.title}", hint="start it there")
    return session.workplace.id


def _check(given: SourceOptions) -> None:
    sources = [name for name in _SOURCES if _is_given(given, name)]
    if not sources:
        raise click.UsageError(
            "what is it made from? Give --bucket, --gcp, --from-computation, --from-workstation"
            " or --combine"
        )
    if len(sources) > 1 and set(sources) != set(_S3):
        raise click.UsageError(f"give only one of {' and '.join(map(_name, sources))}")
    for name, others in _BELONGS.items():
        if _is_given(given, name) and not any(_is_given(given, each) for each in others):
            raise click.UsageError(f"{_name(name)} goes with {' or '.join(map(_name, others))}")
    if given.keys_file is not None and given.ask_keys:
        raise click.UsageError("give either --keys-file or --ask-keys")


def _is_given(given: SourceOptions, name: str) -> bool:
    return getattr(given, name) not in (None, False, ())


def _name(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _split(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise click.UsageError(f"--parameter: expected NAME=VALUE, not {text!r}")
    return name.strip(), value


def _read_target(given: SourceOptions) -> S3Target:
    from coexplorer.library.transfer_target import parse_target

    try:
        return parse_target(given.target or "", given.target_endpoint or "")
    except InvalidField as error:
        raise click.UsageError(f"--target: {error.reason}") from None


def _read_assets(assets: tuple[str, ...]) -> Targets | None:
    return read_targets(assets, None) if assets else None


def _read_keys(given: SourceOptions) -> Keys:
    google = given.gcp is not None
    if given.ask_keys:
        first, second = (
            ("Google client id", "Google client secret")
            if google
            else ("AWS access key id", "AWS secret key")
        )
        key_id = ask_secret(first)
        return Secret(key_id), Secret(ask_secret(second))
    if given.keys_file is None:
        return None, None
    return load_keys(given.keys_file, given.keys_section, google=google)


def load_keys(path: Path, section: str, *, google: bool = False) -> tuple[Secret, Secret]:
    """Read AWS keys from a file like ``~/.aws/credentials``, or Google's from one like it.

    Raises:
        FileTrouble: It can't be read.
        ConfigError: It is open to others, or does not hold them.
    """
    names = "client_id client_secret" if google else "aws_access_key_id aws_secret_access_key"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if stat.S_ISREG(path.stat().st_mode) and path.stat().st_mode & 0o077:
            raise ConfigError(f"others can read {path}", hint=f"run: chmod 600 {path}")
        parser.read_string(path.read_text(encoding="utf-8"))
        first, second = (Secret(parser[section][name]) for name in names.split())
    except OSError as error:
        raise FileTrouble.of(path, "read", error) from None
    except (configparser.Error, UnicodeDecodeError, KeyError):
        # The parser's own message would quote the line, and with it a key.
        raise ConfigError(
            f"{path} has no {'Google' if google else 'AWS'} keys in section [{section}]",
            hint=f"expected: {_FORM_GCP if google else _FORM}",
        ) from None
    return first, second
