"""One and the same conversation, said with six clients: each is the function ``ask`` of a program."""

from __future__ import annotations

from pathlib import Path

CONVERSATION = """
def main():
    for base in ("http://shop.test", "https://api.shop.test"):
        show("query", ask("GET", base + "/echo?b=2&a=1"))
        show("json", ask("POST", base + "/echo", body=b'{"x": 1}', headers={"Content-Type": "application/json"}))
        show("form", ask("PUT", base + "/echo", body=b"a=1&b=2", headers={"Content-Type": "application/x-www-form-urlencoded"}))
        show("gzip", ask("GET", base + "/gzip", headers={"Accept-Encoding": "gzip"}))
        show("chunked", ask("GET", base + "/drip"))
        show("redirect", ask("GET", base + "/redirect/3"))
        show("binary", ask("GET", base + "/bytes"))
        for _ in range(3):
            show("count", ask("GET", base + "/count"))
        show("missing", ask("GET", base + "/missing"))
        many = parallel([base + f"/slow/{n}" for n in range(100)])
        print("parallel", [status for status, _ in many], b"".join(body for _, body in many))
    try:
        ask("GET", "http://nowhere.test/")
    except Exception:
        print("no such host")


def show(what, answer):
    status, body = answer
    if body[:2] == bytes([31, 139]):
        body = gzip.decompress(body)
    print(what, status, body)


def parallel(urls):
    with ThreadPoolExecutor(100) as pool:
        return list(pool.map(lambda url: ask("GET", url), urls))


main()
"""

REQUESTS = """
import requests

def ask(method, url, body=None, headers=None):
    response = requests.request(method, url, data=body, headers=headers)
    return response.status_code, response.content
"""

URLLIB = """
import urllib.error, urllib.request

def ask(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
"""

HTTP_CLIENT = """
import http.client, ssl
from urllib.parse import urlsplit

def ask(method, url, body=None, headers=None):
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc)
    connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), body, headers or {})
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    if 300 <= answer[0] < 400:
        return ask(method, f"{parts.scheme}://{parts.netloc}" + response.headers["Location"])
    return answer
"""

HTTPX = """
import httpx

def ask(method, url, body=None, headers=None):
    response = httpx.request(method, url, content=body, headers=headers, follow_redirects=True)
    return response.status_code, response.content
"""

AIOHTTP = """
import asyncio, aiohttp

async def fetch(session, method, url, body=None, headers=None):
    async with session.request(method, url, data=body, headers=headers) as response:
        return response.status, await response.read()

def ask(method, url, body=None, headers=None):
    async def once():
        async with aiohttp.ClientSession() as session:
            return await fetch(session, method, url, body, headers)
    return asyncio.run(once())

def parallel(urls):
    async def all_of_them():
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*[fetch(session, "GET", url) for url in urls])
    return asyncio.run(all_of_them())
"""

CURL = """
import subprocess

def ask(method, url, body=None, headers=None):
    command = ["curl", "-sS", "-L", "-X", method, "-w", "%{stderr}%{http_code}", url]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=body, capture_output=True)
    if done.returncode:
        raise OSError(done.stderr)
    return int(done.stderr), done.stdout
"""

CLIENTS = {
    "requests": REQUESTS, "urllib": URLLIB, "http.client": HTTP_CLIENT, "httpx": HTTPX, "aiohttp": AIOHTTP, "curl": CURL,
}  # fmt: skip


def program(folder: Path, client: str) -> None:
    """Write ``main.py``: the conversation with that client; its own ``parallel`` takes the place of the threads."""
    conversation = CONVERSATION
    if "def parallel" in client:
        start, end = conversation.index("def parallel"), conversation.rindex("main()")
        conversation = conversation[:start] + conversation[end:]
    head = "import gzip\nfrom concurrent.futures import ThreadPoolExecutor\n"
    (folder / "main.py").write_text(head + client + conversation)
