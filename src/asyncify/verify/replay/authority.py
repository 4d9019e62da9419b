"""A certificate authority that nobody has trusted before or will after: it lives as long as one verification."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Makes server contexts for whatever name a client asks for.

    HTTP/1.1 is all they offer, so a client that could speak HTTP/2 does not.
    """

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}

    def write(self, path: Path) -> None:
        """Write the certificate that clients have to trust (PEM)."""
        self._ca.cert_pem.write_to_path(str(path))

    def context(self, address: str) -> ssl.SSLContext:
        """A context for a connection to `address`; a client that names the server gets a certificate of that name."""
        return self._for(address)

    def _for(self, name: str) -> ssl.SSLContext:
        context = self._contexts.get(name)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            self._ca.issue_cert(name).configure_cert(context)
            context.sni_callback = self._named
            self._contexts[name] = context
        return context

    def _named(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        if name:
            connection.context = self._for(name)
