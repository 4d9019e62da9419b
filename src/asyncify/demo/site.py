"""The imaginary railway company the demo asks for its fares: routes for the local server.

``GET /search?date=YYYY-MM-DD`` gives a page with a form, a cookie and a hidden token; ``POST /search``
wants all of them back and gives the connections of that day. The same question always gets the same answer.
"""

from __future__ import annotations

import hashlib
from datetime import date

from aiohttp import web

STATIONS = ("Basel", "Berlin", "Hamburg", "Milano", "Paris", "Praha", "Wien", "Zürich")

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title} – Ferrovia</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #222 }}
form {{ display: grid; gap: 1rem; padding: 1rem; border: 1px solid #ccc; border-radius: .5rem }}
li.connection {{ display: flex; justify-content: space-between; padding: .5rem 0; border-top: 1px solid #eee }}
</style></head>
<body>
{body}
<footer>Ferrovia is an imaginary railway company.</footer>
</body>
</html>
"""


def _token(day: str, visitor: str) -> str:
    return hashlib.sha256(f"{day} {visitor}".encode()).hexdigest()[:32]


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise web.HTTPBadRequest(text="a date, please") from None


async def _form(request: web.Request) -> web.Response:
    day = _day(request.query.get("date")).isoformat()
    visitor = hashlib.sha256(day.encode()).hexdigest()[:16]
    body = f"""<form action="/search" method="post">
<input type="hidden" name="token" value="{_token(day, visitor)}">
<input name="from" placeholder="From"> <input name="to" placeholder="To">
<input type="date" name="date" value="{day}">
<button>Search</button>
</form>"""
    response = web.Response(text=_PAGE.format(title="Search", body=body), content_type="text/html")
    response.set_cookie("visitor", visitor, httponly=True)
    return response


def _rows(day: date, start: str, end: str) -> list[str]:
    """Six connections; their prices look random but depend on the question only."""
    rows = []
    for number in range(6):
        digest = hashlib.sha256(f"{day} {start} {end} {number}".encode()).digest()
        departure = f"{6 + 2 * number + digest[0] % 2:02}:{digest[1] % 60:02}"
        price = 19 + int.from_bytes(digest[2:4], "big") % 120 + digest[4] % 10 / 10
        rows.append(
            f'<li class="connection" data-departure="{departure}" data-train="EC {10 + digest[5]}" '
            f'data-price="{price:.2f}">{departure} EC {10 + digest[5]}, {price:.2f} €'
        )
    return rows


async def _results(request: web.Request) -> web.Response:
    form = await request.post()
    day, start, end = _day(str(form.get("date"))), str(form.get("from")), str(form.get("to"))
    if form.get("token") != _token(day.isoformat(), request.cookies.get("visitor", "")):
        raise web.HTTPForbidden(text="this form has expired")
    if start == end or not {start, end} <= set(STATIONS):
        raise web.HTTPBadRequest(text="two stations, please")
    items = "\n".join(_rows(day, start, end))
    body = f"<h1>{start} – {end}, {day}</h1>\n<ul>\n{items}\n</ul>"
    return web.Response(text=_PAGE.format(title="Connections", body=body), content_type="text/html")


def add_routes(app: web.Application) -> None:
    """Add the two."""
    app.router.add_get("/search", _form)
    app.router.add_post("/search", _results)
