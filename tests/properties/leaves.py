"""Units that call no other: requests in all the shapes that programs write them, pauses, and plain computing."""

from __future__ import annotations

from collections.abc import Callable

from model import PRINT, Module, Program, Unit

BASE = 'os.environ["BASE_URL"]'
Leaf = Callable[[Program, Module, str], Unit]


def _function(name: str, module: Module, body: list[str], requests: int = 1, **traits: object) -> Unit:
    lines = [f"def {name}(x):", f"    {PRINT}", *(f"    {line}" if line else line for line in body)]
    return Unit(name, module.name, requests=requests, waits=True, lines=lines, **traits)  # type: ignore[arg-type]


def get_json(_: Program, module: Module, name: str) -> Unit:
    """The plain case."""
    module.need("import os", "import requests")
    return _function(
        name,
        module,
        [f'response = requests.get({BASE} + f"/json/{{x % 5}}?by={name}")', 'return response.json()["n"] + 1'],
    )


def get_imported(_: Program, module: Module, name: str) -> Unit:
    """The verb under its own name, and a second parameter."""
    module.need("import os", "from requests import get")
    unit = _function(
        name,
        module,
        [f'return len(get({BASE} + f"/bytes/{{x % 9}}?by={name}").content) * scale'],
    )
    unit.lines[0] = f"def {name}(x, scale=1):"
    return unit


def get_params(_: Program, module: Module, name: str) -> Unit:
    """Query, headers and a time-out; a constant for the URL."""
    module.need("import os", "import requests as rq")
    upper = f"URL_{name.upper()}"
    module.blocks.append([f'{upper} = {BASE} + "/echo/{name}"'])
    return _function(
        name,
        module,
        [
            f"with_query = rq.get({upper}, params={{'x': x, 'by': '{name}'}}, headers={{'X-Unit': '{name}'}}, timeout=20)",
            "if with_query.status_code != 200 or not with_query.ok:",
            "    return -1",
            'return int(with_query.json()["args"]["x"])',
        ],
    )


def post_json(program: Program, module: Module, name: str) -> Unit:
    """A body."""
    module.need("import os", "import requests")
    kind = program.random.choice(("json", "data"))
    read = '["json"]["x"]' if kind == "json" else '["form"]["x"]'
    return _function(
        name,
        module,
        [
            f'answer = requests.post({BASE} + "/echo/{name}", {kind}={{"x": x}}).json()',
            f"return int(answer{read}) + 2",
        ],
    )


def local_session(_: Program, module: Module, name: str) -> Unit:
    """A session of its own, with cookies."""
    module.need("import os", "import requests")
    return _function(
        name,
        module,
        [
            "with requests.Session() as session:",
            '    session.headers["X-By"] = "' + name + '"',
            f'    session.get({BASE} + f"/set-cookie?n={{x}}")',
            f'    return int(session.get({BASE} + "/cookies").json()["n"])',
        ],
        2,
    )


def global_session(_: Program, module: Module, name: str) -> Unit:
    """A session made when the module is imported."""
    module.need("import os", "import requests")
    session = f"session_{name}"
    module.blocks.append([f"{session} = requests.Session()", f"{session}.headers.update({{'X-By': '{name}'}})"])
    return _function(name, module, [f'return {session}.get({BASE} + f"/json/{{x % 4}}").json()["n"]'])


def client_class(program: Program, module: Module, name: str) -> Unit:
    """A class that owns a session."""
    module.need("import os", "import requests")
    cls = f"Client{program.number()}"
    lines = [
        f"class {cls}:",
        "    def __init__(self, base=None, timeout=20):",
        f"        self.base = base or {BASE}",
        "        self.session = requests.Session()",
        f'        self.session.headers["X-Client"] = "{cls}"',
        "        self.timeout = timeout",
        "",
        "    def _url(self, path):",
        '        return f"{self.base}/{path}"',
        "",
        "    def _request(self, method, path, **kwargs):",
        "        response = self.session.request(method, self._url(path), timeout=self.timeout, **kwargs)",
        "        response.raise_for_status()",
        "        return response",
        "",
        "    def fetch(self, x):",
        f"        {PRINT}",
        '        return self._request("GET", f"json/{x % 4}").json()["n"]',
        "",
        "    def send(self, x):",
        '        return self._request("POST", "echo/sent", json={"x": x}).json()["json"]["x"]',
    ]
    method = program.random.choice(("fetch", "send"))
    unit = Unit(cls, module.name, f"{{ref}}().{method}({{arg}})", f"{{ref}}().{method}", 1, waits=True, lines=lines)
    if program.random.random() < 0.5:
        one = f"client_{name}"
        module.blocks.append(lines)
        shared = Unit(one, module.name, f"{{ref}}.{method}({{arg}})", f"{{ref}}.{method}", 1, waits=True)
        shared.lines = [f"{one} = {cls}()"]
        return shared
    return unit


def retrying(_: Program, module: Module, name: str) -> Unit:
    """Tries again after a pause until the server answers."""
    module.need("import os", "import time", "import requests")
    return _function(
        name,
        module,
        [
            "delay = 0.001",
            "for attempt in range(4):",
            "    try:",
            f'        response = requests.get({BASE} + f"/flaky/2/{name}{{x % 3}}")',
            "        response.raise_for_status()",
            "    except requests.HTTPError as error:",
            "        if attempt == 3:",
            "            raise",
            "        code = error.response.status_code",
            "        time.sleep(delay)",
            "        delay *= 2",
            "    else:",
            "        return attempt + len(response.text)",
            "return code",
        ],
        4,
        stateful=True,
    )


def status(_: Program, module: Module, name: str) -> Unit:
    """An error of HTTP that is caught where it happens."""
    module.need("import os", "import requests")
    return _function(
        name,
        module,
        [
            "try:",
            f'    requests.get({BASE} + f"/status/{{(200, 404, 500)[x % 3]}}?by={name}").raise_for_status()',
            "except requests.exceptions.RequestException as error:",
            "    return error.response.status_code",
            "return 200",
        ],
    )


def dropped(_: Program, module: Module, name: str) -> Unit:
    """The server closes the connection."""
    module.need("import os", "import requests")
    return _function(
        name,
        module,
        [
            "try:",
            f'    answer = requests.get({BASE} + ("/close" if x % 3 == 0 else f"/json/{{x % 4}}") + "?by={name}")',
            "    return answer.json()['n']",
            "except requests.ConnectionError:",
            "    return -5",
            "finally:",
            "    x += 1",
        ],
    )


def helper_reads(_: Program, module: Module, name: str) -> Unit:
    """The response goes through a function of its own."""
    module.need("import os", "import requests")
    module.blocks.append(
        [
            f"def parse_{name}(response):",
            "    data = response.json()",
            '    return data["n"] + len(data["items"])',
        ]
    )
    return _function(name, module, [f'return parse_{name}(requests.get({BASE} + f"/json/{{x % 4}}?by={name}"))'])


def streamed(_: Program, module: Module, name: str) -> Unit:
    """A body in pieces."""
    module.need("import os", "import requests")
    return _function(
        name,
        module,
        [
            "size = 0",
            f'with requests.get({BASE} + f"/bytes/{{x % 50 + 5}}?by={name}", stream=True) as response:',
            "    for chunk in response.iter_content(chunk_size=7):",
            "        size += len(chunk)",
            "return size",
        ],
    )


def raising(program: Program, module: Module, name: str) -> Unit:
    """Raises an exception of the project for some arguments, after its request."""
    module.need("import os", "import requests")
    error = f"Error{program.number()}"
    module.blocks.append(
        [
            f"class {error}(Exception):",
            "    def __init__(self, code):",
            "        super().__init__(f'code {code}')",
            "        self.code = code",
        ]
    )
    return _function(
        name,
        module,
        [
            f'n = requests.get({BASE} + f"/json/{{x % 4}}?by={name}").json()["n"]',
            "if n % 2:",
            f"    raise {error}(n)",
            "return n",
        ],
        raises=error,
    )


def pause(_: Program, module: Module, name: str) -> Unit:
    """Only sleeps."""
    module.need("import time")
    unit = _function(name, module, ["time.sleep(0.001)", "return x * 2"], 0)
    unit.waits = False
    return unit


def computing(program: Program, module: Module, name: str) -> Unit:
    """Neither I/O nor a pause."""
    unit = _function(name, module, [f"return x + {program.number()}"], 0)
    unit.waits = False
    return unit


def counting(_: Program, module: Module, name: str) -> Unit:
    """Changes something global around its request."""
    module.need("import os", "import requests")
    module.blocks.append([f"seen_{name} = 0", f"log_{name} = []"])
    return _function(
        name,
        module,
        [
            f"global seen_{name}",
            f"seen_{name} += 1",
            f'log_{name}.append(requests.get({BASE} + f"/json/{{x % 4}}?by={name}").json()["n"])',
            f"return seen_{name} * 10 + sum(log_{name})",
        ],
        stateful=True,
    )


LEAN: tuple[Leaf, ...] = (get_json, get_imported, get_params, post_json, helper_reads, pause, computing, client_class)
LEAVES: tuple[Leaf, ...] = (
    get_json, get_json, get_imported, get_params, post_json, local_session, global_session, client_class, client_class,
    retrying, status, dropped, helper_reads, streamed, raising, raising, pause, computing, counting,
)  # fmt: skip


def leaf(program: Program, module: Module, first: bool = False) -> Unit:
    """One leaf of a random kind."""
    kinds = LEAN if program.lean else LEAVES
    make = get_json if first else program.random.choice(kinds)
    return make(program, module, f"leaf_{program.number()}")
