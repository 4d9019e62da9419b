"""The documentation names everything there is, and says what the tool does."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from readme import README, tour
from test_meta import all_refusal_codes

from asyncify import __version__, config, docs
from asyncify.check.codes import CODES
from asyncify.cli.app import COMMANDS, app
from asyncify.cli.topics import topics
from asyncify.errors import ExitCode
from asyncify.rules.registry import rules

ROOT = README.parent
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/**/*.md")),
)


@cache
def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(heading)}\b.*$", text, re.MULTILINE)
    assert match, f"no heading {heading}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start() if end else None]


def options() -> Iterator[tuple[str, str]]:
    """Every option of every command, in each of its spellings."""
    for name in COMMANDS:
        command = importlib.import_module(f"asyncify.cli.{name}").command
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield from ((name, spelling) for spelling in parameter.opts)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_in_the_readme_and_has_a_section(name: str) -> None:
    assert f"| `asyncify {name}" in section(page("README.md"), "Commands")
    assert section(page("docs/cli.md"), f"asyncify {name}").strip()


@pytest.mark.parametrize(("command", "option"), sorted(set(options())))
def test_every_option_is_described(command: str, option: str) -> None:
    text = page("docs/cli.md")
    shared = text[: text.index("\n## ")]
    assert re.search(rf"`{option}[ `]", section(text, f"asyncify {command}")) or f"`{option}" in shared


def test_no_option_is_described_that_there_is_not() -> None:
    known = (
        {option for _, option in options()} | {o for p in app.params for o in p.opts} | {"--help", "-h", "--version"}
    )
    rows = re.findall(r"^\| (`-.*?) \| ", page("docs/cli.md"), re.MULTILINE)
    assert rows
    assert {option for row in rows for option in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", row)} <= known


@pytest.mark.parametrize("name", ["README.md", "docs/cli.md"])
def test_exit_codes(name: str) -> None:
    table = section(page(name), "Exit codes")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {code.value for code in ExitCode}


def test_configuration_keys_and_their_defaults() -> None:
    table = section(page("README.md"), "Configuration")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| `(.*?)` \|", table, re.MULTILINE))
    assert set(rows) == set(config.KEYS)
    defaults = config.Config(Path())
    for key, shown in rows.items():
        value = getattr(defaults, key.replace("-", "_"))
        toml = f'"{value}"' if isinstance(value, str) else str(list(value) if isinstance(value, tuple) else value)
        assert shown == toml.replace("'", '"'), key


def test_generated_pages_are_what_the_sources_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check", str(ROOT / "docs")]) == 0, capsys.readouterr().out


def test_a_stale_page_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "rules" / "gone.md").write_text("a rule that is no more")
    (tmp_path / "refusals.md").write_text("stale")
    assert docs.main(["--check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "gone.md" in out and "refusals.md" in out and "requests.md" not in out


def test_every_refusal_code_is_documented() -> None:
    assert docs.all_codes() == all_refusal_codes()


def test_explain_knows_all_there_is() -> None:
    assert {topic.name for topic in topics()} == {*rules(), *docs.all_codes(), *CODES}


def test_the_readme_links_to_every_rule() -> None:
    text = page("README.md") + page("docs/rules/index.md")
    assert all(f"{rule}.md" in text for rule in rules())


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page(name)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.is_file(), f"{name}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads}, target


def test_the_changelog_has_this_version() -> None:
    assert f"## [{__version__}]" in page("CHANGELOG.md")


def test_the_tour_of_the_readme_is_what_the_tool_prints() -> None:
    text = page("README.md")
    steps = tour(text)
    assert [step.command.split()[1] for step in steps] == ["scan", "diff", "why", "apply", "diff", "undo"]
    for step in steps:
        assert step.printed == step.shown, f"python -m tests.readme --update ({step.command})"
