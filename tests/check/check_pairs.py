"""Programs before and after a correct migration, written by hand, and ways to spoil the second."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from textwrap import dedent, indent

from asyncify.support import Module, emit, helpers

_MODULES: tuple[Module, ...] = ("aio_support", "aio_requests")
SUPPORT = {f"{module}.py": emit(module, helpers(module)).encode() for module in _MODULES}


def tree(**files: str) -> dict[str, bytes]:
    """A tree of files: ``a__b=...`` is ``a/b.py``."""
    return {name.replace("__", "/") + ".py": dedent(text).lstrip("\n").encode() for name, text in files.items()}


def sources(text: str) -> dict[str, bytes]:
    """A tree from one text, in which ``### path`` begins a file."""
    files: dict[str, bytes] = {}
    for part in dedent(text).split("### ")[1:]:
        path, _, body = part.partition("\n")
        files[path.strip()] = body.encode()
    return files


_POOL = (
    """
    ### crawl.py
    import time
    from concurrent.futures import ThreadPoolExecutor, as_completed

    import requests


    def fetch(url):
        time.sleep(0.1)
        response = requests.get(url, timeout=5)
        return len(response.text)


    def main():
        urls = ["http://a/%d" % n for n in range(10)]
        with ThreadPoolExecutor(8) as pool:
            futures = {pool.submit(fetch, url): url for url in urls}
            for future in as_completed(futures):
                print(futures[future], future.result())


    if __name__ == "__main__":
        main()
    """,
    """
    ### crawl.py
    import asyncio

    import aio_requests
    from aio_support import TaskPool, as_completed


    async def fetch(url):
        await asyncio.sleep(0.1)
        response = await aio_requests.get(url, timeout=5)
        return len(response.text)


    async def main():
        urls = ["http://a/%d" % n for n in range(10)]
        async with TaskPool(8) as pool:
            futures = {pool.submit(fetch, url): url for url in urls}
            async for future in as_completed(futures):
                print(futures[future], await future.result())


    if __name__ == "__main__":
        asyncio.run(main())
    """,
)

_METHODS = (
    """
    ### shop/__init__.py
    from .client import Client

    ### shop/client.py
    import requests


    class Base:
        def __init__(self, root):
            self.session = requests.Session()
            self.root = root

        def get(self, path):
            return self.session.get(self.root + path)


    class Client(Base):
        def login(self, name):
            if self.get("/login").ok:
                return self.token(name)
            return None

        def token(self, name):
            return super().get("/token/" + name).json()["token"]

    ### shop/app.py
    from shop import Client


    class App:
        def __init__(self):
            self.client = Client("http://shop")

        def start(self):
            token = self.client.login("me")
            return f"{token} {self.client.get('/x').text}"


    def main():
        app = App()
        print(app.start())
    """,
    """
    ### shop/__init__.py
    from .client import Client

    ### shop/client.py
    import aio_requests


    class Base:
        def __init__(self, root):
            self.session = aio_requests.Session()
            self.root = root

        async def get(self, path):
            return await self.session.get(self.root + path)


    class Client(Base):
        async def login(self, name):
            if (await self.get("/login")).ok:
                return await self.token(name)
            return None

        async def token(self, name):
            return (await super().get("/token/" + name)).json()["token"]

    ### shop/app.py
    import asyncio

    from shop import Client


    class App:
        def __init__(self):
            self.client = Client("http://shop")

        async def start(self):
            token = await self.client.login("me")
            return f"{token} {(await self.client.get('/x')).text}"


    def main():
        app = App()
        print(asyncio.run(app.start()))
    """,
)

_NATIVE = (
    """
    ### load.py
    import requests


    def load(session, url):
        with session.get(url) as response:
            response.raise_for_status()
            return response.json()


    def main(urls):
        with requests.Session() as session:
            return [load(session, url) for url in urls]
    """,
    """
    ### load.py
    import aiohttp


    async def load(session, url):
        async with session.get(url) as response:
            response.raise_for_status()
            return await response.json()


    async def main(urls):
        async with aiohttp.ClientSession() as session:
            return [await load(session, url) for url in urls]
    """,
)

_LISTS = (
    """
    ### jobs.py
    from concurrent.futures import ThreadPoolExecutor

    import requests


    def size(url: str) -> int:
        return len(requests.get(url).content)


    def total(urls):
        pool = ThreadPoolExecutor(max_workers=4)
        futures = [pool.submit(size, url) for url in urls]
        futures.append(pool.submit(size, "http://last"))
        sizes = [future.result() for future in futures]
        pool.shutdown()
        if all(f.exception() is None for f in futures):
            return sum(sizes)
        return sum(f.result() for f in futures if f.done())


    def mapped(urls):
        with ThreadPoolExecutor() as pool:
            for n, length in enumerate(pool.map(size, urls)):
                print(n, length)
            return list(pool.map(size, urls))
    """,
    """
    ### jobs.py
    import aio_requests
    from aio_support import TaskPool


    async def size(url: str) -> int:
        return len((await aio_requests.get(url)).content)


    async def total(urls):
        pool = TaskPool(max_workers=4)
        futures = [pool.submit(size, url) for url in urls]
        futures.append(pool.submit(size, "http://last"))
        sizes = [await future.result() for future in futures]
        await pool.shutdown()
        if all([await f.exception() is None for f in futures]):
            return sum(sizes)
        return sum([await f.result() for f in futures if f.done()])


    async def mapped(urls):
        async with TaskPool() as pool:
            n = 0
            async for length in pool.map(size, urls):
                print(n, length)
                n += 1
            return [length async for length in pool.map(size, urls)]
    """,
)

_GENERATORS = (
    """
    ### pages.py
    from contextlib import contextmanager

    import requests


    def pages(url):
        while url:
            data = requests.get(url).json()
            yield data["items"]
            url = data.get("next")


    @contextmanager
    def session(token):
        with requests.Session() as s:
            s.headers["X"] = token
            yield s


    def items(url):
        found = []
        for page in pages(url):
            found.extend(page)
        return found


    def send(url, body):
        with session("t") as s:
            return s.post(url, json=body).status_code
    """,
    """
    ### pages.py
    from contextlib import asynccontextmanager

    import aio_requests


    async def pages(url):
        while url:
            data = (await aio_requests.get(url)).json()
            yield data["items"]
            url = data.get("next")


    @asynccontextmanager
    async def session(token):
        with aio_requests.Session() as s:
            s.headers["X"] = token
            yield s


    async def items(url):
        found = []
        async for page in pages(url):
            found.extend(page)
        return found


    async def send(url, body):
        async with session("t") as s:
            return (await s.post(url, json=body)).status_code
    """,
)

_MANAGER = (
    """
    ### api.py
    import requests


    class Api:
        def __enter__(self):
            self.ping()
            return self

        def __exit__(self, *exc):
            self.logout()

        def ping(self):
            requests.get("http://api/ping")

        def logout(self):
            return requests.post("http://api/logout").ok

    ### use.py
    import api as backend


    def main():
        with backend.Api() as client:
            client.ping()
            while not client.logout():
                pass
    """,
    """
    ### api.py
    import aio_requests


    class Api:
        async def __aenter__(self):
            await self.ping()
            return self

        async def __aexit__(self, *exc):
            await self.logout()

        async def ping(self):
            await aio_requests.get("http://api/ping")

        async def logout(self):
            return (await aio_requests.post("http://api/logout")).ok

    ### use.py
    import api as backend


    async def main():
        async with backend.Api() as client:
            await client.ping()
            while not await client.logout():
                pass
    """,
)

_LOCKS = (
    """
    ### cache.py
    import threading

    import requests


    class Cache:
        def __init__(self):
            self.lock = threading.Lock()
            self.known = {}

        def get_page(self, url):
            with self.lock:
                if url not in self.known:
                    self.known[url] = self._load(url)
                return self.known[url]

        def _load(self, url):
            return requests.get(url).text


    def show(cache: Cache, url):
        print(cache.get_page(url), cache.get_page(url) or "none")
    """,
    """
    ### cache.py
    import asyncio

    import aio_requests


    class Cache:
        def __init__(self):
            self.lock = asyncio.Lock()
            self.known = {}

        async def get_page(self, url):
            async with self.lock:
                if url not in self.known:
                    self.known[url] = await self._load(url)
                return self.known[url]

        async def _load(self, url):
            return (await aio_requests.get(url)).text


    async def show(cache: Cache, url):
        print(await cache.get_page(url), await cache.get_page(url) or "none")
    """,
)

_TESTS = (
    """
    ### weather.py
    import requests


    def degrees(town):
        return requests.get("http://w/" + town).json()["degrees"]

    ### test_weather.py
    import unittest

    import weather


    def test_degrees():
        assert weather.degrees("Oslo") < weather.degrees("Rome")


    class WeatherTest(unittest.TestCase):
        def setUp(self):
            self.warm = weather.degrees("Rome")

        def test_warm(self):
            self.assertGreater(self.warm, weather.degrees("Oslo"))
    """,
    """
    ### weather.py
    import aio_requests


    async def degrees(town):
        return (await aio_requests.get("http://w/" + town)).json()["degrees"]

    ### test_weather.py
    import unittest

    import weather


    async def test_degrees():
        assert await weather.degrees("Oslo") < await weather.degrees("Rome")


    class WeatherTest(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            self.warm = await weather.degrees("Rome")

        async def test_warm(self):
            self.assertGreater(self.warm, await weather.degrees("Oslo"))
    """,
)

_BRIDGE = (
    """
    ### report.py
    import subprocess
    import time
    from functools import partial

    import requests


    def revision():
        return subprocess.run(["git", "rev-parse"], capture_output=True).stdout


    def fetch(url, tries=3):
        for attempt in range(tries):
            try:
                return requests.get(url)
            except requests.ConnectionError:
                time.sleep(2**attempt)
        raise TimeoutError(url)


    def build(urls):
        head = revision()
        job = partial(fetch, tries=5)
        rows = {url: job(url) for url in urls}
        return head, rows
    """,
    """
    ### report.py
    import asyncio
    import subprocess
    from functools import partial

    import aio_requests
    import requests


    def revision():
        return subprocess.run(["git", "rev-parse"], capture_output=True).stdout


    async def fetch(url, tries=3):
        for attempt in range(tries):
            try:
                return await aio_requests.get(url)
            except requests.ConnectionError:
                await asyncio.sleep(2**attempt)
        raise TimeoutError(url)


    async def build(urls):
        head = await asyncio.to_thread(revision)
        job = partial(fetch, tries=5)
        rows = {url: await job(url) for url in urls}
        return head, rows
    """,
)

_TABLE = (
    """
    ### dispatch.py
    import requests


    def show(url):
        print(requests.get(url).text)


    def drop(url):
        requests.delete(url)


    COMMANDS = {"show": show, "drop": drop}


    def run_command(name, url):
        COMMANDS[name](url)


    def each(action, urls):
        for url in urls:
            action(url)


    def everything(urls):
        each(show, urls)
        each(drop, urls)
        run_command("show", urls[0])
    """,
    """
    ### dispatch.py
    import aio_requests


    async def show(url):
        print((await aio_requests.get(url)).text)


    async def drop(url):
        await aio_requests.delete(url)


    COMMANDS = {"show": show, "drop": drop}


    async def run_command(name, url):
        await COMMANDS[name](url)


    async def each(action, urls):
        for url in urls:
            await action(url)


    async def everything(urls):
        await each(show, urls)
        await each(drop, urls)
        await run_command("show", urls[0])
    """,
)

_RETURNS = (
    """
    ### factory.py
    from __future__ import annotations

    from typing import Optional

    import requests


    class Store:
        session: requests.Session

        def __init__(self, session: requests.Session) -> None:
            self.session = session

        def read(self, key: str) -> bytes:
            return self.session.get(key).content

        def write_all(self, keys: list[str]) -> int:
            return sum(len(self.read(key)) for key in keys)


    def make() -> Store:
        return Store(requests.Session())


    def first(keys: list[str], store: Optional[Store] = None) -> bytes | None:
        chosen = store if store is not None else make()
        copies = [make(), chosen]
        for copy in copies:
            if data := copy.read(keys[0]):
                return data
        return make().read(keys[0]) if keys else None
    """,
    """
    ### factory.py
    from __future__ import annotations

    from typing import Optional

    import aio_requests


    class Store:
        session: aio_requests.Session

        def __init__(self, session: aio_requests.Session) -> None:
            self.session = session

        async def read(self, key: str) -> bytes:
            return (await self.session.get(key)).content

        async def write_all(self, keys: list[str]) -> int:
            return sum([len(await self.read(key)) for key in keys])


    def make() -> Store:
        return Store(aio_requests.Session())


    async def first(keys: list[str], store: Optional[Store] = None) -> bytes | None:
        chosen = store if store is not None else make()
        copies = [make(), chosen]
        for copy in copies:
            if data := await copy.read(keys[0]):
                return data
        return await make().read(keys[0]) if keys else None
    """,
)

_GATHER = (
    """
    ### fan.py
    import threading

    import requests

    RESULTS = []


    def work(n):
        RESULTS.append(requests.get("http://x/%d" % n).status_code)


    def main():
        threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """,
    """
    ### fan.py
    import asyncio

    import aio_requests

    RESULTS = []


    async def work(n):
        RESULTS.append((await aio_requests.get("http://x/%d" % n)).status_code)


    async def main():
        threads = [work(n) for n in range(5)]
        await asyncio.gather(*threads)
    """,
)

_LAMBDAS = (
    """
    ### jobs.py
    from concurrent.futures import ThreadPoolExecutor

    import requests


    def main():
        with ThreadPoolExecutor(2) as pool:
            texts = list(pool.map(lambda n: requests.get("http://x/%d" % n).text, range(5)))
            jobs = [pool.submit(lambda n=n: requests.get("http://x/%d" % n).text) for n in range(5)]
            print(texts, [job.result() for job in jobs])


    if __name__ == "__main__":
        main()
    """,
    """
    ### jobs.py
    import asyncio
    import functools

    import aio_requests
    import aio_support


    async def main():
        async with aio_support.TaskPool(2) as pool:
            async def get_text(n):
                return (await aio_requests.get("http://x/%d" % n)).text

            texts = [item async for item in pool.map(get_text, range(5))]

            async def get_text_2(n):
                return (await aio_requests.get("http://x/%d" % n)).text

            jobs = [pool.submit(functools.partial(get_text_2, n=n)) for n in range(5)]
            print(texts, [await job.result() for job in jobs])


    if __name__ == "__main__":
        asyncio.run(main())
    """,
)

_TEXTS = {
    "pool": _POOL,
    "methods": _METHODS,
    "native": _NATIVE,
    "lists": _LISTS,
    "generators": _GENERATORS,
    "manager": _MANAGER,
    "locks": _LOCKS,
    "tests": _TESTS,
    "bridge": _BRIDGE,
    "table": _TABLE,
    "returns": _RETURNS,
    "gather": _GATHER,
    "lambdas": _LAMBDAS,
}

PAIRS = {name: (sources(old), sources(new) | SUPPORT) for name, (old, new) in _TEXTS.items()}
"""Each pair: the tree before, the tree after (with the support modules)."""

CONFIG = {"pyproject.toml": b'[tool.pytest.ini_options]\nasyncio_mode = "auto"\n'}


def sabotages(after: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Every way of spoiling one thing in the migrated tree, with its name. The support modules stay as they are."""
    for path, data in after.items():
        if path in SUPPORT:
            continue
        text = data.decode()
        for name, spoilt in _spoil(text):
            yield f"{path}:{name}", {**after, path: spoilt.encode()}


def _spoil(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines(keepends=True)

    def cut(line: int, column: int, word: str) -> str:
        old = lines[line - 1]
        start = old.index(word, column)
        new = old[:start] + old[start + len(word) :]
        return "".join([*lines[: line - 1], new, *lines[line:]])

    def insert(line: int, code: str) -> str:
        return "".join([*lines[: line - 1], code, *lines[line - 1 :]])

    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Await():
                yield f"{node.lineno} drop await", cut(node.lineno, node.col_offset, "await ")
            case ast.AsyncFunctionDef():
                yield f"{node.lineno} drop async def", cut(node.lineno, node.col_offset, "async ")
                body = node.body[0]
                margin = " " * body.col_offset
                for module, call in (("requests", "requests.get('http://x')"), ("time", "time.sleep(1)")):
                    code = indent(f"import {module}\n{call}\n", margin)
                    yield f"{node.lineno} restore {module}", insert(body.lineno, code)
            case ast.AsyncWith() | ast.AsyncFor():
                yield f"{node.lineno} drop async of block", cut(node.lineno, node.col_offset, "async ")
            case ast.ListComp() if any(g.is_async for g in node.generators):
                yield f"{node.lineno} drop async of comprehension", cut(node.lineno, node.col_offset, "async ")
            case ast.Import() | ast.ImportFrom() if "__future__" not in ast.unparse(node):
                for alias in node.names:
                    rest = [a for a in node.names if a is not alias]
                    new = ast.unparse(type(node)(**{**vars(node), "names": rest})) if rest else "pass"
                    yield (
                        f"{node.lineno} drop import {alias.name}",
                        "".join([*lines[: node.lineno - 1], new + "\n", *lines[node.lineno :]]),
                    )
            case _:
                pass
