"""A network of its own for the measured program (Linux: user, network and mount namespaces, see namespaces(7)).

In it all addresses are local, every host name resolves to one of them, and nothing else can be reached: whatever client a
program uses, in whatever language, it comes to the sockets that are opened here for the process outside that serves them. The
files that name the trusted certificate authorities are covered by ours.

It takes no rights beyond what Linux gives to all users, but some systems and containers forbid it; then :class:`NoNamespace`
says what failed.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncify.verify.replay.names import ADDRESS

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000  # sched.h
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000  # sys/mount.h
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # net/if.h
# Where systems keep the certificates that OpenSSL, GnuTLS and curl trust.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)  # fmt: skip
CACHES = ("/run/nscd", "/var/run/nscd")  # sockets of daemons that answer for the name server
_FD_LIMIT = 250  # per message (SCM_MAX_FD is 253)


class NoNamespace(Exception):
    """This system gives us no network of our own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the isolated network listens: `address` may be ``""`` for all of them."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Network:
    """The network while it exists: as long as `owner` lives, which ends when `keep` is closed."""

    owner: int
    user: bool  # with a user namespace
    keep: socket.socket
    listeners: tuple[socket.socket, ...]
    names: socket.socket


def create(places: Sequence[Place], bundles: Sequence[str], authority: Path, scratch: Path) -> Network:
    """Make a network that listens at `places`, in a child process. To be called where there is one thread only.

    `authority` is the certificate that covers the files `bundles`; `scratch` a folder for the files that cover others.

    Raises:
        NoNamespace: it cannot be done here.
    """
    if not sys.platform.startswith("linux"):
        raise NoNamespace("only Linux has them")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    owner = os.fork()
    if owner == 0:
        ours.close()
        _own(theirs, places, bundles, authority, scratch)
    theirs.close()
    sockets: list[socket.socket] = []
    while True:
        message, descriptors = _receive(ours)
        sockets += [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if message != b"more":
            break
    if not message.startswith(b"done"):
        ours.close()
        os.waitpid(owner, 0)
        raise NoNamespace(message.decode("utf-8", "replace") or "the process that makes it ended")
    return Network(owner, message == b"done user", ours, tuple(sockets[1:]), sockets[0])


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    message, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(_FD_LIMIT * 4))
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, list(descriptors)


def _own(
    connection: socket.socket, places: Sequence[Place], bundles: Sequence[str], authority: Path, scratch: Path
) -> None:
    """The life of the child: make the network, hand its sockets over, keep it until the other side is gone."""
    try:
        user = _unshare()
        _everything_local()
        _cover_files(bundles, authority, scratch)
        sockets = [_bound(socket.SOCK_DGRAM, Place("127.0.0.1", 53))]
        for place in places:
            with contextlib.suppress(OSError):  # the same one twice
                sockets.append(_bound(socket.SOCK_STREAM, place))
        for start in range(0, len(sockets), _FD_LIMIT):
            some = array.array("i", [each.fileno() for each in sockets[start : start + _FD_LIMIT]])
            connection.sendmsg([b"more"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, some)])
        connection.send(b"done user" if user else b"done")
        connection.recv(1)
    except BaseException as error:
        with contextlib.suppress(OSError):
            connection.send(f"{error}".encode()[:4000] or b"unknown")
    finally:
        os._exit(0)


def _bound(kind: int, place: Place) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((place.address, place.port))
    if kind == socket.SOCK_STREAM:
        made.listen(4096)
    made.setblocking(False)
    return made


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _unshare() -> bool:
    """Leave the namespaces we were in; whether that took a user namespace."""
    libc = _libc()
    user, group = os.getuid(), os.getgid()
    alone = bool(libc.unshare(CLONE_NEWNS | CLONE_NEWNET))
    if alone:
        _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
    return alone


def _everything_local() -> None:
    """Bring the loopback device up, and route all of IPv4 to it (``ip route add local default dev lo``)."""
    import fcntl  # which not every system has

    request = struct.Struct("16sH22x")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags: int = request.unpack(fcntl.ioctl(any_socket, SIOCGIFFLAGS, request.pack(b"lo", 0)))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request.pack(b"lo", flags | IFF_UP))
    # rtnetlink(7): RTM_NEWROUTE, a request with acknowledgement that creates; table local, scope host, type local.
    route = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, 255, 3, 254, 2, 0)
    attribute = struct.pack("HHI", 8, 4, socket.if_nametoindex("lo"))  # RTA_OIF
    head = struct.pack("IHHII", 16 + len(route) + len(attribute), 24, 0x1 | 0x4 | 0x400, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(head + route + attribute)
        (failed,) = struct.unpack_from("i", netlink.recv(4096), 16)
    if failed:
        raise OSError(-failed, f"route: {os.strerror(-failed)}")


def _cover_files(bundles: Sequence[str], authority: Path, scratch: Path) -> None:
    """Our name server, our hosts, our certificates, in place of the system's."""
    covers = {"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n"}
    name = socket.gethostname()
    covers["/etc/hosts"] = f"127.0.0.1 localhost {name}\n::1 localhost ip6-localhost\n"
    with contextlib.suppress(OSError):
        lines = Path("/etc/nsswitch.conf").read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if not line.lstrip().startswith("hosts:")]
        covers["/etc/nsswitch.conf"] = "\n".join([*kept, "hosts: files dns", ""])
    for number, (path, text) in enumerate(covers.items()):
        cover = scratch / f"cover-{number}"
        cover.write_text(text, encoding="utf-8")
        cover.chmod(0o644)
        _mount_over(cover, path)
    for path in {*BUNDLES, *bundles}:
        _mount_over(authority, path)
    empty = scratch / "empty"
    empty.mkdir(exist_ok=True)
    for path in CACHES:
        _mount_over(empty, path)


def _mount_over(source: Path, target: str) -> None:
    if Path(target).exists():
        _check(_libc().mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None), f"mount over {target}")


def enter(owner: int, user: bool, folder: Path) -> None:
    """Move this process (one thread, about to become the program) into the network of `owner`, and to `folder`."""
    libc = _libc()
    kinds = (("user", CLONE_NEWUSER), ("net", CLONE_NEWNET), ("mnt", CLONE_NEWNS))
    descriptors = [
        (os.open(f"/proc/{owner}/ns/{name}", os.O_RDONLY), name, flag) for name, flag in kinds if user or name != "user"
    ]
    for descriptor, name, flag in descriptors:
        _check(libc.setns(descriptor, flag), f"setns {name}")
        os.close(descriptor)
    os.chdir(folder)  # a mount namespace begins at its root


def usable_address(text: str) -> str:
    """The address a listener for the host `text` needs: itself where it is one, else the one of all host names."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return "127.0.0.1" if text == "localhost" else ADDRESS
    return text
