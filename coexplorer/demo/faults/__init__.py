"""Scripted trouble: what networks, proxies and platforms do on a bad day, on demand.

A `FaultPlan` holds rules; `FaultMiddleware` applies them to the requests that it sees; the server
must speak through `FaultProtocol`, which can cut a connection. A plan is filled by a test
(`FaultPlan.add`) or from a script (`parse_script`), one rule per line::

    # METHOD  PATH               FAULT     OPTIONS
    GET       data_assets/*      503       times=2
    *         **                 429       retry-after=2 every=10
    POST      data_assets/search latency   seconds=0.5
    PUT       data_assets/*      lost      nth=1

METHOD is an HTTP method or ``*``. PATH is what follows ``/api/v1/``, or a whole path when it starts
with ``/``; in it ``*`` stands for anything within one segment and ``**`` for anything at all.

FAULT is one of:

``latency``
    The request is carried out ``seconds`` (1) late, also if its client has gone by then; other
    rules may still strike it.
A number (``401``, ``403``, ``404``, ``409``, ``429``, ``500``, ``502``, ``503``, ``504``, …)
    That status with ``{"message": …}`` (``message="…"``); nothing is carried out.
    ``body="…"`` is sent instead, as it is: real platforms also answer with a list, or with text.
    ``retry-after=N`` adds the header in seconds, ``retry-after=date+N`` as an HTTP date.
    At the storage (``/storage/…``, ``/s3/…``) it is XML with a ``code=…``, as S3's errors are.
``reset``
    The request is carried out, half of the reply is sent (or ``bytes``), then the connection is
    reset (TCP RST).
``lost``
    The request is carried out and the connection is reset before any of the reply.
``silence``
    Nothing is carried out and nothing is answered until `FaultPlan.release`, or forever.
``html``
    A proxy's page instead of JSON, with ``status`` (200); nothing is carried out.
``cut``
    The request is carried out; half of its JSON is sent as if that were all.
``short``
    The request is carried out; the connection closes (FIN) after half of the bytes announced, or
    after ``bytes``.
``stall``
    Half of the reply is sent (or ``bytes``), and the rest after `FaultPlan.release`, or never.
``drip``
    The reply comes in pieces of ``bytes`` (1), ``seconds`` (0.05) apart.
``rate``
    The body comes at ``bytes`` (1,000,000) a second.
``ignore``
    A write is answered as if it were done (a PUT with the asset as it is), and is not carried out.
``stale``
    A PUT is carried out; the reply shows the asset as it was before.
``expire``
    After ``after`` (0) requests a token answers 401, until `FaultPlan.renew` or, with ``renew=N``,
    until it was refused N times; then it has another ``after`` requests. At the storage it is the
    signed address that expires, or the key pair: 403 ``AccessDenied``, unless ``status`` and
    ``code`` say another refusal, as ``status=400 code=ExpiredToken``.
``no-range``
    The request's range is ignored: the whole file, with status 200.
``range-200``
    The part that was asked for, but with status 200.
``wrong-range``
    Another part than was asked for, one byte further on, and rightly announced as that.
``etag``
    The file has another version: another ETag, and 412 for who insists on the one before.
``same-token``
    Search replies say ``has_more`` and give the same ``next_token`` over and over.
``no-token``
    Search replies say ``has_more`` and give no ``next_token``.

Which of the matching requests are struck: ``after=N`` spares the first N, ``nth=N`` strikes only
the Nth of the rest, ``every=N`` each Nth, ``times=N`` stops after N strikes. Each rule counts all
the requests that match it; the first rule that strikes wins.
"""

from coexplorer.demo.faults.connection import FaultProtocol
from coexplorer.demo.faults.middleware import FaultMiddleware
from coexplorer.demo.faults.plan import FaultKind, FaultPlan, Rule
from coexplorer.demo.faults.script import FaultScriptError, parse_script

__all__ = [
    "FaultKind",
    "FaultMiddleware",
    "FaultPlan",
    "FaultProtocol",
    "FaultScriptError",
    "Rule",
    "parse_script",
]
