"""A company's network in its own namespace: a platform behind proxies and certificates.

Run as a program (`ENTER` first) it sets up the network, prints its ports as one line of JSON, and
then runs commands: a line of JSON in (``argv``, ``env``, ``trust``), a line out (``code``, ``out``,
``err``, ``by``: the proxies that were passed).

The addresses are not loopback, so the program takes the same path as in real life.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from tests.support.namespaces import UNSHARE
from tests.support.server import running_server

ENTER = (*UNSHARE, "--net")
HERE = "10.200.0.1"
HERE6 = "fd07:b51a:cc66:f0::1"
NAME = "platform.test"
USER, PASSWORD = "me", "p#ss/wo:rd@1"  # as people have them, and get them wrong

_passed: list[str] = []


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def make_authority(folder: Path, name: str) -> None:
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", str(folder / f"{name}.key")),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", str(folder / f"{name}.pem")),
    )


def make_certificate(folder: Path, name: str, authority: str, hosts: str) -> ssl.SSLContext:
    request = folder / f"{name}.csr"
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={hosts}\n")
    run(
        *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", f"/CN={name}", "-keyout", str(folder / f"{name}.key"), "-out", str(request)),
    )
    run(
        *("openssl", "x509", "-req", "-in", str(request), "-days", "2"),
        *("-CA", str(folder / f"{authority}.pem"), "-CAkey", str(folder / f"{authority}.key")),
        *("-CAcreateserial", "-extfile", str(extensions), "-out", str(folder / f"{name}.pem")),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def make_store(folder: Path, *authorities: Path) -> None:
    """Make a folder like /etc/ssl/certs."""
    folder.mkdir()
    bundle = "".join(each.read_text() for each in authorities)
    (folder / "ca-certificates.crt").write_text(bundle)
    for each in authorities:
        (folder / each.name).write_text(each.read_text())
    run("openssl", "rehash", str(folder))


def mount_commands(store: Path) -> str:
    """Return shell commands that put a store in the place of the system's."""
    usual = ssl.get_default_verify_paths()
    file, folder = Path(usual.openssl_cafile), Path(usual.openssl_capath)
    commands = []
    if folder.is_dir():
        commands.append(f"mount --bind {store} {folder.resolve()}")
    if file.is_file() and not file.resolve().is_relative_to(folder.resolve()):
        commands.append(f"mount --bind {store}/ca-certificates.crt {file.resolve()}")
    return " && ".join([*commands, 'exec "$@"'])


# --- Servers


def serve(handle: Callable[[socket.socket], None], host: str = HERE) -> int:
    listener = socket.create_server((host, 0), backlog=64, family=_family(host))

    def guarded(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError), connection:
            handle(connection)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=guarded, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def pipe(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()


def forward_tls(context: ssl.SSLContext, port: int) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as inner,
            socket.create_connection(("127.0.0.1", port)) as platform,
        ):
            pipe(inner, platform)

    return handle


def read_head(connection: socket.socket) -> list[str]:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (byte := connection.recv(1)):
            raise ValueError("no whole request")
        head += byte
        if head == b"\x16":  # TLS, which nobody here speaks
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            raise ValueError("no HTTP")
    return head.decode("latin-1").split("\r\n")


def proxy(
    name: str,
    *,
    password: bool = False,
    refuses: bool = False,
    outer: ssl.SSLContext | None = None,
    reads: Callable[[socket.socket], None] | None = None,
) -> Callable[[socket.socket], None]:
    """Build a CONNECT proxy; one that `reads` along answers in the platform's place."""
    wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def handle(connection: socket.socket) -> None:
        if outer is not None:
            connection = outer.wrap_socket(connection, server_side=True)
        first, *lines = read_head(connection)
        if password and f"Proxy-Authorization: Basic {wanted}" not in lines:
            refusal = "HTTP/1.1 407 Proxy Authentication Required"
            connection.sendall(f"{refusal}\r\nProxy-Authenticate: Basic\r\n\r\n".encode())
            return
        if refuses:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        _passed.append(name)
        host, _, port = first.split()[1].rpartition(":")
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if reads is not None:
            reads(connection)
            return
        with socket.create_connection((host.strip("[]"), int(port))) as target:
            pipe(connection, target)

    return handle


def babble(connection: socket.socket) -> None:
    """Answer as no proxy does."""
    read_head(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n" * 9)


def socks(name: str, *, password: bool = False) -> Callable[[socket.socket], None]:
    """Build a SOCKS5 proxy (RFC 1928 and 1929)."""

    def handle(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        _, count = stream.read(2)
        methods = stream.read(count)
        method = 2 if password else 0
        if method not in methods:
            connection.sendall(b"\x05\xff")
            return
        connection.sendall(bytes([5, method]))
        if password:
            user = stream.read(stream.read(2)[1])
            given = stream.read(stream.read(1)[0])
            good = (user.decode(), given.decode()) == (USER, PASSWORD)
            connection.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        kind = stream.read(4)[3]
        if kind == 3:
            host = stream.read(stream.read(1)[0]).decode()
        else:
            family, size = ((socket.AF_INET, 4), (socket.AF_INET6, 16))[kind == 4]
            host = socket.inet_ntop(family, stream.read(size))
        port = int.from_bytes(stream.read(2))
        _passed.append(name)
        with socket.create_connection((host, port)) as target:
            connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
            pipe(connection, target)

    return handle


# --- Outside the namespace


class Ran(msgspec.Struct, frozen=True):
    """How a command ended, and by which proxies it went."""

    code: int
    out: str
    err: str
    by: list[str]


class Company:
    """The network, and commands in it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told = json.loads(self._read())
        self.homes = 0

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the network could not be made; what it said is above"
        return line

    def place(self, name: str, host: str = HERE) -> str:
        return f"{host}:{self.told[name]}"

    def path(self, name: str) -> str:
        return f"{self.told['folder']}/{name}"

    def __call__(
        self,
        env: Mapping[str, str],
        *argv: str,
        trust: str = "public",
        platform: str | None = None,
        home: str | None = None,
    ) -> Ran:
        """Run the program; `env` may name the places of the network in braces."""
        self.homes += 1
        places = {name: self.place(name) for name in self.told}
        filled = {
            name: value.format(**places, dir=self.told["folder"]) for name, value in env.items()
        }
        own = {
            "HOME": home or self.path(f"home{self.homes}"),
            "CODEOCEAN_DOMAIN": platform or f"https://{self.place('platform', NAME)}",
            "CODEOCEAN_TOKEN": self.told["token"],
        }
        program = [sys.executable, "-m", "coexplorer", *(argv or ("ls", "--tsv"))]
        asked = {"argv": program, "env": {**own, **filled}, "trust": trust}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        ran = msgspec.json.decode(self._read(), type=Ran)
        said = ran.out + ran.err
        assert "Traceback" not in said, said  # whole: pytest shows only a part of it
        assert "mistake in coexplorer" not in said
        for secret in (self.told["token"], PASSWORD, "%23ss"):
            assert secret not in said
        return ran


@contextlib.contextmanager
def company_network() -> Iterator[Company]:
    """Run the network for as long as the context lasts."""
    with subprocess.Popen(
        [*ENTER, sys.executable, "-m", "tests.support.company"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield Company(process)


# --- The program in the namespace


def main() -> None:
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{HERE}/32", "dev", "lo")
    run("ip", "-6", "address", "add", f"{HERE6}/128", "dev", "lo", "nodad")
    with (
        tempfile.TemporaryDirectory() as name,
        running_server(Path(name) / "server", "current") as server,
    ):
        folder = Path(name)
        hosts = folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{HERE} {NAME}\n")
        run("mount", "--bind", str(hosts), "/etc/hosts")
        for authority in ("public", "company"):
            make_authority(folder, authority)
        names = f"DNS:{NAME},IP:{HERE},IP:{HERE6}"
        real = make_certificate(folder, "real", "public", names)
        faked = make_certificate(folder, "faked", "company", names)
        wrong = make_certificate(folder, "wrong", "public", "DNS:other.test")
        public, company = folder / "public.pem", folder / "company.pem"
        make_store(folder / "public", public)
        make_store(folder / "both", public, company)
        platform = int(server.url.rpartition(":")[2])
        platform_tls = forward_tls(real, platform)
        told = {
            "token": server.users[0].token,
            "folder": name,
            "platform": serve(platform_tls),
            "platform6": serve(platform_tls, HERE6),
            "misnamed": serve(forward_tls(wrong, platform)),
            "proxy": serve(proxy("proxy")),
            "locked": serve(proxy("locked", password=True)),
            "refusing": serve(proxy("refusing", refuses=True)),
            "tls_proxy": serve(proxy("tls_proxy", outer=real)),
            "reading": serve(proxy("reading", reads=forward_tls(faked, platform))),
            "socks": serve(socks("socks")),
            "locked_socks": serve(socks("locked_socks", password=True)),
            "babbling": serve(babble),
            "closed": 9,
        }
        print(json.dumps(told), flush=True)  # noqa: T201 # the protocol
        for line in sys.stdin:
            print(json.dumps(run_command(json.loads(line), folder)), flush=True)  # noqa: T201


def run_command(asked: dict[str, object], folder: Path) -> dict[str, object]:
    _passed.clear()
    argv, env = asked["argv"], asked["env"]
    if not isinstance(argv, list) or not isinstance(env, dict):
        raise TypeError("no command")
    commands = mount_commands(folder / str(asked["trust"]))
    enter = ["unshare", "--mount", "sh", "-c", commands, "sh"]
    done = subprocess.run(
        [*enter, *argv],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )
    by = sorted(set(_passed))
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr, "by": by}


if __name__ == "__main__":
    main()
