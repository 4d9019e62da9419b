"""Two versions of a program, run in scratch copies and compared: verdict, ratios, gates, sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asyncify.errors import InputError, UsageError
from asyncify.verify.behaviour import Aspect
from asyncify.verify.compare import Variant, compare, verify
from asyncify.verify.floor import floor_command, foreign_imports
from asyncify.verify.measure import Run, Sample
from asyncify.verify.result import Floor, Measured, Metric, VerifyResult, ratio
from asyncify.verify.server import LocalServer
from asyncify.verify.sources import Revision, Snapshot, lay_out

COMMAND = [sys.executable, "main.py"]
LIGHT = "from pathlib import Path\nPath('made.txt').write_text('made\\n')\nprint('hello')\n"
HEAVY = "x = b'x' * 80_000_000\nimport time\nwhile time.process_time() < 0.5: pass\ntime.sleep(0.1)\n" + LIGHT


def program(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(text)
    return folder


def check(before: Path, after: Path, **options: float) -> VerifyResult:
    return verify(before, after, COMMAND, runs=1, warmup=0, **options)  # type: ignore[arg-type]


def test_a_lighter_version_that_does_the_same(tmp_path: Path) -> None:
    before, after = program(tmp_path / "a", HEAVY), program(tmp_path / "b", LIGHT)
    result = check(before, after, require_memory_saving=0.5, require_cpu_saving=0.3, max_slowdown=1.0)
    assert result.ok and result.behaviour.same
    assert [gate.name for gate in result.gates] == ["require-memory-saving", "require-cpu-saving", "max-slowdown"]
    memory = result.ratio(Metric.MEMORY)
    assert memory.before > 80_000_000 > memory.after
    assert memory.value == pytest.approx(memory.after / memory.before)
    assert not (before / "made.txt").exists()  # it ran in a copy


def test_gates_that_are_not_met_are_named(tmp_path: Path) -> None:
    before, after = program(tmp_path / "a", LIGHT), program(tmp_path / "b", HEAVY)
    result = check(before, after, require_memory_saving=0.0, require_cpu_saving=0.1, max_slowdown=1.2)
    assert result.behaviour.same and not result.ok
    assert {gate.name for gate in result.failed_gates} == {
        "require-memory-saving",
        "require-cpu-saving",
        "max-slowdown",
    }


def test_differences_in_output_exit_code_and_files(tmp_path: Path) -> None:
    before = program(tmp_path / "a", LIGHT)
    after = program(tmp_path / "b", LIGHT.replace("hello", "bye").replace("made.txt", "other.txt") + "exit(1)\n")
    result = check(before, after)
    assert not result.ok
    found = [difference.aspect for difference in result.behaviour.differences]
    assert found == [Aspect.EXIT_CODE, Aspect.STDOUT, Aspect.FILES]
    assert any("exit code 1" in note for note in result.notes)
    assert any("blocks the event loop" in note for note in result.notes)  # nobody looked


def test_every_run_starts_from_the_same_files_at_the_same_place(tmp_path: Path) -> None:
    text = "import os\nprint(os.getcwd(), sorted(os.listdir()), os.listdir(os.environ['HOME']))\n"
    text += "open('left', 'w').close(); open(os.path.join(os.environ['HOME'], 'left'), 'w').close()\n"
    before, after = program(tmp_path / "a", text), program(tmp_path / "b", text)
    result = verify(before, after, COMMAND, runs=2, warmup=1)
    assert result.ok and not result.behaviour.unstable
    assert not any("blocks the event loop" in note for note in result.notes)
    assert b"['main.py'] []" in result.after.runs[1].stdout


def test_a_changed_file_of_the_same_size_and_time_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    before, after = program(tmp_path / "a", "import m\n"), program(tmp_path / "b", "import m\n")
    for folder, text in ((before, "print(1)\n"), (after, "print(2)\n")):
        (folder / "m.py").write_text(text)
        os.utime(folder / "m.py", (1_700_000_000, 1_700_000_000))
    result = verify(before, after, COMMAND, runs=1, warmup=1)
    assert [each.aspect for each in result.behaviour.differences] == [Aspect.STDOUT]


def test_a_run_that_takes_too_long_is_a_difference(tmp_path: Path) -> None:
    before = program(tmp_path / "a", LIGHT)
    after = program(tmp_path / "b", LIGHT + "import time; time.sleep(60)\n")
    result = check(before, after, timeout=1.5)
    assert Aspect.EXIT_CODE in [each.aspect for each in result.behaviour.differences]
    assert any("took too long" in note for note in result.notes)


CLIENT = """
import sys, urllib.request
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(WORKERS) as pool:
    texts = list(pool.map(lambda n: urllib.request.urlopen(f"{sys.argv[1]}/json/{n}").read(), range(COUNT)))
print(len(texts[0]))
"""


def test_an_extra_request_and_a_lost_bound_are_caught(tmp_path: Path) -> None:
    def variant(name: str, workers: int, count: int) -> Variant:
        text = CLIENT.replace("WORKERS", str(workers)).replace("COUNT", str(count))
        return Variant(program(tmp_path / name, text), ())

    with LocalServer(latency=0.1) as server:

        def outcome(name: str, workers: int, count: int) -> list[Aspect]:
            after = variant(name, workers, count).source
            result = verify(tmp_path / "before", after, [*COMMAND, server.url], runs=1, warmup=0, server=server)
            return [each.aspect for each in result.behaviour.differences]

        variant("before", 2, 6)
        assert outcome("same", 2, 6) == []
        assert outcome("extra", 2, 7) == [Aspect.REQUESTS]
        assert outcome("unbounded", 6, 6) == [Aspect.IN_FLIGHT]


def test_variants_side_by_side_have_floors(tmp_path: Path) -> None:
    text = "import email.mime.text\nfrom helper import x\n"
    folder = program(tmp_path / "a", text)
    (folder / "helper.py").write_text("import decimal\nx = b'x' * 30_000_000\nimport time; time.sleep(0.6)\n")
    light = program(tmp_path / "b", LIGHT)
    told: list[tuple[int, int]] = []
    comparison = compare(
        {"a": Variant(folder, tuple(COMMAND)), "b": Variant(light, tuple(COMMAND), runs=1)},
        runs=2,
        warmup=0,
        progress=lambda name, done, total: told.append((done, total)),
    )
    assert [(each.name, len(each.runs)) for each in comparison.variants] == [("a", 2), ("b", 1)]
    assert [done for done, _ in told] == list(range(told[0][1]))
    floor = comparison["a"].floor
    assert floor is not None and floor.cpu > 0
    assert 28_000_000 < comparison["a"].median(Metric.MEMORY) - floor.memory < 36_000_000


def test_foreign_imports_follow_the_programs_own_modules(tmp_path: Path) -> None:
    folder = program(tmp_path / "a", "import own.part\nfrom own import b\ndef f():\n    import lazy\n")
    (folder / "own").mkdir()
    (folder / "own" / "__init__.py").write_text("")
    (folder / "own" / "part.py").write_text("from . import b\nfrom typing import TYPE_CHECKING\n")
    (folder / "own" / "b.py").write_text(
        "import requests.adapters\nif TYPE_CHECKING:\n    import never\nelse:\n    import other\n"
    )
    names = foreign_imports(folder, folder / "main.py")
    assert {"lazy", "requests.adapters", "other", "typing"} <= names
    assert not {"own", "own.b", "own.part", "never"} & names


@pytest.mark.parametrize(
    ("command", "prefix"),
    [
        (["python", "main.py", "x"], ["python", "-c"]),
        (["python3", "-X", "dev", "-u", "main.py"], ["python3", "-X", "dev", "-u", "-c"]),
        (["/usr/bin/python3.12", "-m", "main", "--days", "3"], ["/usr/bin/python3.12", "-c"]),
        (["python", "-c", "pass"], None),
        (["python", "-m", "pytest"], None),
        (["python", "missing.py"], None),
        (["make"], None),
    ],
)
def test_the_command_of_the_floor(tmp_path: Path, command: list[str], prefix: list[str] | None) -> None:
    program(tmp_path / "a", "import json\n")
    found = floor_command(tmp_path / "a", command)
    assert (list(found[:-1]) if found else None) == prefix
    assert found is None or "json" in found[-1]


def measured(name: str, peaks: list[int], floor: int | None) -> Measured:
    runs = tuple(Run(("x",), 0, b"", b"", 0.0, 1.0, 1.0, peak, (Sample(0.1, peak, 1, 1),)) for peak in peaks)
    return Measured(name, ("x",), runs, (), Floor(floor, 0.1) if floor else None)


def test_ratio_is_that_of_the_medians_and_its_interval_holds_it() -> None:
    found = ratio(Metric.MEMORY, measured("a", [100, 110, 300], None), measured("b", [50, 55, 60], None))
    assert found.value == pytest.approx(0.5)
    assert found.low <= found.value <= found.high
    assert (found.low, found.high) == (pytest.approx(50 / 300), pytest.approx(0.6))
    point = ratio(Metric.WALL, measured("a", [1], None), measured("b", [1], None))
    assert point.low == point.value == point.high == 1


def test_the_typical_run_has_the_median_peak() -> None:
    assert measured("a", [300, 100, 110], None).typical.peak == 110


def test_a_snapshot_lies_over_a_copy(tmp_path: Path) -> None:
    folder = program(tmp_path / "a", "now")
    (folder / "support.py").write_text("new")
    (folder / ".git").mkdir()
    lay_out(Snapshot(folder, {"main.py": b"then", "support.py": None, "sub/gone.py": b"x"}), tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert found == {"main.py", "sub", "sub/gone.py"}
    assert (tmp_path / "out" / "main.py").read_bytes() == b"then"
    assert (folder / "main.py").read_text() == "now"


def test_a_snapshot_stays_below_its_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not below"):
        lay_out(Snapshot(program(tmp_path / "a", ""), {"../x": b"x"}), tmp_path / "out")
    assert not (tmp_path / "x").exists()


def test_a_git_revision(tmp_path: Path) -> None:
    folder = program(tmp_path / "a", "then")

    def git(*words: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    (folder / "main.py").write_text("now")
    lay_out(Revision(folder, "HEAD"), tmp_path / "out")
    assert (tmp_path / "out" / "main.py").read_text() == "then"
    for name in ("no-such-revision", "--output=x"):
        with pytest.raises(UsageError):
            lay_out(Revision(folder, name), tmp_path / "out2")


def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    folder = program(tmp_path / "a", LIGHT)
    with pytest.raises(UsageError, match="nothing to run"):
        verify(folder, folder, [])
    with pytest.raises(UsageError, match="at least one run"):
        verify(folder, folder, COMMAND, runs=0)
    with pytest.raises(UsageError, match="no such folder"):
        verify(tmp_path / "missing", folder, COMMAND)
