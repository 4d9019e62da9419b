"""Measuring whole process trees: real processes that really allocate."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from asyncify.errors import UsageError
from asyncify.verify.measure import Run, measure
from asyncify.verify.sampler import portable
from asyncify.verify.sampler.readings import has_proc

MIB = 2**20
pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups")


def run(tmp_path: Path, program: str, **options: float) -> Run:
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    return measure([sys.executable, "-S", "-c", program], folder, tmp_path / "scratch", **options)


def test_output_exit_code_and_folder(tmp_path: Path) -> None:
    result = run(tmp_path, "import os, sys; print(os.getcwd()); print('oh', file=sys.stderr); sys.exit(3)")
    assert result.stdout.decode().strip() == str(tmp_path / "folder")
    assert (result.stderr, result.exit_code, result.timed_out) == (b"oh\n", 3, False)


def test_the_environment_is_clean_and_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    program = "import os; print(os.environ.get('SECRET_TOKEN'), hash('a'), os.environ['HOME'])"
    first, second = run(tmp_path, program), run(tmp_path, program)
    assert first.stdout == second.stdout
    assert first.stdout.startswith(b"None ")
    assert str(tmp_path / "scratch").encode() in first.stdout


def test_peak_of_one_process_agrees_with_the_kernel(tmp_path: Path) -> None:
    program = "x = b'x' * 60_000_000\nimport time\nwhile time.process_time() < 0.6: pass\n"
    program += "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc")
    result = run(tmp_path, program)
    assert result.peak == pytest.approx(int(result.stdout) * 1024, rel=0.02)
    if has_proc():
        assert result.pss_peak and result.uss_peak
        assert 60_000_000 < result.uss_peak <= result.pss_peak <= result.peak


def test_memory_is_summed_over_children_that_live_together(tmp_path: Path) -> None:
    child = "x = b'x' * 40_000_000; print('up', flush=True); input()"
    program = f"""
import subprocess, sys, time
time.sleep(0.2)
children = [subprocess.Popen([sys.executable, "-S", "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(3)]
for each in children:
    each.stdout.readline()
time.sleep(0.3)
for each in children:
    each.communicate(b"\\n")
"""
    result = run(tmp_path, program)
    assert result.exit_code == 0
    assert 120_000_000 < result.peak < 120_000_000 + 4 * 20 * MIB
    assert result.kernel_peak < 70_000_000  # of one process alone
    assert max(sample.processes for sample in result.samples) == 4
    assert result.samples[0].processes == 1


def test_children_one_after_the_other_are_not_summed(tmp_path: Path) -> None:
    child = "x = b'x' * 40_000_000; import time; time.sleep(0.1)"
    program = f"""
import subprocess, sys
for _ in range(3):
    subprocess.run([sys.executable, "-S", "-c", {child!r}], check=True)
"""
    result = run(tmp_path, program)
    assert 40_000_000 < result.peak < 90_000_000


def test_cpu_includes_children_but_not_waiting(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    program = f"import subprocess, sys, time; subprocess.run([sys.executable, '-S', '-c', {burn!r}]); time.sleep(0.3)"
    result = run(tmp_path, program)
    assert 0.3 <= result.cpu < 0.3 + 0.5 * 0.6
    assert result.wall >= 0.6


def test_threads_are_counted(tmp_path: Path) -> None:
    program = "import threading, time\nfor _ in range(80): threading.Thread(target=time.sleep, args=(1.5,)).start()"
    assert run(tmp_path, program).most_threads == 81


def test_a_timeout_ends_the_whole_tree(tmp_path: Path) -> None:
    program = """
import subprocess, sys, time
sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
print(*[child.pid for child in children], flush=True)
time.sleep(60)
"""
    result = run(tmp_path, program, timeout=2)
    assert result.timed_out and result.wall < 20
    pids = [int(word) for word in result.stdout.split()]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_who_is_left_behind_is_counted_and_ended(tmp_path: Path) -> None:
    program = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]).pid)
time.sleep(0.2)
"""
    result = run(tmp_path, program)
    assert (result.exit_code, result.left_behind) == (0, 1)
    assert gone(int(result.stdout))


def gone(pid: int) -> bool:
    """Whether a process has ended, perhaps in a moment (as a zombie nobody waits for it may stay)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


THREADS = """
import threading, time
def wait():
    for _ in range(20):
        time.sleep(0.05)
pool = [threading.Thread(target=wait) for _ in range(40)]
for each in pool:
    each.start()
while time.process_time() < 0.8:
    pass
"""
CHILDREN = """
import subprocess, sys
for _ in range(12):
    subprocess.run([sys.executable, "-c", "x = sum(range(2_000_000))"])
"""
WAITING = "import time\nfor _ in range(20):\n    sum(range(1_000_000)); time.sleep(0.1)\n"
COMPUTING = "import time\nwhile time.process_time() < 0.8: pass"


@pytest.mark.skipif(not has_proc(), reason="the promise is made for /proc")
@pytest.mark.parametrize("program", [COMPUTING, WAITING, THREADS, CHILDREN])
def test_sampling_takes_less_than_three_per_cent_of_what_the_program_uses(tmp_path: Path, program: str) -> None:
    result = run(tmp_path, program)
    assert result.exit_code == 0
    assert len(result.samples) >= 4
    assert 0 < result.sampler_cpu <= 0.03 * result.cpu
    assert max(sample.cpu for sample in result.samples) <= result.cpu + 0.02


def test_a_peak_between_two_samples_is_the_kernels(tmp_path: Path) -> None:
    program = """
import time
time.sleep(0.1)
for _ in range(3):
    x = b"x" * 30_000_000
    del x
    time.sleep(0.1)
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc")
    result = run(tmp_path, program)
    assert result.peak == pytest.approx(int(result.stdout) * 1024, rel=0.02)


def test_open_sockets_are_counted(tmp_path: Path) -> None:
    program = "import socket, time; x = [socket.socket() for _ in range(17)]; time.sleep(1)"
    assert run(tmp_path, program).most_sockets == 17


def test_children_that_come_and_go_are_summed_with_those_that_are_there(tmp_path: Path) -> None:
    child = "x = b'x' * 30_000_000; import time; time.sleep(0.25)"
    program = f"""
import subprocess, sys, time
x = b"x" * 50_000_000
sleep = [sys.executable, "-S", "-c", {child!r}]
for _ in range(3):
    pair = [subprocess.Popen(sleep), subprocess.Popen(sleep)]
    for each in pair:
        each.wait()
    time.sleep(0.4)
"""
    result = run(tmp_path, program)
    assert 110_000_000 < result.peak < 110_000_000 + 3 * 14 * MIB  # three interpreters, never five
    assert sorted({sample.processes for sample in result.samples})[-1] == 3
    assert any(sample.processes == 1 for sample in result.samples[2:])


def test_an_orphan_counts_until_it_ends_with_its_cpu_time(tmp_path: Path) -> None:
    burn = "import time\nx = b'x' * 30_000_000\nwhile time.process_time() < 0.3: pass\nopen('done', 'w').close()"
    middle = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {burn!r}])"
    program = f"""
import os, subprocess, sys, time
subprocess.run([sys.executable, '-S', '-c', {middle!r}])
while not os.path.exists('done'):
    time.sleep(0.05)
time.sleep(0.5)
"""
    result = run(tmp_path, program)
    assert result.left_behind == 0
    assert result.cpu >= 0.3
    assert result.peak > 38_000_000


def test_a_helper_that_ends_a_moment_later_was_not_left_behind(tmp_path: Path) -> None:
    program = "import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(0.05)'])"
    assert run(tmp_path, program).left_behind == 0


def test_whoever_measures_may_vanish(tmp_path: Path) -> None:
    """An interrupt ends the measured tree too."""
    code = f"""
import sys, pathlib
from asyncify.verify.measure import measure
here = pathlib.Path({str(tmp_path)!r})
measure([sys.executable, "-S", "-c", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"],
        here, here / "scratch")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    deadline = time.monotonic() + 30
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert gone(int((tmp_path / "pid").read_text()))


def test_the_portable_tree_tells_the_same(tmp_path: Path) -> None:
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-S', '-c', 'input()'], stdin=-1); time.sleep(60)"
    root = subprocess.Popen([sys.executable, "-S", "-c", code])
    try:
        deadline = time.monotonic() + 20
        tree = portable.Tree(root.pid)
        while len(tree.readings(search=True)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        found = tree.readings(search=True)
        assert len(found) == 2 and set(found) == {root.pid, *tree.others()}
        assert all(each.rss > 4 * MIB and each.threads == 1 for each in found.values())
        assert tree.details().uss
    finally:
        tree.end()
        root.wait()
    assert all(gone(pid) for pid in found)


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    assert run(tmp_path, "import os; os.kill(os.getpid(), 9)").exit_code == -9


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such-program"):
        measure(["no-such-program"], tmp_path, tmp_path / "scratch")
