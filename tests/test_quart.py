"""What keeps an application of Flask from moving to Quart, and what does not (`--web quart`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asyncify import api
from asyncify.config import Config
from asyncify.model import Plan

PROGRAM = """\
import os

import requests
from flask import *

app = Flask(__name__)


def number(n):
    return requests.get(f"{os.environ['BASE_URL']}/json/{n}").json()["n"]


@app.post("/number/<int:n>")
def view(n):
    return {"n": number(n)}
"""


def _plan(tmp_path: Path, program: str, web: str = "quart") -> Plan:
    (tmp_path / "main.py").write_text(program)
    config = replace(Config(root=tmp_path, cache=False), web=web)
    return api.scan([tmp_path], config).plan


def _program(more: str, imported: str = "Flask") -> str:
    return PROGRAM.replace("import *", f"import {imported}") + "\n\n" + more


@pytest.mark.parametrize(
    ("imported", "more", "reason"),
    [
        ("Flask, send_file", "@app.get('/f')\ndef f():\n    return send_file('a')\n", "send_file"),
        ("Flask, g", "@app.get('/f')\ndef f():\n    return str(g.database.rows())\n", "wait unseen"),
        ("Flask", "@app.get('/f')\ndef f():\n    return open('a').read()\n", "wait unseen"),
        ("Flask, request", "@app.get('/f')\ndef f():\n    return request.files['a'].filename\n", "request.files"),
        ("Flask, request", "@app.get('/f')\ndef f():\n    return request.environ['A']\n", "request.environ"),
        ("Flask, request", "@app.get('/f')\ndef f():\n    read = request.get_json\n    return read()\n", "as a value"),
        ("Flask", "@app.get('/f')\ndef f():\n    return 'made', '201 Created'\n", "text as the status"),
        ("Flask", "@app.cli.command('c')\ndef f():\n    print(1)\n", ".cli of"),
        ("Flask", "@app.after_request\ndef f(answer):\n    answer.data = b''\n    return answer\n", "werkzeug here"),
        ("Flask", "import flask_cors\nflask_cors.CORS(app)\n", "flask_cors"),
        ("Flask", "from waitress import serve\nserve(app)\n", "given to serve()"),
        ("Flask", "class Own(Flask):\n    pass\n", "derives from flask.Flask"),
        ("Flask", "app.run(ssl_context='adhoc')\n", "ssl_context"),
        ("Flask", "def main(debug):\n    app.run(debug=debug)\n", "use_reloader"),
        ("Flask", "import threading\nthreading.Thread(target=app.run).start()\n", "used as a value"),
        ("Flask", "print(app.test_client().post('/number/1', data={'f': (open('a'), 'a')}).data)\n", "argument data"),
        ("Flask", "print(dict(app.test_client().get('/number/1').headers))\n", "lower case"),
        ("Flask, request", "@app.get('/f')\ndef f():\n    return dict(request.headers)\n", "lower case"),
        ("Flask, request", "@app.get('/f')\ndef f():\n    seen = request.headers\n    return list(seen)\n", "lower case"),
        ("Flask, request", "@app.get('/f')\ndef f():\n    return request.remote_addr\nprint(app.test_client().get('/f').data)\n", "test client has"),
        ("Flask", "print(app.test_client().get('http://other/number/1').data)\n", "without a host"),
        ("Flask, render_template_string", "@app.get('/f')\ndef f():\n    return render_template_string('{{ request.form.a }}')\n", "template"),
        ("Flask, Response", "@app.get('/f')\ndef f():\n    return Response('a', direct_passthrough=True)\n", "direct_passthrough"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, imported: str, more: str, reason: str) -> None:
    plan = _plan(tmp_path, _program(more, imported))
    assert plan.groups == ()
    found = [refusal for refusal in plan.refusals if refusal.code == "not-quart"]
    assert found, plan.refusals
    assert all(reason in refusal.message for refusal in found), found


def test_without_the_option_views_are_split(tmp_path: Path) -> None:
    plan = _plan(tmp_path, _program(""), "keep")
    assert [site.rule for site in plan.sites] == ["requests", "handlers"]
    assert len(plan.groups) == 1


def test_moves(tmp_path: Path) -> None:
    plan = _plan(tmp_path, _program("app.run(debug=True)\n"))
    assert len(plan.groups) == 1 and not plan.refusals
    assert {site.rule for site in plan.sites} == {"requests", "quart"}
    conditions = [site.condition or "" for site in plan.sites if site.verdict == "review"]
    assert [("ASGI" in text, "16 MiB" in text) for text in conditions] == [(True, True)]
