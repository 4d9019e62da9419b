"""``[tool.asyncify]``: where it is found, what it may hold, how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.config import DEFAULT_EXCLUDE, KEYS, Config, load
from asyncify.errors import ExitCode, UsageError


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(table)
    return folder


def test_nothing_configured(tmp_path: Path) -> None:
    project(tmp_path, "[project]\nname = 'x'\n")
    assert load(tmp_path) == Config(tmp_path, tmp_path / "pyproject.toml")


def test_every_key(tmp_path: Path) -> None:
    project(
        tmp_path,
        """
        [tool.asyncify]
        exclude = ["vendor/", "*_pb2.py"]
        extend-exclude = ["old"]
        http = "compat"
        stop-at = ["pkg.run"]
        sync-api = ["pkg.client.*"]
        parallelize = 8
        web = "quart"
        """,
    )
    assert load(tmp_path) == Config(
        root=tmp_path,
        file=tmp_path / "pyproject.toml",
        exclude=("vendor/", "*_pb2.py"),
        extend_exclude=("old",),
        http="compat",
        stop_at=("pkg.run",),
        sync_api=("pkg.client.*",),
        parallelize=8,
        web="quart",
    )


def test_every_key_is_a_field() -> None:
    assert {key.replace("-", "_") for key in KEYS} == set(Config.__dataclass_fields__) - {"root", "file", "cache"}


def test_nearest_file_decides_even_without_a_table(tmp_path: Path) -> None:
    project(tmp_path, "[tool.asyncify]\nhttp = 'compat'\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "m.py").write_text("")
    assert load(inner / "m.py").http == "compat"
    assert load(inner).root == tmp_path
    project(tmp_path / "a", "")
    assert load(inner) == Config(tmp_path / "a", tmp_path / "a" / "pyproject.toml")


def test_without_any_file(tmp_path: Path) -> None:
    # A pyproject.toml above the temporary folder would be somebody else's doing.
    config = load(tmp_path)
    assert config.file is None or not config.file.is_relative_to(tmp_path)
    assert config.exclude == DEFAULT_EXCLUDE


def test_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xef\xbb\xbf[tool.asyncify]\r\nhttp = 'native'\r\n")
    assert load(tmp_path).http == "native"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("htpp = 'native'", "unknown key `htpp`; did you mean `http`?"),
        ("stop_at = ['a']", "unknown key `stop_at`; did you mean `stop-at`?"),
        ("Exclude = []", "unknown key `Exclude`; did you mean `exclude`?"),
        ("zzz = 1", f"unknown key `zzz` (known: {', '.join(KEYS)})"),
        ("exclude = 'vendor'", "`exclude` must be a list of strings, not a string"),
        ("exclude = [1]", "`exclude` must be a list of strings, but holds an integer: 1"),
        ("sync-api = ['']", "`sync-api` holds an empty string"),
        ("http = true", "`http` must be a string, not a boolean"),
        ("http = 'natve'", "`http` must be one of auto, native, compat, not 'natve'; did you mean `native`?"),
        ("parallelize = '8'", "`parallelize` must be an integer, not a string"),
        ("parallelize = true", "`parallelize` must be an integer, not a boolean"),
        ("parallelize = -1", "`parallelize` must not be negative"),
        ("http = 'x'", "`http` must be one of auto, native, compat, not 'x'"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, table: str, said: str) -> None:
    project(tmp_path, f"[tool.asyncify]\n{table}\n")
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert (
        caught.value.message
        == f"{tmp_path / 'pyproject.toml'}: [tool.asyncify] {'' if said[0] == '`' else 'has an '}{said}"
    )
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[tool.asyncify\n", "not valid TOML"),
        (b"x = '\xff'\n", "not valid TOML"),
        (b"[tool]\nasyncify = 3\n", "`tool.asyncify` must be a table, not an integer"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(UsageError, match=said) as caught:
        load(tmp_path)
    assert str(tmp_path / "pyproject.toml") in caught.value.message


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        load(tmp_path / "nowhere")
