"""Which files of a root are read."""

from __future__ import annotations

from pathlib import Path

from asyncify.packaging.found import discover_config


def test_exactly_the_configuration_of_the_root(tmp_path: Path) -> None:
    wanted = (
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "Pipfile",
        "tox.ini",
        "pytest.ini",
        "requirements.txt",
        "requirements-dev.in",
        "test-requirements.txt",
        "requirements/test.txt",
    )
    others = (
        "MANIFEST.in",
        "README.txt",
        "constraints.txt",
        "requirements/constraints.txt",
        "requirements/deep/a.txt",
        "docs/requirements.txt",
        "package/setup.py",
    )
    for name in (*wanted, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert discover_config(tmp_path) == {name: name.encode() for name in wanted}


def test_links_folders_and_nothing(tmp_path: Path) -> None:
    assert discover_config(tmp_path / "none") == {}
    (tmp_path / "outside").write_text("x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "setup.cfg").symlink_to(tmp_path / "outside")
    (root / "setup.py").mkdir()
    assert discover_config(root) == {}
