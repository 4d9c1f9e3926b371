"""Trials are real processes here, confined and not; nothing is mocked."""

import json
import os
import signal
import textwrap
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from novum.lab import Lab, parse_lab
from novum.records import TrialResult, TrialState
from novum.runners import Order, Phase, Pulse
from novum.runners.local import LocalRunner
from novum.sandbox import NONE, detect, supervisor

confined_only = pytest.mark.skipif(
    detect().tool == "none", reason=f"no sandbox here: {detect().detail}"
)
PLACES = [pytest.param(detect(), marks=confined_only, id="confined"), pytest.param(NONE, id="bare")]

START = """
import json, os, sys, time, pathlib
progress = open(os.environ["NOVUM_PROGRESS"], "a", buffering=1)
artifacts = pathlib.Path(os.environ["NOVUM_ARTIFACTS"])
def start(): progress.write('{"event": "start"}\\n')
"""
EVALUATE = """
import json, os, pathlib
artifacts = pathlib.Path(os.environ["NOVUM_ARTIFACTS"])
score = float((artifacts / "score").read_text())
result = {"score": score, "size": 3, "nested": {}}
pathlib.Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(result))
"""


@dataclass
class World:
    """A lab in a temporary directory, and a runner for it."""

    root: Path
    runner: LocalRunner
    budget: dict[str, object] = field(default_factory=dict)
    evaluate: str | None = EVALUATE
    trial: str = ""
    pulses: list[Pulse] = field(default_factory=list)
    more: str = ""
    count: int = 0

    def lab(self) -> Lab:
        budget = {"seconds": 0.5, "grace": 0.3, "startup": 10, "timeout": 20, "evaluation": 10}
        budget |= {"memory_mb": 400, "disk_mb": 40, "log_mb": 1, "processes": 40} | self.budget
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in budget.items())
        evaluate = 'evaluate = ["python", "evaluate.py"]\n' if self.evaluate else ""
        return parse_lab(
            '[lab]\nname = "x"\n[metric]\nname = "score"\ndirection = "minimize"\n'
            f'[budget]\n{lines}\n[files]\neditable = ["train.py"]\n'
            f'[trial]\nrun = ["python", "train.py"]\n{evaluate}{self.trial}\n{self.more}\n'
        )

    def order(self, program: str, **more: object) -> Order:
        self.count += 1
        base = self.root / str(self.count)
        paths = {name: base / name for name in ("tree", "pristine", "scratch", "data", "heldout")}
        for path in paths.values():
            path.mkdir(parents=True)
        (paths["tree"] / "train.py").write_text(START + textwrap.dedent(program))
        (paths["tree"] / "candidate.txt").write_text("the candidate's")
        (paths["pristine"] / "evaluate.py").write_text(textwrap.dedent(self.evaluate or ""))
        (paths["data"] / "train.txt").write_text("to train on")
        (paths["heldout"] / "valid.txt").write_text("held out")
        lab = self.lab()
        return Order(lab, **paths, seed=7, seconds=lab.budget.seconds, **more)

    def run(
        self, program: str, cancel: threading.Event | None = None, **more: object
    ) -> TrialResult:
        order = self.order(program, **more)
        return self.runner.run(order, self.pulses.append, cancel or threading.Event())


@pytest.fixture(params=PLACES)
def world(request, tmp_path) -> World:
    return World(tmp_path, LocalRunner(request.param))


@pytest.fixture
def confined(tmp_path) -> World:
    return World(tmp_path, LocalRunner(detect()))


def gone(marker: str, within: float = 3.0) -> bool:
    """Whether no process with a marker among its arguments is left."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not any(
            marker in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
        ):
            return True
        time.sleep(0.05)
    return False


def test_a_trial_is_measured_by_the_evaluator(world):
    result = world.run("start(); (artifacts / 'score').write_text('0.25'); print('hello')")
    assert (result.state, result.detail) == (TrialState.MEASURED, "")
    assert result.measurement.metric == 0.25
    assert result.measurement.metrics["size"] == 3.0
    assert not result.measurement.self_reported
    assert b"hello" in result.log


def test_a_hang_is_a_timeout_and_its_overtime_is_recorded(world):
    result = world.run("start()\nimport signal; signal.signal(15, signal.SIG_IGN)\ntime.sleep(30)")
    assert result.state is TrialState.TIMEOUT
    assert 0.25 < result.timing.overtime < 5


def test_a_crash_is_explained_by_its_line(world):
    result = world.run("start()\nraise ValueError('no good')")
    assert (result.state, result.detail) == (TrialState.CRASH, "ValueError: no good")


def test_a_program_that_was_killed_crashed_for_it_could_have_killed_itself(world):
    result = world.run("start()\nos.kill(os.getpid(), 9)")
    assert (result.state, result.detail) == (TrialState.CRASH, "killed by SIGKILL")


def test_a_trial_whose_sandbox_is_killed_was_disturbed(world):
    before = set(supervisor.children(os.getpid()))

    def kill(pulse: Pulse) -> None:
        for pid in set(supervisor.children(os.getpid())) - before:
            os.kill(pid, signal.SIGKILL)

    order = world.order("start()\ntime.sleep(5)")
    result = world.runner.run(order, kill, threading.Event())
    assert result.state is TrialState.INFRASTRUCTURE
    assert "its sandbox was killed (SIGKILL) by somebody else" in result.detail


def test_work_that_a_trial_makes_for_the_machine_is_not_taken_for_a_disturbance(world):
    result = world.run("""
        start()
        progress.write('{"a": 1}\\n' * 300_000)
        progress.flush()
        time.sleep(30)
    """)
    assert result.state is TrialState.TIMEOUT
    assert result.timing.unseen == 0


def test_a_crash_without_words_is_explained_by_its_status(world):
    world.budget = {"startup": 5}
    assert world.run("sys.exit(3)").detail == "exit status 3"
    assert world.run("os.kill(os.getpid(), 11)").detail == "killed by SIGSEGV"


def test_a_trial_may_finish_politely_when_it_is_asked(world):
    result = world.run("""
        import signal
        def end(*_):
            (artifacts / "score").write_text("1.5")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        start()
        while True: time.sleep(0.01)
    """)
    assert result.state is TrialState.MEASURED
    assert result.measurement.metric == 1.5
    assert result.timing.overtime >= 0


def test_an_end_by_the_polite_signal_is_a_timeout(world):
    result = world.run("start()\ntime.sleep(30)")
    assert result.state is TrialState.TIMEOUT
    assert "budget" in result.detail


def test_training_must_start_within_its_bound(world):
    world.budget = {"startup": 0.4}
    result = world.run("time.sleep(30)")
    assert result.state is TrialState.TIMEOUT
    assert "did not start training within 0.4 s" in result.detail


def test_startup_is_outside_the_budget(world):
    result = world.run("time.sleep(0.7)\nstart()\n(artifacts / 'score').write_text('1')")
    assert result.state is TrialState.MEASURED
    assert result.timing.startup >= 0.7
    assert result.timing.overtime == 0


def test_the_whole_trial_is_bounded(world):
    world.budget = {"timeout": 0.6}
    world.evaluate = None
    result = world.run("time.sleep(30)")
    assert result.state is TrialState.TIMEOUT


DAEMON = """
import subprocess
code = "import time; time.sleep(60)  # {marker}"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = subprocess.DEVNULL
        subprocess.Popen([sys.executable, "-c", code], env={{}}, start_new_session=True,
                         stdin=null, stdout=null, stderr=null)
    os._exit(0)
os.wait()
time.sleep(0.2)
(artifacts / "score").write_text("1")
"""


def test_those_that_detached_themselves_are_gone_and_the_innocent_live(world):
    marker = f"daemon-{time.time_ns()}"
    innocent = psutil.Popen(["sleep", "30"])
    try:
        result = world.run(DAEMON.format(marker=marker))
        assert result.state is TrialState.MEASURED
        assert gone(marker)
        assert innocent.is_running() and innocent.status() != psutil.STATUS_ZOMBIE
    finally:
        innocent.kill()
        innocent.wait()


def test_too_many_processes_end_the_trial(world):
    # Bounded: 200 in all, and they end by themselves.
    result = world.run("""
        start()
        for _ in range(200):
            if os.fork() == 0:
                time.sleep(5)
                os._exit(0)
        time.sleep(5)
    """)
    assert result.state is TrialState.CRASH
    assert "processes" in result.detail


def test_a_flood_of_output_is_no_error_and_keeps_both_ends(world):
    world.budget = {"seconds": 15}
    result = world.run("""
        start()
        print("the beginning", flush=True)
        for _ in range(200): sys.stdout.write("x" * 1_000_000)
        print("the end")
        (artifacts / "score").write_text("1")
    """)
    assert result.state is TrialState.MEASURED
    assert b"the beginning" in result.log and b"the end" in result.log
    assert len(result.log) < 1.2 * 1024 * 1024


def test_memory_beyond_the_limit_ends_the_trial(world):
    world.budget = {"memory_mb": 100, "seconds": 10}
    result = world.run(
        "start()\nx = []\nwhile True:\n    x.append(bytearray(8_000_000)); time.sleep(.01)"
    )
    assert result.state is TrialState.OUT_OF_MEMORY
    assert result.peak_memory_mb > 60


def test_an_error_about_memory_is_out_of_memory(world):
    result = world.run("start()\nraise MemoryError('no room')")
    assert (result.state, result.detail) == (TrialState.OUT_OF_MEMORY, "MemoryError: no room")


def test_memory_is_measured_by_the_machine(world):
    result = world.run(
        "x = bytearray(60_000_000)\ntime.sleep(.3)\n(artifacts / 'score').write_text('1')"
    )
    assert result.state is TrialState.MEASURED
    assert 55 < result.measurement.metrics["peak_memory_mb"] < 150


def test_one_large_file_is_refused(world):
    result = world.run("(artifacts / 'big').write_bytes(b'x' * 60_000_000)")
    assert result.state is TrialState.CRASH
    assert "File too large" in result.detail or "of disk" in result.detail


def test_many_files_fill_the_disk_only_to_the_limit(world):
    world.budget = {"seconds": 10, "disk_mb": 20}
    result = world.run("""
        start()
        for i in range(10_000):
            (artifacts / str(i)).write_bytes(b"x" * 20_000)
            time.sleep(0.0005)
        time.sleep(10)
    """)
    assert result.state is TrialState.CRASH
    assert "disk" in result.detail


def test_a_trial_without_the_metric_is_invalid(world):
    assert world.run("start()").state is TrialState.INVALID
    world.evaluate = None
    result = world.run("start()")
    assert result.state is TrialState.INVALID
    assert "score" in result.detail


def test_a_metric_that_is_not_a_number_is_invalid(world):
    assert world.run("(artifacts / 'score').write_text('nan')").state is TrialState.INVALID
    world.evaluate = None
    assert world.run("print('score: nan')").state is TrialState.INVALID
    assert world.run("print('score: 1')\nprint('score: 2')").state is TrialState.INVALID


def test_a_self_reported_metric_is_marked_so(world):
    world.evaluate = None
    result = world.run("print('score: 3\\nMETRIC score=2\\nMETRIC depth=4')")
    assert result.state is TrialState.MEASURED
    assert result.measurement.self_reported
    assert (result.measurement.metric, result.measurement.metrics["depth"]) == (2.0, 4.0)


@pytest.mark.parametrize(
    "program",
    [
        "os.symlink('/etc/hostname', os.environ['NOVUM_RESULT'])",
        "os.mkfifo(os.environ['NOVUM_RESULT'])",
        "open(os.environ['NOVUM_RESULT'], 'wb').truncate(9_000_000)",
        "open(os.environ['NOVUM_RESULT'], 'w').write('{\"score\": NaN}')",
        "open(os.environ['NOVUM_RESULT'], 'w').write('{\"score\": true}')",
        "open(os.environ['NOVUM_RESULT'], 'w').write('[' * 5000)",
        "pass",
        "raise OSError('the evaluator broke')",
    ],
)
def test_a_bad_result_file_is_invalid(program, tmp_path):
    world = World(tmp_path, LocalRunner(detect()), evaluate="import os\n" + program)
    assert world.run("pass").state is TrialState.INVALID


def test_a_forged_result_is_ignored(world):
    result = world.run("""
        forged = json.dumps({"score": 0.0})
        for place in (artifacts, pathlib.Path("."), artifacts.parent):
            for name in ("result.json", "score.json", "result"):
                try: (place / name).write_text(forged)
                except OSError: pass
        (artifacts / "score").write_text("9")
    """)
    assert result.measurement.metric == 9.0


EVALUATOR_LOOKS = """
import json, os, pathlib
seen = [str(p) for p in pathlib.Path(".").rglob("*")]
writable = 0
for place in (".", os.environ["NOVUM_ARTIFACTS"], os.environ["NOVUM_HELDOUT"]):
    try: pathlib.Path(place, "x").write_text("x"); writable += 1
    except OSError: pass
held = pathlib.Path(os.environ["NOVUM_HELDOUT"], "valid.txt").read_text()
data = pathlib.Path(os.environ["NOVUM_DATA"], "train.txt").read_text()
result = {"score": len(held) + len(data), "writable": writable}
result["candidate"] = float("candidate.txt" in seen)
pathlib.Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(result))
"""


@confined_only
def test_the_evaluator_sees_the_lab_and_held_out_data_only_to_read(confined):
    confined.evaluate = EVALUATOR_LOOKS
    order = confined.order("pass")
    order = replace(
        order, data=order.scratch.parent / "data", heldout=order.scratch.parent / "heldout"
    )
    result = confined.runner.run(order, confined.pulses.append, threading.Event())
    assert result.state is TrialState.MEASURED, result.log
    assert result.measurement.metric == len("held out") + len("to train on")
    assert result.measurement.metrics["candidate"] == 0
    assert result.measurement.metrics["writable"] == 0


@confined_only
def test_the_candidate_cannot_see_what_is_held_out(confined):
    order = confined.order("""
        seen = [name for _, directories, files in os.walk("/novum") for name in files]
        assert "valid.txt" not in seen and "NOVUM_HELDOUT" not in os.environ
        print("looked", os.path.exists(pathlib.Path(sys.argv[0]).resolve()))
        (artifacts / "score").write_text("1")
    """)
    heldout = order.scratch.parent / "heldout"
    order = replace(order, heldout=heldout)
    tree = order.tree / "train.py"
    tree.write_text(tree.read_text() + f"\nassert not os.path.exists({str(heldout)!r})\n")
    result = confined.runner.run(order, confined.pulses.append, threading.Event())
    assert result.state is TrialState.MEASURED, result.log


def test_garbage_in_the_progress_file_does_no_harm(world):
    result = world.run("""
        start()
        raw = open(os.environ["NOVUM_PROGRESS"], "ab", buffering=0)
        for junk in (b"\\xff\\xfe\\n", b"[" * 4000 + b"\\n", b"{" + b"x" * 9000 + b"\\n",
                     b"null\\n",
                     b'{"loss": NaN, "step": 1}\\n', b'{"loss": 0.5, "step": 2, "t": "x"}\\n',
                     b'{"loss": 1e999}\\n', b'{"big": ' + b"9" * 4050 + b"}\\n"):
            raw.write(junk)
        (artifacts / "score").write_text("1")
        path = os.environ["NOVUM_PROGRESS"]
        try:
            os.remove(path)
            os.mkfifo(path)
        except OSError: pass
    """)
    assert result.state is TrialState.MEASURED
    assert result.curve == ({"step": 1.0}, {"loss": 0.5, "step": 2.0})


def test_points_arrive_while_the_trial_runs(world):
    result = world.run("""
        start()
        for step in range(5):
            progress.write(json.dumps({"step": step}) + "\\n")
            time.sleep(0.06)
        (artifacts / "score").write_text("1")
    """)
    phases = {pulse.phase for pulse in world.pulses}
    assert {Phase.TRAINING, Phase.EVALUATION} <= phases
    assert any(pulse.point for pulse in world.pulses)
    assert len(result.curve) == 5


def test_the_processor_clock_counts_children(world):
    world.budget = {"clock": "cpu", "seconds": 0.4, "grace": 0.3}
    result = world.run("""
        import signal
        start()
        if os.fork() == 0:
            while True: pass
        signal.pause()
    """)
    assert result.state is TrialState.TIMEOUT
    assert result.timing.budget >= 0.4


def test_the_processor_clock_does_not_count_waiting(world):
    world.budget = {"clock": "cpu", "seconds": 0.5}
    result = world.run("start()\ntime.sleep(1.2)\n(artifacts / 'score').write_text('1')")
    assert result.state is TrialState.MEASURED
    assert result.timing.budget < 0.5


def test_a_cancelled_trial_ends_at_once(world):
    world.budget = {"seconds": 20}
    cancel = threading.Event()
    marker = f"cancelled-{time.time_ns()}"
    threading.Timer(0.6, cancel.set).start()
    began = time.monotonic()
    program = f"""
        start()
        import subprocess
        subprocess.run(["sh", "-c", "sleep 60; # {marker}"])
    """
    assert world.run(program, cancel).state is TrialState.CANCELLED
    assert time.monotonic() - began < 10
    assert gone(marker)


def test_processes_are_gone_when_the_watcher_fails(world):
    marker = f"watched-{time.time_ns()}"

    def fail(_: Pulse) -> None:
        raise KeyboardInterrupt

    order = world.order(
        f"start()\nimport subprocess\nsubprocess.run(['sh', '-c', 'sleep 60; # {marker}'])"
    )
    with pytest.raises(KeyboardInterrupt):
        world.runner.run(order, fail, threading.Event())
    assert gone(marker)


def test_trouble_with_the_place_is_infrastructure(world):
    order = world.order("pass")
    (order.scratch / "artifacts").mkdir()
    result = world.runner.run(order, world.pulses.append, threading.Event())
    assert result.state is TrialState.INFRASTRUCTURE


def test_a_missing_program_is_named(world):
    order = world.order("pass")
    trial = order.lab.trial.model_copy(update={"run": ("no-such-tool", "x")})
    order = replace(order, lab=order.lab.model_copy(update={"trial": trial}))
    result = world.runner.run(order, world.pulses.append, threading.Event())
    assert result.state is TrialState.INFRASTRUCTURE
    assert "`no-such-tool` was not found on the trial's PATH" in result.detail


def test_the_protocol_is_in_the_environment(world):
    world.more = "[dial]\ndepth = 2\n"
    world.trial = 'environment = { OMP_NUM_THREADS = "1" }'
    result = world.run("""
        names = ("NOVUM_SEED", "NOVUM_SECONDS", "NOVUM_CLOCK", "NOVUM_DEPTH", "OMP_NUM_THREADS")
        print([os.environ[name] for name in names])
        (artifacts / "score").write_text("1")
    """)
    assert b"['7', '0.5', 'wall', '2', '1']" in result.log
