"""The server that stands for all servers: what a program asks of any host arrives here, is recorded or played back.

    with Gateway(cassette=Path("tape.yaml")) as gateway:
        run = measure(command, folder, scratch, env=gateway.environment, enter=gateway.enter)
        traffic = gateway.traffic()

How programs are led to it, best first:

- *namespace* (Linux): the program runs in a network where all hosts are this server. Holds for every client and language.
- *redirect*: Python's own sockets connect here instead (``sitecustomize``), and ``curl`` does (``~/.curlrc``). Other programs,
  and Python code whose sockets are not Python's (uvloop, gevent, pycurl), are not reached and would find the real network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from asyncify.errors import InputError
from asyncify.verify.inside import FOLDER
from asyncify.verify.replay import isolate
from asyncify.verify.replay.settings import Settings
from asyncify.verify.server import RecordingServer, Traffic

# Variables that name the certificates a client trusts, by who reads them.
TRUST = (
    "SSL_CERT_FILE",  # OpenSSL: urllib, aiohttp, httpx, git …
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "AWS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "WEBSOCKET_CLIENT_CA_BUNDLE",
    "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)  # fmt: skip
# Copies of the certificates that Python packages carry with them.
_COPIES = ("certifi/cacert.pem", "pip/_vendor/certifi/cacert.pem", "botocore/cacert.pem", "httplib2/cacerts.txt")


@dataclass(frozen=True, slots=True)
class Tape:
    """What a recording gave: how many exchanges, and in how many of them something was redacted."""

    exchanges: int
    redacted: int


class Gateway(RecordingServer):
    """Records (with `record`) or plays `cassette`; with neither, it has no answer to anything.

    `command` is what will run: the certificates its Python carries with it are replaced. `ports` are more ports that it asks
    of other hosts (``"9200"``) or of this machine (``"127.0.0.1:9200"``). `ignored` are regular expressions for what
    does not count in a request. `addresses` (``{"host:443": "127.0.0.1:8443"}``) and `authority` say where real servers are
    and whom to trust, for tests.

    Raises:
        ServerError: on entry, where the process does not come up.
        InputError: on entry, where the cassette cannot be read.
    """

    def __init__(
        self,
        cassette: Path | None = None,
        *,
        record: bool = False,
        command: Sequence[str] = (),
        folder: Path = Path(),
        ports: Sequence[str] = (),
        ignored: Sequence[str] = (),
        isolated: bool = True,
        addresses: Mapping[str, str] | None = None,
        authority: Path | None = None,
    ) -> None:
        super().__init__([sys.executable, "-m", "asyncify.verify.replay.serve"])
        self.mechanism = ""  # "namespace" or "redirect", once entered
        self.reason = ""  # why it is not the better one
        self._scratch = Path(tempfile.mkdtemp(prefix="asyncify-replay-"))
        self._scratch.chmod(0o755)  # a program that changes its user has to read the certificate
        self._settings = Settings(
            scratch=str(self._scratch),
            cassette=str(cassette.absolute()) if cassette and not record else None,
            record=record,
            ports=tuple(ports),
            ignored=tuple(ignored),
            isolate=isolated,
            bundles=tuple(certificate_copies(command, folder)),
            addresses=dict(addresses or {}),
            authority=str(authority) if authority else None,
        )

    def __enter__(self) -> Self:
        try:
            super().__enter__()
        except BaseException:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _greet(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(self._settings)) + "\n")
        process.stdin.flush()

    def _ready(self, answer: dict[str, Any]) -> None:
        if "error" in answer:
            raise InputError(answer["error"])
        environment = dict.fromkeys(TRUST, answer["authority"])
        if answer["owner"] is not None:
            self.mechanism = "namespace"
            self.enter = partial(isolate.enter, answer["owner"], answer["user"])
        else:
            self.mechanism, self.reason = "redirect", answer["reason"] or "it was not asked for"
            environment |= {
                "PYTHONPATH": str(FOLDER),
                "ASYNCIFY_REDIRECT": str(answer["port"]),
                "ASYNCIFY_REDIRECT_LOCAL": ",".join(answer["redirected"]),
                "ASYNCIFY_REDIRECT_UNKNOWN": ",".join(answer["unknown"]),
                "CURL_HOME": str(self._scratch),
            }
            # Of several rules curl takes the first that fits; names that end in .invalid do not exist (RFC 6761).
            rules = [f"{host}::asyncify.invalid:" for host in answer["unknown"]] + [f"::127.0.0.1:{answer['port']}"]
            curl = "".join(f'connect-to = "{rule}"\n' for rule in rules)
            (self._scratch / ".curlrc").write_text(curl, encoding="utf-8")
        self.environment = environment

    def finish(self, path: Path | None, *, redact: bool = True) -> Tape:
        """End the recording, write it to `path` (if there is one), and play it back from now on.

        Raises:
            InputError: the cassette cannot be written.
        """
        text = str(path.absolute()) if path else None
        answer = json.loads(self._ask({"do": "finish", "path": text, "redact": redact})[0])
        if "error" in answer:
            raise InputError(answer["error"])
        return Tape(**answer)

    def traffic(self) -> Traffic:
        """The requests since the start or the last reset, and what could not be served."""
        problems = tuple(json.loads(line) for line in self._ask({"do": "problems"}))
        return Traffic(super().traffic().requests, problems)

    def press(self) -> bool:
        """In this run answer only when no more requests come, to see how many the program has in flight at most. It does."""
        self._ask({"do": "press"})
        return True

    def unused(self) -> tuple[str, ...]:
        """Recorded requests that were not made since the last reset."""
        return tuple(json.loads(line) for line in self._ask({"do": "unused"}))


def certificate_copies(command: Sequence[str], folder: Path) -> list[str]:
    """The certificate files in the packages of the Python that `command` would run, and of this one."""
    roots = {Path(sys.prefix)}
    if environment := os.environ.get("VIRTUAL_ENV"):
        roots.add(Path(environment))
    roots |= {folder / name for name in (".venv", "venv")}
    program = shutil.which(command[0]) if command else None
    if program:
        roots |= {Path(program).absolute().parent.parent, Path(program).resolve().parent.parent}
    found = []
    for root in roots:
        for library in ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages"):
            for packages in root.glob(library):
                found += [str(packages / copy) for copy in _COPIES if (packages / copy).is_file()]
    return sorted(set(found))
