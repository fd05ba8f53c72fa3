"""Buckets that are open: where each is, what signs for it, and what is in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

import anyio

from coexplorer.api import Client, Download, FilePart, OtherStorage, SignedRequest
from coexplorer.config import S3Settings
from coexplorer.errors import ApiError, ConfigError, Forbidden, Refused
from coexplorer.s3.addresses import (
    BucketPlace,
    find_aws_endpoint,
    fits_host,
    is_bucket_name,
    is_region_name,
)
from coexplorer.s3.credentials import AwsCredentials
from coexplorer.s3.found import Found
from coexplorer.s3.listing import MOST_BYTES, ListPage, build_params, parse_page
from coexplorer.s3.refusals import Access, classify, tell_bad_list, tell_bad_name

_MOST_OBJECTS: Final = 2_000_000
"""Entries of one folder; more would fill the memory."""

_FIRST_REGION: Final = "us-east-1"
_HEAD_ANSWERS: Final = (200, 301, 307, 400, 403)
"""All of them come with the bucket's region, also where the bucket may not be read."""

_ANY: Final = range(200, 600)
"""Of storages like S3, not all know this: what is wrong with a bucket is told by its list."""


class Buckets:
    """The buckets of a session.

    Args:
        settings: What the user has set.
        connect: Returns the way to the platform, whose patience is used; the token stays there.
    """

    def __init__(self, settings: S3Settings, connect: Callable[[], Awaitable[Client]]) -> None:
        self.settings = settings
        self.credentials = AwsCredentials(settings.aws_profile, is_anonymous=settings.is_anonymous)
        self._connect = connect
        self._client: Client | None = None
        self._storages: dict[str, OtherStorage] = {}
        self._buckets: dict[str, Bucket] = {}
        self._opening = anyio.Lock()

    async def find(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            NotFound: There is none of this name.
            ApiError: Its storage can't be asked.
            ConfigError: A setting is wrong.
        """
        client = await self._connect()
        if not is_bucket_name(name):
            raise tell_bad_name(name)
        async with self._opening:
            if client is not self._client:
                self._client = client
                self._storages.clear()
                self._buckets.clear()
            if name not in self._buckets:
                self._buckets[name] = await self._open(client, name)
            return self._buckets[name]

    async def _open(self, client: Client, name: str) -> Bucket:
        found = await self.credentials.find()
        given = self.settings.endpoint or found.endpoint
        region = self.settings.region
        if not region:
            usual = given or find_aws_endpoint(found.region if _is_apart(found.region) else "")
            start = BucketPlace(name, usual, found.region or _FIRST_REGION, is_virtual=False)
            region = await self._find_region(client, start, given)
        endpoint = given or find_aws_endpoint(region)
        is_virtual = fits_host(name) and (
            self.settings.addressing == "virtual"
            or (self.settings.addressing != "path" and not given)
        )
        place = BucketPlace(name, endpoint, region, is_virtual)
        storage = await self._open_storage(client, endpoint)
        return Bucket(place, storage, self.credentials, given, pays=self.settings.requester_pays)

    async def _find_region(self, client: Client, place: BucketPlace, endpoint: str) -> str:
        """Ask where a bucket is; whoever asks need not be allowed to read it."""
        storage = await self._open_storage(client, place.endpoint)
        access = Access(place.bucket, endpoint=endpoint)

        async def sign() -> SignedRequest:
            return place.build_request("HEAD", "", {}, None)

        reply = await storage.fetch(
            sign,
            classify=partial(classify, access, ""),
            most_bytes=0,
            method="HEAD",
            answers=_ANY if endpoint else _HEAD_ANSWERS,
        )
        said = reply.headers.get("x-amz-bucket-region", "")
        return said if is_region_name(said) else place.region

    async def _open_storage(self, client: Client, endpoint: str) -> OtherStorage:
        if endpoint not in self._storages:
            try:
                self._storages[endpoint] = await client.open_place(endpoint)
            except ValueError:
                raise ConfigError(
                    f"the S3 endpoint is not a web address: {endpoint[:80]!r}",
                    hint="correct s3_endpoint in config.toml, or AWS_ENDPOINT_URL",
                ) from None
        return self._storages[endpoint]


def _is_apart(region: str) -> bool:
    """Tell whether a region's endpoint is the only one that knows of its buckets."""
    return region.startswith(("cn-", "us-gov-", "us-iso", "eu-isoe"))


class Bucket:
    """A bucket.

    Args:
        place: Where it is.
        storage: The way there.
        credentials: What signs.
        endpoint: The storage, where that is not AWS; else empty.
        pays: Its owner is told that we pay.
    """

    def __init__(
        self,
        place: BucketPlace,
        storage: OtherStorage,
        credentials: AwsCredentials,
        endpoint: str,
        *,
        pays: bool,
    ) -> None:
        self.place = place
        self._storage = storage
        self._credentials = credentials
        self._endpoint = endpoint
        self._pays = pays
        self._is_public = False

    async def list_folder(self, prefix: str, *, most: int | None = None) -> ListPage:
        """List what is directly below a prefix, up to the next slash.

        Args:
            prefix: Beginning of the keys.
            most: How many at most; None: all.

        Raises:
            Refused: There is more than can be kept.
            Forbidden: It may not be listed.
            ApiError: It can't be listed.
        """
        found = await self._find_keys()
        try:
            return await self._list(prefix, most, found)
        except Forbidden as refusal:
            if found.keys is None:
                raise
            try:  # a public bucket may be closed to the very account whose keys these are
                page = await self._list(prefix, most, Found())
            except ApiError:
                raise refusal from None
            self._is_public = True
            return page

    async def _list(self, prefix: str, most: int | None, found: Found) -> ListPage:
        pages: list[ListPage] = []
        count, token = 0, ""
        while True:
            params = build_params(prefix, token, most=most or 1000)
            page = await self._list_page(params, found)
            pages.append(page)
            count += len(page.objects) + len(page.folders)
            if not page.next_token or most is not None:
                return ListPage(
                    tuple(each for page in pages for each in page.objects),
                    tuple(each for page in pages for each in page.folders),
                    sum(page.unreadable for page in pages),
                )
            if count > _MOST_OBJECTS or page.next_token == token:
                raise Refused(
                    f"there are more than {count:,} files in one folder of s3://{self.place.bucket}",
                    hint="name the files that you need",
                )
            token = page.next_token

    async def _list_page(self, params: Mapping[str, str], found: Found) -> ListPage:
        access = self._describe(found)
        reply = await self._storage.fetch(
            self._build_fetch("", params, found),
            classify=partial(classify, access, ""),
            most_bytes=MOST_BYTES,
        )
        try:
            return parse_page(reply.body)
        except ValueError as error:
            raise tell_bad_list(access, str(error)) from None

    async def open_download(
        self,
        key: str,
        *,
        start: int = 0,
        stop: int | None = None,
        most: int | None = None,
        etag: str = "",
        part: FilePart | None = None,
    ) -> AbstractAsyncContextManager[Download]:
        """Open an object's bytes; see `coexplorer.api.Client.open_download`, and `open_part`."""
        found = await self._find_keys()
        return self._storage.open_download(
            self._build_fetch(key, {}, found),
            classify=partial(classify, self._describe(found), key),
            start=start,
            stop=stop,
            most=most,
            etag=etag,
            part=part,
        )

    async def _find_keys(self) -> Found:
        return Found() if self._is_public else await self._credentials.find()

    def _describe(self, found: Found) -> Access:
        return Access(
            self.place.bucket,
            self.place.region,
            self._endpoint,
            found.keys_from,
            found.lacks,
            found.remedy,
            self._pays,
        )

    def _build_fetch(
        self, key: str, params: Mapping[str, str], found: Found
    ) -> Callable[[], Awaitable[SignedRequest]]:
        """Return what signs a request: where one is refused, with keys that are found anew."""
        asked = 0

        async def sign() -> SignedRequest:
            nonlocal asked, found
            asked += 1
            if asked > 1 and found.keys is not None:
                found = await self._credentials.find(again=True)
            now = self._storage.find_time()
            return self.place.build_request(
                "GET", key, params, found.keys, now=now, pays=self._pays
            )

        return sign
