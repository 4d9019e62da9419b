"""Which views of Django stay synchronous, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify import api
from asyncify.config import Config

PROGRAM = """\
import requests
from django.http import HttpResponse
from django.urls import path


def number(n):
    return requests.get(f"http://localhost/json/{n}").json()["n"]


"""
VIEW = "def view(request):\n    return HttpResponse(number(1))\n\n\nurlpatterns = [path('v', view)]\n"


def _made_async(tmp_path: Path, program: str) -> set[str]:
    (tmp_path / "main.py").write_text(PROGRAM + program)
    plan = api.scan([tmp_path], Config(root=tmp_path, cache=False)).plan
    return {site.function for site in plan.sites if site.rule == "django" and site.verdict == "review"}


def test_plain_views_move(tmp_path: Path) -> None:
    assert _made_async(tmp_path, VIEW) == {"main.view"}


@pytest.mark.parametrize(
    "program",
    [
        VIEW.replace("number(1)", "number(request.session['n'])"),
        VIEW.replace("number(1)", "number(request.tenant)"),
        VIEW.replace("number(1)", "open(str(number(1)))"),
        VIEW.replace("number(1)", "[number(p.pk) for p in PAGES]") + "PAGES = Page.objects.all()\n",
        VIEW.replace("number(1)", "list(pool.map(number, [1]))")
        + "import concurrent.futures\npool = concurrent.futures.ThreadPoolExecutor()\n",
        VIEW.replace("number(1)", "helper(number(1))") + "def helper(n):\n    return Page.objects.get(pk=n).title\n",
        VIEW.replace("def view", "@cached\ndef view") + "from elsewhere import cached\n",
        VIEW + "from django.urls import register_converter\nregister_converter(Pages, 'pages')\n",
        VIEW.replace("path('v', view)", "path('v', cached(view))") + "from elsewhere import cached\n",
        VIEW + "handler404 = view\n",
    ],
    ids="session attribute file queryset pool helper decorator converter wrapped handler404".split(),
)
def test_views_that_stay(tmp_path: Path, program: str) -> None:
    assert _made_async(tmp_path, program) == set()


def test_all_stay_where_requests_are_atomic(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("DATABASES = {'default': {'ATOMIC_REQUESTS': True}}\n")
    assert _made_async(tmp_path, VIEW) == set()


def test_the_methods_of_a_class_are_of_one_kind(tmp_path: Path) -> None:
    head = "from django.views import View\n\n\nclass Page(View):\n    def get(self, request):\n        return HttpResponse(number(1))\n"
    plain = "    def post(self, request):\n        return HttpResponse(request.body)\n"
    assert _made_async(tmp_path, head + plain) == {"main.Page.get", "main.Page.post"}
    assert _made_async(tmp_path, head + plain.replace("request.body", "request.user")) == set()
    assert _made_async(tmp_path, head + "class Other(Page):\n" + plain) == set()
