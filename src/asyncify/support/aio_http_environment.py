"""The part of `aio_http` that asks the environment: proxies, logins out of URLs and .netrc, certificates to trust."""

from __future__ import annotations

import base64
import functools
import importlib
import ipaddress
import netrc
import os
import re
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse, urlsplit

import multidict
import yarl

from asyncify.support.aio_http_response import InvalidProxyURL, InvalidSchema


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()


def _login(url: str) -> str | None:
    """Basic authorization out of `url` itself."""
    parts = urlparse(url)
    if parts.username is None or parts.password is None or not (parts.username or parts.password):
        return None
    return _basic(unquote(parts.username), unquote(parts.password))


def _netrc_login(host: str | None, untouched: bool) -> str | None:
    """Basic authorization for `host` out of the .netrc; one that cannot be read does not count."""
    path = _netrc_path(None if untouched else os.environ.get("NETRC"), int(time.monotonic()))
    if path is None:
        return None
    try:
        found = netrc.netrc(path).authenticators(host or "")
    except (netrc.NetrcParseError, OSError):
        return None
    return _basic(found[0] or found[1] or "", found[2] or "") if found and any(found) else None


@functools.lru_cache(maxsize=1)
def _netrc_path(named: str | None, _second: int) -> Path | None:
    """The file named, or ~/.netrc, or ~/_netrc; looked for once a second, not for each request."""
    paths = (Path(path).expanduser() for path in (("~/.netrc", "~/_netrc") if named is None else (named,)))
    return next((path for path in paths if path.exists()), None)


_NAMES = frozenset(
    os.fsencode(name)
    for scheme in ("http", "https", "all")
    for name in ("NETRC", f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
)


def _untouched() -> bool:
    """Whether the environment certainly names neither a proxy nor a .netrc: fast, because it is asked so often."""
    variables = None if sys.platform in ("win32", "darwin") else getattr(os.environ, "_data", None)
    return variables is not None and variables.keys().isdisjoint(_NAMES)


def _proxies(url: yarl.URL) -> dict[str, str]:
    """The proxies that the environment gives for `url`, by scheme or ``all``; none where no_proxy says so."""
    host = url.host or ""
    without = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").replace(" ", "").split(",")
    try:
        address = ipaddress.IPv4Address(host)
        for name in filter(None, without):
            network = re.fullmatch(r"[\d.]+/([1-9]|[12]\d|3[0-2])", name)
            if name == host or (network and address in ipaddress.IPv4Network(name, strict=False)):
                return {}
    except ValueError:
        names = (host, host if url.explicit_port is None else f"{host}:{url.port}")
        ends = [end.lstrip(".") for end in without if end]
        if any(name == end or name.endswith(f".{end}") for name in names for end in ends):
            return {}
    return {} if urllib.request.proxy_bypass(host) else urllib.request.getproxies()


def _through(proxy: str, url: yarl.URL, headers: multidict.CIMultiDict[str]) -> dict[str, Any]:
    """What to tell aiohttp so that it goes through `proxy`."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if not parts.hostname:
        raise InvalidProxyURL("Please check proxy URL. It is malformed and could be missing the host.")
    if parts.scheme.startswith("socks"):
        raise InvalidSchema("Missing dependencies for SOCKS support.")
    options: dict[str, Any] = {"proxy": yarl.URL(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())}
    if login := _login(parts.geturl()):
        if url.scheme == "https":
            options["proxy_headers"] = {"Proxy-Authorization": login}
        else:
            headers["Proxy-Authorization"] = login
    return options


@functools.lru_cache(maxsize=8)
def _trusted(bundle: str) -> ssl.SSLContext | bool:
    if not bundle:
        try:
            bundle = str(importlib.import_module("certifi").where())
        except ImportError:
            return True
    if not Path(bundle).exists():
        raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {bundle}")
    directory = Path(bundle).is_dir()
    context = ssl.create_default_context(cafile=None if directory else bundle, capath=bundle if directory else None)
    context.set_alpn_protocols(["http/1.1"])
    return context
