"""What counts as a call, what the record holds, and how tasks are read."""

import io
import json

import pytest

pytest.importorskip("rdkit")

from novum.errors import UsageError
from novum.molecule.cache import Cache, Remembered
from novum.molecule.pmo.oracle import Pmo
from novum.molecule.scores import Score, Status
from novum.molecule.screening import MOST_UNREADABLE, NoAnswerYetError, Screen, Task, read_tasks

CHAINS = ["C" * length for length in range(1, 40)]


class Counting:
    """An oracle that tells the number of carbons, and counts what it was asked."""

    name, version, better = "carbons", "1", "high"
    settings: dict = {}  # noqa: RUF012

    def __init__(self, status=Status.OK):
        self.asked, self.status = [], status

    def score(self, molecules):
        self.asked += molecules
        if self.status is Status.OK:
            return [Score(smiles, float(smiles.count("C"))) for smiles in molecules]
        return [Score.without(smiles, self.status, "not now") for smiles in molecules]


def screen(calls=10, oracle=None, **scale):
    task = Task("carbons", oracle or Counting(), **({"best": 100.0} | scale))
    record = io.StringIO()
    return Screen([task], calls, record, split="validation"), task, record


def lines(record):
    return [json.loads(line) for line in record.getvalue().splitlines()]


def test_every_molecule_is_one_call_however_often_and_however_it_is_written():
    made, task, record = screen()
    first = made.score(task, ["CCO", "OCC", "CCO"])
    again = made.score(task, ["C(O)C"] * 500)
    assert [score.value for score in first + again] == [2.0] * 503
    assert (made.left(task), task.oracle.asked) == (9, ["CCO"])
    assert [line["call"] for line in lines(record)[1:]] == [1]


def test_a_text_that_is_no_molecule_is_no_call_but_on_the_record():
    made, task, record = screen()
    texts = ["", "C1CC", "not a molecule", "C\0C", "C\ud800", "é", "C" * 5000, "\n", "[Xx]"]
    answers = made.score(task, texts)
    assert all(score.status is Status.UNREADABLE and score.reason for score in answers)
    assert (made.left(task), task.oracle.asked) == (10, [])
    assert all("call" not in line for line in lines(record)[1:])


def test_an_unsuitable_molecule_is_a_call_without_a_value():
    made, task, record = screen()
    (salt, _) = made.score(task, ["CCO.[Na+]", "CCO.[Na+]"])
    assert (salt.value, salt.status, made.left(task)) == (None, Status.UNSUITABLE, 9)
    assert lines(record)[1]["gain"] is None


def test_what_the_budget_does_not_cover_is_refused_and_never_asked():
    made, task, record = screen(calls=3)
    answers = made.score(task, CHAINS[:5])
    assert [score.status.value for score in answers] == ["ok"] * 3 + ["refused"] * 2
    assert [score.value for score in answers[3:]] == [None, None]
    assert "the budget of 3 calls is used up" in answers[3].reason
    after = made.score(task, ["CC", "CCN", "CCO.[Na+]"])
    assert [score.status.value for score in after] == ["ok", "refused", "refused"]
    assert (task.oracle.asked, made.left(task)) == (CHAINS[:3], 0)
    assert len(lines(record)) == 1 + 3


def test_the_record_does_not_grow_with_texts_without_end():
    made, task, record = screen(calls=2)
    made.score(task, ["x"] * 500)
    assert len(lines(record)) == 1 + 2 * MOST_UNREADABLE
    (score,) = made.score(task, ["CCO"])
    assert (score.value, made.left(task)) == (2.0, 1)


def test_a_gain_is_higher_for_what_is_better_and_never_negative():
    _, task, _ = screen(worst=-4.0, best=-12.0)
    assert task.gain(Score("C", -8.0)) == pytest.approx(0.5)
    assert task.gain(Score("C", -1.0)) == 0
    assert task.gain(Score("C", -13.0)) > 1
    assert task.gain(Score.without("C", Status.FAILED, "no pose")) is None


def test_an_oracle_that_cannot_answer_now_ends_the_screen():
    for status in (Status.UNAVAILABLE, Status.PENDING):
        made, task, _ = screen(oracle=Counting(status))
        with pytest.raises(NoAnswerYetError, match="not now"):
            made.score(task, ["CCO"])


def test_a_remembered_answer_is_a_call_of_this_trial_too(tmp_path):
    cache = Cache(tmp_path / "oracles.db")
    try:
        first, second = Counting(), Counting()
        made, task, _ = screen(oracle=Remembered(first, cache))
        made.score(task, ["CCO", "CCC"])
        made, task, _ = screen(oracle=Remembered(second, cache))
        answers = made.score(task, ["CCO", "CCC", "CCN"])
        assert [score.value for score in answers] == [2.0, 3.0, 2.0]
        assert (made.left(task), second.asked) == (7, ["CCN"])
    finally:
        cache.close()


TASKS = """
[[task]]
split = "validation"
oracle = { kind = "novum.molecule.pmo.oracle:Pmo", name = "qed" }
[[task]]
split = "holdout"
name = "mine"
worst = 0.2
oracle = { kind = "novum.molecule.pmo.oracle:Pmo", name = "median1" }
"""


def test_tasks_are_those_of_the_split(tmp_path):
    path = tmp_path / "oracle.toml"
    path.write_text(TASKS)
    assert [task.name for task in read_tasks(path, "validation")] == ["pmo:qed"]
    (mine,) = read_tasks(path, "holdout")
    assert (mine.name, mine.worst, mine.best) == ("mine", 0.2, 1.0)
    assert isinstance(mine.oracle, Pmo)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"has no \[\[task\]\]"),
        (TASKS.replace("worst = 0.2", "worst = 1.0"), "task]] 2: worst and best are the same"),
        (TASKS.replace("worst = 0.2", "worst = 7.0"), "the higher value is better"),
        (TASKS.replace("worst", "wurst"), "unknown key `wurst`"),
        (TASKS.replace('"median1"', '"median3"'), "no PMO oracle is called `median3`"),
        (TASKS.replace("holdout", "test"), "split"),
        (TASKS.replace("validation", "holdout"), "there is no task with split"),
        (TASKS + TASKS, "two tasks have the same `name`"),
        (TASKS.replace('{ kind = "novum.molecule.pmo.oracle:Pmo", name = "qed" }', "3"), "oracle"),
    ],
)
def test_a_task_that_is_not_sound_is_told_with_its_file(tmp_path, text, problem):
    path = tmp_path / "oracle.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=problem) as told:
        read_tasks(path, "validation")
        read_tasks(path, "holdout")
    assert str(path) in str(told.value)
