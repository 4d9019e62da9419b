"""Routes of the local server that only the fixtures need.

``/no-charset``        text/plain in ISO-8859-1 whose header does not say so
``/json-as-text/<n>``  the body of ``/json/<n>`` as text/plain
``/headers/repeated``  the header ``X-Tag`` three times
``/login`` (POST)      sets a cookie and redirects to ``/cookies``
``/token`` (POST)      a token: in JSON, or as OAuth 1 writes it where the request is signed
``/digest-auth``       200 with digest credentials, whichever; else 401 with a challenge
"""

from __future__ import annotations

import json

from aiohttp import web


async def _no_charset(_: web.Request) -> web.Response:
    return web.Response(body="grüße, naïve\n".encode("latin-1"), headers={"Content-Type": "text/plain"})


async def _json_as_text(request: web.Request) -> web.Response:
    n = int(request.match_info["n"])
    data = {"n": n, "items": [{"id": i, "name": f"item {i}"} for i in range(n)]}
    return web.Response(text=json.dumps(data))


async def _repeated(_: web.Request) -> web.Response:
    response = web.Response(text="three tags")
    for tag in ("one", "two", "three"):
        response.headers.add("X-Tag", tag)
    return response


async def _login(_: web.Request) -> web.Response:
    response = web.Response(status=302, headers={"Location": "/cookies"})
    response.set_cookie("login", "yes")
    return response


async def _digest_auth(request: web.Request) -> web.Response:
    if request.headers.get("Authorization", "").startswith("Digest "):
        return web.Response(text="yes")
    challenge = 'Digest realm="local", nonce="abc", qop="auth", algorithm=MD5'
    return web.Response(status=401, headers={"WWW-Authenticate": challenge}, text="no")


async def _token(request: web.Request) -> web.Response:
    if request.headers.get("Authorization", "").startswith("OAuth "):
        return web.Response(text="oauth_token=t1&oauth_token_secret=s1")
    return web.json_response({"access_token": "abc", "token_type": "Bearer", "expires_in": 3600})


def add_routes(app: web.Application) -> None:
    """Add all of them."""
    app.router.add_get("/no-charset", _no_charset)
    app.router.add_get("/json-as-text/{n:[0-9]+}", _json_as_text)
    app.router.add_get("/headers/repeated", _repeated)
    app.router.add_post("/login", _login)
    app.router.add_post("/token", _token)
    app.router.add_get("/digest-auth", _digest_auth)
