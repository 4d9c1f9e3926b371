"""A program's answers belong to the molecules that they name, and to no others."""

import re
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from novum.errors import UsageError
from novum.molecule.oracles import oracle_from
from novum.molecule.scores import Status

ASKED = ["CCO", "CCN", "CCC"]
READ = """
import csv, json, sys
asked = list(csv.DictReader(sys.stdin))
def tell(**answer):
    print(json.dumps(answer))
"""


@pytest.fixture
def make(tmp_path):
    def make(program, **table):
        (tmp_path / "score.py").write_text(textwrap.dedent(READ) + textwrap.dedent(program))
        run = [sys.executable, "-S", "score.py"]
        given = {"kind": "command", "run": run, "better": "high", **table}
        return oracle_from(given, tmp_path)

    return make


def told(oracle, molecules=ASKED):
    scores = oracle.score(molecules)
    assert len(scores) == len(molecules)
    return [score.value if score.status is Status.OK else score.status for score in scores]


EACH = """
for row in asked:
    tell(index=int(row["index"]), smiles=row["smiles"], value=len(row["smiles"]))
"""


def test_a_program_scores(make):
    oracle = make("for row in asked: tell(smiles=row['smiles'], value=1.5, charge=2, note='x')")
    scores = oracle.score(["OCC", "C("])
    assert (scores[0].smiles, scores[0].value, scores[0].numbers) == ("CCO", 1.5, {"charge": 2.0})
    assert scores[0].seconds > 0
    assert scores[1].status is Status.UNREADABLE


def test_answers_in_another_order_find_their_molecules(make):
    backwards = "for n, row in reversed(list(enumerate(asked))): "
    spelt = "{'CCO': 'OCC', 'CCN': 'NCC', 'CCC': 'C(C)C'}"
    assert told(make(f"{backwards}tell(index=row['index'], value=n)")) == [0, 1, 2]
    assert told(make(f"{backwards}tell(smiles=row['smiles'], value=n)")) == [0, 1, 2]
    assert told(make(f"{backwards}tell(smiles={spelt}[row['smiles']], value=n)")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("tell(index=0, value=1); tell(index=2, value=3)", [1, Status.UNAVAILABLE, 3]),
        ("[tell(index=i, value=1) for i in (0, 1, 1, 2)]", [1, Status.UNAVAILABLE, 1]),
        (
            "[tell(index=i, value=[1, float('nan'), 'x'][i]) for i in (0, 1, 2)]",
            [1, *[Status.FAILED] * 2],
        ),
        ("[tell(index=i, value=[1, True, None][i]) for i in (0, 1, 2)]", [1, *[Status.FAILED] * 2]),
        (
            "[tell(index=i, value=[1, 10**400, float('inf')][i]) for i in range(3)]",
            [1, *[Status.FAILED] * 2],
        ),
        (
            "tell(index=0, error='too big', value=9)\n[tell(index=i, value=1) for i in (1, 2)]",
            [Status.FAILED, 1, 1],
        ),
        (
            "tell(index=0, status='timeout')\n[tell(index=i, value=1) for i in (1, 2)]",
            [Status.TIMEOUT, 1, 1],
        ),
    ],
    ids=["missing", "repeated", "nan", "no-number", "too-large", "error", "status"],
)
def test_a_molecule_without_one_sound_answer_has_a_status(make, program, expected):
    assert told(make(program)) == expected


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("[tell(index=i + 1, value=i) for i in range(len(asked))]", "the index .*not asked"),
        ("[tell(index=2 - i, smiles=r['smiles'], value=i) for i, r in enumerate(asked)]",
         "under the index|index 2, which was not asked"),
        ("[tell(value=i) for i in range(len(asked))]", "neither an index nor a SMILES"),
        ("print('loading ...'); [tell(index=i, value=1) for i in range(len(asked))]", "no JSON"),
        ("[tell(smiles='CCCCC', value=1) for _ in asked]", "CCCCC, which was not asked"),
        ("print([1, 2])", "no JSON object"),
        ("sys.exit('no licence')", "status 1: no licence"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
    ],
    ids=["shifted", "turned", "nameless", "chatty", "foreign", "list", "exit", "killed"],
)  # fmt: skip
def test_a_batch_that_cannot_be_believed_gives_no_value(make, program, reason):
    scores = make(program).score(ASKED)
    assert {score.status for score in scores} == {Status.UNAVAILABLE}
    for score in scores:
        assert re.search(reason, score.reason)
        assert not score.status.lasting, "and is not remembered"


def test_one_molecule_that_breaks_the_program_does_not_harm_the_others(make):
    program = f"if any(row['smiles'] == 'CCN' for row in asked): sys.exit('nitrogen!')\n{EACH}"
    scores = make(program).score(["CCO", "CCN", "CCCC"])
    assert [score.value for score in scores] == [3, None, 4]
    assert scores[1].reason == "it ended with status 1: nitrogen!"


def test_a_broken_program_is_not_run_for_ever(make, tmp_path):
    program = "open('runs.txt', 'a').write('x')\nsys.exit(1)"
    scores = make(program).score(["C" * size for size in range(1, 50)])
    assert {score.status for score in scores} == {Status.UNAVAILABLE}
    assert len((tmp_path / "runs.txt").read_text()) == 4


def test_molecules_come_in_batches(make, tmp_path):
    program = f"open('runs.txt', 'a').write(f'{{len(asked)}} ')\n{EACH}"
    assert told(make(program, batch=2), ["C", "CC", "CCC"]) == [1, 2, 3]
    assert (tmp_path / "runs.txt").read_text().split() == ["2", "1"]


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(make, tmp_path):
    program = """
        import os, subprocess, time
        child = subprocess.Popen(["sleep", "60"])
        open("pid.txt", "w").write(str(child.pid))
        time.sleep(60)
    """
    (score,) = make(program, timeout=0.5).score(["CC"])
    assert score.status is Status.TIMEOUT and "longer than 0.5 s" in score.reason
    end = time.monotonic() + 10
    stat = Path("/proc", (tmp_path / "pid.txt").read_text(), "stat")
    while stat.exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < end, "what it started is still running"
        time.sleep(0.05)


def test_lines_and_csv_are_spoken_too(tmp_path):
    (tmp_path / "score.sh").write_text(
        'echo "smiles,value,error,weight"\n'
        "while read smiles index; do\n"
        '  case $index in 1) echo "$smiles,,unstable,";; *) echo "$smiles,$index.5,,3e1";; esac\n'
        "done\n"
    )
    table = {"run": ["sh", "score.sh"], "input": "smiles", "output": "csv", "better": "low"}
    scores = oracle_from({"kind": "command", **table}, tmp_path).score(ASKED)
    assert [score.value for score in scores] == [0.5, None, 2.5]
    assert scores[1].reason == "unstable"
    assert scores[2].numbers == {"weight": 30.0}


def test_a_csv_with_a_cell_too_few_is_not_believed(tmp_path):
    (tmp_path / "score.sh").write_text('cat > /dev/null; echo "smiles,value"; echo "CCO"\n')
    table = {"run": ["sh", "score.sh"], "output": "csv", "better": "low"}
    (score,) = oracle_from({"kind": "command", **table}, tmp_path).score(["CCO"])
    assert score.status is Status.UNAVAILABLE and "as many cells" in score.reason


def test_another_text_of_the_program_is_another_question(make, tmp_path):
    first = make(EACH).settings
    assert make(EACH).settings == first
    assert make(EACH + "\n").settings != first
    (tmp_path / "weights.bin").write_bytes(b"1")
    weighted = make(EACH, files=["weights.bin"]).settings
    (tmp_path / "weights.bin").write_bytes(b"2")
    assert make(EACH, files=["weights.bin"]).settings != weighted


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"run": []}, "`run`"),
        ({"run": ["no-such-program-at-all"]}, "no program no-such-program-at-all"),
        ({"run": ["./nothing.sh"]}, r"no program \./nothing\.sh"),
        ({"files": ["nothing.bin"]}, "`files`: there is no "),
        ({"batch": 0}, "`batch` = 0"),
        ({"timeout": -1}, "`timeout` = -1"),
        ({"better": "up"}, "`better` = 'up'"),
    ],
)
def test_a_table_that_is_not_sound_is_told_at_once(make, table, reason):
    with pytest.raises(UsageError, match=reason):
        make(EACH, **table)
