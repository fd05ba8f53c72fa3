"""External assets in stores that others wrote: moto, which checks signatures, and rclone."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from msgspec.structs import replace

from coexplorer.config import S3Settings
from coexplorer.demo.asset import Bucket
from coexplorer.demo.server import DemoServer
from coexplorer.errors import Forbidden, NotFound
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId
from tests.library.conftest import build_settings
from tests.support.server import OUTSIDE

Connect = Callable[[], AbstractAsyncContextManager[Library]]

ASSET, FILE, NOTHING = (
    AssetId(f"00000000-0000-4000-8000-00000000077{number}") for number in range(3)
)
CONTENT = bytes(range(256)) * 4096
NAMES = ("a b+c/d#é?%.txt", "deep/er/x.bin", "one.txt", "%41.txt")
"""Both stores refuse or change control characters; the embedded one does not."""
BUCKET = "lab-data"


class Store(NamedTuple):
    """A store, and who may do what in it."""

    url: str
    owner: tuple[str, str]
    stranger: tuple[str, str]


@pytest.fixture(scope="module")
def moto() -> Iterator[Store]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        session = boto3.session.Session(**keys)
        s3, iam = (session.client(name, endpoint_url=url) for name in ("s3", "iam"))
        s3.create_bucket(Bucket=BUCKET)
        for name in NAMES:
            s3.put_object(Bucket=BUCKET, Key=f"in/{name}", Body=CONTENT)
        s3.put_object(Bucket=BUCKET, Key="in/deep/", Body=b"")
        s3.put_object(Bucket=BUCKET, Key="alone.txt", Body=CONTENT)
        s3.put_object(Bucket=BUCKET, Key="alone.txt.bak", Body=b"no")
        people = []
        for name in ("owner", "stranger"):
            iam.create_user(UserName=name)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            people.append((key["AccessKeyId"], key["SecretAccessKey"]))
        allowed = '{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}'
        policy = f'{{"Version": "2012-10-17", "Statement": [{allowed}]}}'
        iam.put_user_policy(UserName="owner", PolicyName="all", PolicyDocument=policy)
        httpx.post(f"{url}/moto-api/reset-auth", content=b"0").raise_for_status()
        yield Store(url, *people)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """It answers a part of a file with 200, lists ETags without quotes, and knows no HEAD."""
    folder = tmp_path_factory.mktemp("rclone")
    for name in NAMES:
        path = folder / BUCKET / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    (folder / BUCKET / "alone.txt").write_bytes(CONTENT)
    owner = ("AKIDEXAMPLE", "its/secret+key")
    program = Path(sysconfig.get_path("scripts"), "rclone")
    command = [str(program), "--config", "/dev/null", "serve", "s3", "--addr", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--auth-key", ",".join(owner), str(folder)], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            said = ""
            while (found := re.search(r"http://127[^/\s]+", said)) is None:
                line = process.stderr.readline()
                assert line, said
                said += line
            yield Store(found[0], owner, (owner[0], "another-key"))
        finally:
            process.terminate()


@pytest.fixture(params=["moto", "rclone"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def connect(
    server: DemoServer, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Connect:
    """Open sessions whose external assets are in the store, with the keys of its owner."""
    outside = server.store.get(OUTSIDE)
    server.store.insert(
        replace(outside, id=each, source=Bucket(BUCKET, "aws", prefix, external=True))
        for each, prefix in ((ASSET, "in/"), (FILE, "alone.txt"), (NOTHING, "gone"))
    )
    sign_in(monkeypatch, store.owner)

    @asynccontextmanager
    async def open_one() -> AsyncIterator[Library]:
        settings = replace(build_settings(server, tmp_path), s3=S3Settings(store.url))
        async with open_library(settings, origin="cli") as library:
            yield library

    return open_one


def sign_in(monkeypatch: pytest.MonkeyPatch, keys: tuple[str, str]) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])


async def test_files_are_listed_read_in_parts_and_downloaded(
    connect: Connect, tmp_path: Path
) -> None:
    async with connect() as library:
        async with aclosing(library.files.walk(ASSET)) as entries:
            sizes = {each.path: each.size_bytes async for each in entries if not each.is_folder}
        assert sizes == dict.fromkeys(NAMES, len(CONTENT))
        for name in NAMES:
            async with await library.files.open(ASSET, name) as file:
                assert await file.read(700_001, 7) == CONTENT[700_001:700_008]
                assert await file.read(0, file.size) == CONTENT
        (path,) = await library.files.download(ASSET, "deep/er/x.bin", tmp_path / "to")
        assert path.read_bytes() == CONTENT


async def test_a_prefix_may_be_a_file_and_may_be_gone(connect: Connect) -> None:
    async with connect() as library:
        (entry,) = await library.files.list_folder(FILE)
        assert (entry.path, entry.size_bytes) == ("alone.txt", len(CONTENT))
        async with await library.files.open(FILE, "alone.txt") as file:
            assert await file.read(256, 3) == bytes(range(3))
        with pytest.raises(NotFound, match=r"nothing is left .* in s3://lab-data/gone"):
            await library.files.list_folder(NOTHING)


async def test_keys_that_do_not_do_are_told_apart(
    connect: Connect, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, store.stranger)
    async with connect() as library:
        with pytest.raises(Forbidden, match=f"{BUCKET} at {store.url}") as raised:
            await library.files.list_folder(ASSET)
        assert "credentials" in raised.value.message
        assert store.stranger[1] not in raised.value.message + raised.value.hint
    sign_in(monkeypatch, (store.owner[0], "wrong"))
    async with connect() as library:
        with pytest.raises(Forbidden, match="secret of your AWS credentials is wrong"):
            await library.files.list_folder(ASSET)
