"""Lead the sockets of this process to the server on this machine that stands for all others.

The second choice, where the system gives no network of its own: names resolve to an address that nobody has, and
connections to any address but this machine's own go to one local port. The server tells from the request whom it was for.
"""

import os
import socket
from pathlib import Path
from types import ModuleType
from typing import Any

ADDRESS = "198.18.0.1"  # as asyncify.verify.replay.names has it
_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost"}


def start() -> None:
    """From now on."""
    target = ("127.0.0.1", int(os.environ["ASYNCIFY_REDIRECT"]))
    ours = {entry for entry in os.environ.get("ASYNCIFY_REDIRECT_LOCAL", "").split(",") if entry}
    unknown = {entry for entry in os.environ.get("ASYNCIFY_REDIRECT_UNKNOWN", "").split(",") if entry}
    own_name = socket.gethostname().lower()
    real_getaddrinfo, real_connect = socket.getaddrinfo, socket.socket.connect
    real_connect_ex = socket.socket.connect_ex

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name.lower() in _LOCAL_NAMES or name.lower() == own_name or _is_address(name):
            return real_getaddrinfo(host, port, family, type, proto, flags)
        if name.lower() in unknown:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real_getaddrinfo(ADDRESS, port, socket.AF_INET, type, proto, 0)

    def gethostbyname(name: str) -> str:
        found: str = getaddrinfo(name, None, socket.AF_INET)[0][4][0]
        return found

    def led(self: socket.socket, address: Any) -> Any:
        if self.family not in (socket.AF_INET, socket.AF_INET6) or self.type & 0xF != socket.SOCK_STREAM:
            return address
        host, port = str(address[0]), int(address[1])
        local = host in _LOCAL_NAMES or host.startswith("127.") or host in ("::1", "0.0.0.0", "::")
        if local and f"{host}:{port}" not in ours:
            return address
        return target if self.family == socket.AF_INET else ("::ffff:127.0.0.1", target[1])

    def connect(self: socket.socket, address: Any) -> None:
        real_connect(self, led(self, address))

    def connect_ex(self: socket.socket, address: Any) -> int:
        return real_connect_ex(self, led(self, address))

    socket.getaddrinfo = getaddrinfo
    socket.gethostbyname = gethostbyname
    socket.socket.connect = connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign,assignment]
    __import__("asyncify_inside_imports").after("certifi", _our_certificates)


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
            return True
        except (OSError, ValueError):
            pass
    return False


def _our_certificates(certifi: ModuleType) -> None:
    """Let ``certifi`` name our certificates: there are packages that ask nobody else."""
    path = os.environ["SSL_CERT_FILE"]
    certifi.where = lambda: path  # type: ignore[attr-defined]
    certifi.contents = lambda: Path(path).read_text(encoding="ascii")  # type: ignore[attr-defined]
