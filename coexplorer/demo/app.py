"""The ASGI application: which calls exist in which dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from coexplorer.demo import (
    releases,
    routes_assets,
    routes_attachments,
    routes_capsules,
    routes_computations,
    routes_files,
    routes_permissions,
    routes_search,
    transfer,
)
from coexplorer.demo.deployment import Deployment
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.replies import Refusal, answer_refusal
from coexplorer.demo.s3.routes import ROOT as S3_ROOT
from coexplorer.demo.s3.routes import answer as answer_s3

PREFIX = "/api/v1"
RELEASES_SINCE = (4, 8)
"""The version that the oldest SDK wants which has these calls."""
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


class _AnyPath(PathConvertor):
    """A path of any characters: line breaks, which Starlette's own leaves out, are names, too."""

    regex = "(?s:.*)"


register_url_convertor("anything", _AnyPath())


def build_app(deployment: Deployment) -> Starlette:
    """Return the application of a deployment; what a dialect lacks answers 404 or 405."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await deployment.stop_jobs()

    app = Starlette(
        routes=[
            Mount(PREFIX, Router(build_routes(deployment), redirect_slashes=False)),
            Route("/storage/{asset_id}/{path:anything}", routes_files.send_file),
            Route(S3_ROOT + "{path:anything}", answer_s3, methods=_METHODS),
        ],
        middleware=[Middleware(_SlashTaker)],
        lifespan=lifespan,
        exception_handlers={Refusal: answer_refusal, HTTPException: answer_refusal},
    )
    app.state.deployment = deployment
    return app


def build_routes(deployment: Deployment) -> list[Route]:
    """Return the calls that a deployment has, below ``/api/v1``."""
    dialect, version = deployment.dialect, deployment.version
    asset = "/data_assets/{asset_id}"
    calls = [
        Route("/data_assets", routes_assets.create, methods=["POST"]),
        Route(f"{asset}/archive", routes_assets.archive, methods=["PATCH"]),
        Route(f"{asset}/permissions", routes_permissions.set_permissions, methods=["POST"]),
    ]
    if dialect is Dialect.LEGACY:
        calls += [
            Route("/data_assets", routes_search.search_legacy),
            Route(f"{asset}/files", routes_files.list_files, methods=["POST"]),
            Route(f"{asset}/files/download_url", routes_files.get_download_url),
        ]
    elif dialect is Dialect.V3_0:
        calls += [
            Route("/data_assets/search", routes_search.search_without_token, methods=["POST"])
        ]
    else:
        calls += [
            Route("/data_assets/search", routes_search.search_current, methods=["POST"]),
            Route(f"{asset}/files", routes_files.list_files, methods=["POST"]),
            Route(f"{asset}/transfer", transfer.transfer, methods=["POST"]),
            Route(f"{asset}/files/download_url", routes_files.get_download_url),
        ]
    added = [
        ((3, 9), Route("/custom_metadata", routes_assets.get_custom_metadata)),
        ((4, 0), Route(f"{asset}/files/urls", routes_files.get_file_urls)),
        ((4, 3), Route(f"{asset}/permissions", routes_permissions.get_permissions)),
    ]
    if dialect is not Dialect.LEGACY:
        added += _list_workplace_routes()
    calls += [route for since, route in added if since <= version]
    return [
        *calls,
        Route(asset, routes_assets.get_one),
        Route(asset, routes_assets.update, methods=["PUT"]),
        Route(asset, routes_assets.delete, methods=["DELETE"]),
    ]


def _list_workplace_routes() -> list[tuple[tuple[int, int], Route]]:
    """Return the calls on capsules, pipelines and computations with their first versions.

    What nobody has said is a guess: that those on a capsule's permissions are as old as sharing
    an asset's, and how old releases are.
    """
    calls: list[tuple[tuple[int, int], Route]] = []
    for kind, first, searched in (("capsules", (2, 18), (3, 1)), ("pipelines", (4, 1), (4, 0))):
        one = f"/{kind}/{{capsule_id}}"
        permissions = f"{one}/permissions"
        calls += [
            (searched, Route(f"/{kind}/search", routes_capsules.search, methods=["POST"])),
            (first, Route(f"{one}/computations", routes_capsules.list_computations)),
            *((first, route) for route in _list_attach_routes(one)),
            (max(first, (3, 9)), Route(f"{one}/app_panel", routes_capsules.get_app_panel)),
            (first, Route(f"{one}/archive", routes_capsules.archive, methods=["PATCH"])),
            (RELEASES_SINCE, Route(f"{one}/sync", releases.sync, methods=["POST"])),
            (RELEASES_SINCE, Route(f"{one}/release", releases.release, methods=["POST"])),
            (RELEASES_SINCE, Route(f"{one}/release/{{job_id}}", releases.get_job)),
            (
                (4, 3),
                Route(permissions, routes_permissions.get_capsule_permissions),
            ),
            (
                first,
                Route(permissions, routes_permissions.set_capsule_permissions, methods=["POST"]),
            ),
            (first, Route(one, routes_capsules.get_one)),
            (first, Route(one, routes_capsules.delete, methods=["DELETE"])),
        ]
    one, old = "/computations/{computation_id}", (2, 18)
    results = f"{one}/results"
    return [
        *calls,
        *(((4, 2), route) for route in _list_attach_routes(one)),
        (old, Route("/computations", routes_computations.run, methods=["POST"])),
        (old, Route(results, routes_computations.list_results, methods=["POST"])),
        ((4, 0), Route(f"{results}/urls", routes_computations.get_result_urls)),
        (old, Route(f"{results}/download_url", routes_computations.get_result_download_url)),
        (old, Route(one, routes_computations.get_one)),
        (old, Route(one, routes_computations.rename, methods=["PATCH"])),
        (old, Route(one, routes_computations.delete, methods=["DELETE"])),
    ]


def _list_attach_routes(one: str) -> list[Route]:
    path = f"{one}/data_assets"
    return [
        Route(path, routes_attachments.attach, methods=["POST"]),
        Route(path, routes_attachments.detach, methods=["DELETE"]),
    ]


class _SlashTaker:
    """ASGI middleware that takes a call with a slash at its end too, and without a redirect.

    The guide writes some calls without and the official SDK with it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/"):
            scope = {**scope, "path": scope["path"].removesuffix("/")}
        await self._app(scope, receive, send)
