"""The evaluator's interpreter imports nothing that a trial left, and its result has no name."""

import json
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_local import PLACES, World, gone

from novum.records import TrialResult, TrialState
from novum.runners.commands import evaluation_command
from novum.runners.local import LocalRunner

TRAIN = "start(); (artifacts / 'score').write_text('1')"
SAYS = """\
import json, os, sys
import beside
told = {"score": beside.SCORE, "safe": sys.flags.safe_path, "no_user": sys.flags.no_user_site}
told["path"] = sys.path[0] == os.path.dirname(os.path.realpath(beside.__file__))
open(os.environ["NOVUM_RESULT"], "w").write(json.dumps({k: float(v) for k, v in told.items()}))
"""


@dataclass
class Commanded(World):
    """A world whose evaluator is a command of its own, with files of its own."""

    command: tuple[str, ...] = ("python", "evaluate.py")
    files: tuple[tuple[str, str], ...] = ()
    link: tuple[str, str] = ("", "")

    def run(self, program: str, **more: object) -> TrialResult:
        order = self.order(program, **more)
        for name, text in self.files:
            path = order.pristine / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if self.link[0]:
            (order.pristine / self.link[0]).symlink_to(self.link[1])
        return self.runner.run(order, self.pulses.append, threading.Event())

    def lab(self):
        lab = super().lab()
        trial = lab.trial.model_copy(update={"evaluate": self.command})
        return lab.model_copy(update={"trial": trial})


@pytest.fixture(params=PLACES)
def world(request, tmp_path) -> Commanded:
    return Commanded(tmp_path, LocalRunner(request.param))


@pytest.mark.parametrize(
    ("command", "place", "link"),
    [
        ("python say.py", "", ("", "")),
        ("python -u -X dev say.py", "", ("", "")),
        ("python tools/say.py", "tools/", ("", "")),
        ("python -m say", "", ("", "")),
        ("python say.py", "tools/", ("say.py", "tools/say.py")),
    ],
)
def test_modules_beside_the_evaluator_are_found_by_an_isolated_interpreter(
    command, place, link, world
):
    world.command, world.link = tuple(command.split()), link
    world.files = ((f"{place}say.py", SAYS), (f"{place}beside.py", "SCORE = 2"))
    result = world.run(TRAIN)
    assert result.state is TrialState.MEASURED, result.log
    assert result.measurement.metric == 2
    metrics = result.measurement.metrics
    assert (metrics["safe"], metrics["no_user"], metrics["path"]) == (1, 1, 1)


def test_a_program_outside_of_the_lab_can_evaluate(tmp_path, world):
    place = tmp_path / "outside"
    place.mkdir()
    (place / "say.py").write_text(SAYS)
    (place / "beside.py").write_text("SCORE = 3")
    world.command = ("python", str(place / "say.py"))
    world.more = f'[sandbox]\nreadable = ["{place}"]'
    assert world.run(TRAIN).measurement.metric == 3


def test_nothing_that_a_trial_left_is_imported(world):
    world.evaluate = """
        import colorsys, json, os
        value = 5.0 if hasattr(colorsys, "rgb_to_hsv") else -1.0
        with open(os.environ["NOVUM_RESULT"], "w") as file:
            json.dump({"score": value}, file)
    """
    result = world.run("""
        start()
        home = pathlib.Path.home()
        site = home / f".local/lib/python3.{sys.version_info.minor}/site-packages"
        site.mkdir(parents=True)
        for place in (pathlib.Path("."), artifacts, home, site):
            for name in ("colorsys", "json", "sitecustomize", "usercustomize"):
                (place / f"{name}.py").write_text("raise SystemExit('taken over')")
            (place / "x.pth").write_text("import os; os._exit(3)")
    """)
    assert result.measurement is not None, result.log
    assert result.measurement.metric == 5


def test_the_result_is_no_file_that_anybody_could_name(world):
    world.evaluate = """
        import json, os
        with open(os.environ["NOVUM_RESULT"], "w") as file:
            json.dump({"score": os.fstat(file.fileno()).st_nlink}, file)
    """
    assert world.run(TRAIN).measurement.metric == 0


def test_a_result_that_was_begun_and_written_anew_is_the_last_one(world):
    world.evaluate = """
        import os, pathlib
        path = pathlib.Path(os.environ["NOVUM_RESULT"])
        path.write_text('{"score": 1, "and": "more that is longer than what follows"}')
        path.write_text('{"score": 2}')
        assert path.read_text() == '{"score": 2}'
    """
    assert world.run(TRAIN).measurement.metric == 2


def test_a_shell_and_a_child_that_inherits_it_can_write_the_result(world):
    world.command = ("sh", "evaluate.sh")
    world.files = (("evaluate.sh", 'sh -c \'echo "{\\"score\\": 4}" > $NOVUM_RESULT\'\n'),)
    assert world.run(TRAIN).measurement.metric == 4


def test_a_process_that_keeps_the_result_open_does_not_hang_the_trial(world):
    marker = f"novum-holds-{id(world)}"
    world.evaluate = f"""
        import os, subprocess, sys
        result = os.open(os.environ["NOVUM_RESULT"], os.O_WRONLY)
        code = "import time; time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", code, "{marker}"], pass_fds=[result])
        os.write(result, b'{{"score": 6}}')
    """
    result = world.run(TRAIN)
    assert result.measurement.metric == 6
    assert result.timing.evaluation < 8
    assert gone(marker)


def test_the_candidate_has_neither_its_variable_nor_its_descriptor(world):
    result = world.run("""
        start()
        assert "NOVUM_RESULT" not in os.environ
        held = []
        for number in os.listdir("/proc/self/fd"):
            try: held.append(os.readlink(f"/proc/self/fd/{number}"))
            except OSError: pass
        strange = [h for h in held if "deleted" in h or "result" in h]
        print("holds", strange)
        (artifacts / "score").write_text(str(len(strange)))
    """)
    assert result.measurement.metric == 0, result.log


def test_a_command_is_told_where_its_result_goes(world, tmp_path):
    order = world.order(TRAIN)
    command = evaluation_command(order, ("python", "evaluate.py"), Path(tmp_path), 7)
    assert command.descriptors == (7,)
    assert command.environment["NOVUM_RESULT"] == "/dev/fd/7"
    assert not [mount for mount in command.mounts if mount.writable]
    assert json.dumps(command.argv[:3]) == '["python", "-P", "-s"]'


def test_what_an_evaluator_refuses_has_its_own_words_as_the_reason(world):
    world.files = (("say.py", "import sys; print('it says `best`'); sys.exit(65)"),)
    world.command = ("python", "say.py")
    result = world.run(TRAIN)
    assert (result.state, result.detail) == (TrialState.INVALID, "it says `best`")


def test_an_evaluator_that_fails_is_no_refusal(world):
    world.files = (("say.py", "import sys; print('it says `best`'); sys.exit(1)"),)
    world.command = ("python", "say.py")
    result = world.run(TRAIN)
    assert result.state is TrialState.INVALID
    assert result.detail == "the evaluation failed: exit status 1: it says `best`"
