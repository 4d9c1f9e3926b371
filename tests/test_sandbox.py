"""One command in its sandbox: what it sees, what it may use, how it ends. Real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from novum.errors import SandboxError
from novum.sandbox import NONE, Command, Excess, Limits, Mount, Process, detect, run
from novum.sandbox.census import Census
from novum.sandbox.disk import DiskUsage
from novum.sandbox.output import Output
from novum.sandbox.supervisor import extinguish
from novum.sandbox.tree import erase

confined_only = pytest.mark.skipif(
    detect().tool == "none", reason=f"no sandbox here: {detect().detail}"
)
PLACES = [pytest.param(detect(), marks=confined_only, id="confined"), pytest.param(NONE, id="bare")]


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


@pytest.fixture
def tree(tmp_path) -> Path:
    path = tmp_path / "tree"
    path.mkdir()
    return path


def command(tree: Path, *argv: str, **more) -> Command:
    limits = Limits(**({"seconds": 10, "memory_mb": 300, "disk_mb": 30, "processes": 40} | more))
    return Command(argv, tree, limits, (Mount(tree, "/lab", writable=True),))


def python(tree: Path, place, code: str, **more) -> Process:
    return run(command(tree, "python", "-c", code, **more), place)


def test_a_command_runs_in_its_directory(tree, place):
    (tree / "here").write_text("x")
    process = run(command(tree, "ls"), place)
    assert (process.status, process.output.bytes()) == (0, b"here\n")


def test_the_exit_status_or_the_signal_is_known(tree, place):
    assert run(command(tree, "sh", "-c", "exit 7"), place).status == 7
    assert run(command(tree, "sh", "-c", "kill -SEGV $$"), place).status == -signal.SIGSEGV


def test_a_program_that_is_not_there_is_named(tree, place):
    with pytest.raises(SandboxError, match="`nowhere` was not found on the trial's PATH"):
        run(command(tree, "nowhere"), place)


def test_a_path_that_cannot_be_run_fails_as_in_a_shell(tree, place):
    process = run(command(tree, "./nowhere"), place)
    assert process.status == 127
    assert b"No such file" in process.output.bytes()


def test_what_is_hidden_is_not_seen_under_any_name(tmp_path, tree):
    if detect().tool == "none":
        pytest.skip("no sandbox here")
    secret = tmp_path / "home/lab/secret"
    secret.mkdir(parents=True)
    (secret / "key").write_text("x")
    (tmp_path / "home/lab/note").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    outside = [tmp_path / "home", tmp_path / "link", secret, secret / "key"]
    told = replace(
        command(tree, "sh", "-c", f"cd {tmp_path}; ls home/lab link/lab; cat {secret}/key"),
        readable=tuple(map(str, outside)),
        hidden=(str(secret),),
    )
    process = run(told, detect())
    words = process.output.bytes().decode()
    assert words.count("note") == 2, words
    assert "key: No such file" in words
    assert (secret / "key").read_text() == "x"


def test_secrets_of_the_environment_are_absent(tree, place, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    process = python(tree, place, "import os; print(os.environ)")
    assert b"hunter2" not in process.output.bytes()
    assert b"PYTHONUNBUFFERED" in process.output.bytes()


def test_a_command_can_be_talked_to_and_logs_apart(tree, place):
    code = "import os, sys\nos.write(1, input()[::-1].encode())\nprint('log', file=sys.stderr)"
    talking = replace(command(tree, "python", "-c", code), talks=True)
    with Process(talking, place) as process:
        to_it, from_it = process.channel
        os.write(to_it, b"olleh\n")
        answer = os.read(from_it, 100)
        while not process.step(0.05):
            pass
    assert (answer, process.status, process.output.bytes()) == (b"hello", 0, b"log\n")


def test_time_is_bounded(tree, place):
    process = run(command(tree, "sleep", "30", seconds=0.3), place)
    assert process.breach is not None and process.breach.excess is Excess.TIME


def test_the_kernel_ends_what_grows_too_quickly_to_be_seen(tree, place):
    process = python(tree, place, "x = bytearray(3_000_000_000)", memory_mb=64)
    assert process.status != 0


def test_a_child_that_is_left_behind_ends_with_the_command(tree, place):
    process = python(
        tree,
        place,
        "import subprocess; subprocess.Popen(['sleep', '3333.25'], start_new_session=True)",
    )
    assert process.status == 0
    assert not _running("3333.25")


ORPHANING = """
import os, signal, sys
from pathlib import Path
from novum.sandbox import NONE, Command, Limits, Process
process = Process(Command(("sleep", "3333.5"), Path.cwd(), Limits(seconds=60)), NONE)
heir = os.fork()  # it has the other end of the pipe on whose end the supervisor waits
if not heir:
    os.close(1)
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
os.waitpid(heir, os.WUNTRACED)
while not process.measure().processes > 1:
    pass
print(heir, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_not_confined_ends_with_a_killed_novum_whoever_has_its_files(tree):
    done = subprocess.run(
        [sys.executable, "-c", ORPHANING], cwd=tree, stdout=subprocess.PIPE, check=False
    )
    end = time.monotonic() + 20
    while time.monotonic() < end and _running("3333.5"):
        time.sleep(0.05)
    os.kill(int(done.stdout), signal.SIGKILL)
    assert not _running("3333.5")


EARLY = """
import os, signal, sys
from pathlib import Path
from novum.sandbox import supervisor
real = os.fork
def fork():
    pid = real()
    if not pid:
        os.kill(os.getpid(), signal.SIGSTOP)
    return pid
os.fork = fork
sys.exit(supervisor.main(sys.argv[1:]))
"""


def test_a_command_that_is_stopped_before_it_begins_ends_with_novum():
    control, ours = os.pipe()
    status, told = os.pipe()
    words = [str(os.getpid()), str(control), str(told), "sleep", "3333.75"]
    with subprocess.Popen([sys.executable, "-c", EARLY, *words], pass_fds=[control, told]) as child:
        for descriptor in (control, told):
            os.close(descriptor)
        family = psutil.Process(child.pid).children
        while not any(one.status() == psutil.STATUS_STOPPED for one in family()):
            time.sleep(0.01)
        os.close(ours)
        assert child.wait(20) == 128 + signal.SIGKILL
    assert os.read(status, 100) == b'{"exit-code": 137}\n'
    os.close(status)


def _running(word: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if word in (p.info["cmdline"] or [])]


def test_a_bound_number_of_processes(tree, place):
    # Bounded: a hundred, that end by themselves.
    code = "import os, time\nfor _ in range(100):\n  if not os.fork(): time.sleep(4); os._exit(0)\n"
    process = python(tree, place, code + "time.sleep(4)")
    assert process.breach is not None and process.breach.excess is Excess.PROCESSES


def test_killing_twice_does_no_harm(tree, place):
    with Process(command(tree, "sleep", "30"), place) as process:
        process.kill()
        process.kill()
        assert process.status == -signal.SIGKILL
        assert process.step(0)


def test_nothing_is_left_of_a_command_in_our_descriptors(tree, place):
    run(command(tree, "true"), place)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run(command(tree, "true"), place)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@confined_only
def test_files_outside_cannot_be_written_or_read(tree, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    mine = Path.home() / ".novum-test-secret"
    mine.write_text("hunter2")
    code = f"""
import os
for path in ({str(secret)!r}, {str(mine)!r}, "/etc/shadow", "/proc/1/root/etc/shadow"):
    try: print("read", path, open(path).read())
    except OSError: pass
for path in ("/x", "/usr/x", "/etc/x", "/dev/x", "/novum/x"):
    try: open(path, "w").write("x"); print("wrote", path)
    except OSError: pass
print("done")
"""
    try:
        process = python(tree, detect(), code)
    finally:
        mine.unlink()
    assert process.output.bytes() == b"done\n"


@confined_only
def test_nothing_of_the_kernel_can_be_set(tree):
    # Only opened, and nothing written: a failure of this test must not change the machine.
    code = """
import os
for root in ("/proc/sys", "/sys", "/proc/irq", "/proc/bus"):
    for directory, _, files in os.walk(root):
        for name in files:
            path = os.path.join(directory, name)
            try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); print("open", path)
            except OSError: pass
for path in ("/proc/sysrq-trigger", "/proc/self/oom_score_adj", "/proc/mtrr"):
    try: os.close(os.open(path, os.O_WRONLY)); print("open", path)
    except OSError: pass
print("done")
"""
    assert python(tree, detect(), code).output.bytes() == b"done\n"


@confined_only
def test_there_is_no_network_not_even_to_this_machine(tree):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        process = python(tree, detect(), code)
        asked = replace(command(tree, "python", "-c", code), internet_sockets=True)
        with_sockets = run(asked, detect())
    assert process.status == with_sockets.status == 1
    assert b"ConnectionRefusedError" in with_sockets.output.bytes()


@confined_only
def test_other_processes_cannot_be_seen(tree):
    code = "import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[-1] < 20)"
    assert python(tree, detect(), code).output.bytes() == b"True\n"


def test_a_command_starts_and_ends_quickly(tree, place):
    times = []
    for _ in range(10):
        began = time.perf_counter()
        run(command(tree, "true"), place)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.25  # far above what it takes: tests run on loaded machines


def test_output_keeps_its_beginning_and_its_end():
    output = Output(100)
    for number in range(1000):
        output.add(b"%d\n" % number)
    kept = output.bytes()
    assert kept.startswith(b"0\n1\n") and kept.endswith(b"\n999\n")
    assert b"bytes dropped" in kept and len(kept) < 150


def test_short_output_is_whole():
    output = Output(100)
    for piece in (b"a" * 40, b"b" * 40, b"c" * 20):
        output.add(piece)
    assert output.bytes() == b"a" * 40 + b"b" * 40 + b"c" * 20


def test_disk_use_is_found_whatever_the_depth(tmp_path):
    disk = DiskUsage([tmp_path])
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "loop").symlink_to(tmp_path)
    while not disk.step():
        pass
    assert 100_000 <= disk.total < 200_000


def test_disk_use_is_found_below_a_path_that_is_too_long(tmp_path):
    disk = DiskUsage([tmp_path])
    inside = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 250, dir_fd=inside)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=inside)
    os.write(file, b"x" * 300_000)
    while not disk.step():
        pass
    assert 300_000 <= disk.total < 600_000
    os.close(file)
    os.close(inside)
    erase(tmp_path)
    assert not tmp_path.exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are told by /proc")
def test_a_removed_file_uses_disk_while_it_is_open(tmp_path):
    disk = DiskUsage([tmp_path], lambda: [os.getpid()])
    with (tmp_path / "file").open("wb") as file, Path(f"/proc/self/fd/{file.fileno()}").open():
        (tmp_path / "file").unlink()
        file.write(b"x" * 300_000)
        file.flush()
        while not disk.step():
            pass
        assert 300_000 <= disk.total < 400_000  # opened twice, counted once
    while not disk.step():
        pass
    assert disk.total < 100_000


def test_a_disk_is_full_before_nothing_is_left_to_others(tmp_path, monkeypatch):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    disk = DiskUsage([tmp_path], limit=2**60)
    assert not disk.is_full()
    facts = os.statvfs(tmp_path)
    less = os.statvfs_result((*facts[:4], int(free / 5 / facts.f_frsize), *facts[5:]))
    monkeypatch.setattr(os, "statvfs", lambda path: less)
    assert disk.is_full()


def test_memory_that_processes_share_with_nobody_counts_for_each():
    code = (
        "import mmap, os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        own = mmap.mmap(-1, 30 << 20); own.write(b'x' * len(own))\n"
        "        print(flush=True); time.sleep(60)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            for _ in range(4):
                process.stdout.readline()
            census = Census(process.pid, 100, 50, lambda: 0.0)
            assert census.take().memory_mb > 110
        finally:
            extinguish(process.pid)
            process.kill()


def test_disk_that_was_full_before_is_not_counted(tmp_path):
    (tmp_path / "old").write_bytes(b"x" * 500_000)
    time.sleep(0.05)
    disk = DiskUsage([tmp_path])
    (tmp_path / "new").write_bytes(b"x" * 100_000)
    while not disk.step():
        pass
    assert 100_000 <= disk.total < 200_000


def test_files_count_that_were_written_after_the_clock_was_set_back(tmp_path, monkeypatch):
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    disk = DiskUsage([tmp_path])
    monkeypatch.undo()
    (tmp_path / "new").write_bytes(b"x" * 100_000)
    for _ in range(2):  # a walk that began before is of the old clock
        while not disk.step():
            pass
    assert disk.total >= 100_000


def test_empty_files_use_disk_too(tmp_path):
    usage = DiskUsage([tmp_path])
    for number in range(200):
        (tmp_path / str(number)).touch()
    while not usage.step():
        pass
    assert usage.total >= 200 * 1024
