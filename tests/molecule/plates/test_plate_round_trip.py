"""A plate goes out, comes back in pieces and late, and a campaign judges it: the real commands."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from plate_cases import LEAD, SIGNAL

from novum import asking, cli, labs
from novum.ledger import Ledger
from novum.molecule.measuring import NoAnswerYetError, Trial, measure
from novum.records import Edit, Proposal

NOVUM = [sys.executable, "-m", "novum"]
IDEAS = {  # how potent each one is
    "NC(=O)c1cccc2[nH]c(-c3ccncc3)nc12": ("pyridyl", 7.0),
    "NC(=O)c1cccc2[nH]c(C3CCCCC3)nc12": ("cyclohexyl", 5.0),
    "NC(=O)c1cccc2[nH]c(C3CCCN3)nc12": ("pyrrolidyl", 7.6),
}
POTENCY = dict(IDEAS.values()) | {"lead": 6.0, "reference": 8.0}


@pytest.fixture
def lab(tmp_path) -> Path:
    """A lab as `novum new assay` makes it, with two wells a molecule instead of three."""
    path = tmp_path / "lab"
    labs.create("assay", path)
    replaced(path / "assay.toml", "replicates = 3", "replicates = 2", "lead = 3", "lead = 4")
    text = (path / "lab.toml").read_text()
    for line in text.splitlines():
        key = line.partition(" =")[0]
        if key in {"baseline_runs", "min_runs", "max_runs"}:
            text = text.replace(line, f"{key} = 2")
    (path / "lab.toml").write_text(text.replace("idle = 1", "idle = 0.1"))
    lines = [f"{smiles} {name}  # a reason" for smiles, (name, _) in IDEAS.items()]
    (path / "ideas.smi").write_text("\n".join(lines) + "\n")
    commit(path)
    return path


def replaced(path: Path, *pairs: str) -> None:
    text = path.read_text()
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def commit(path: Path) -> None:
    for words in (["add", "-A"], ["commit", "-q", "-m", "mine"]):
        subprocess.run(["git", *words], cwd=path, check=True)


@pytest.fixture
def novum(monkeypatch, capfd):
    """Run a command as `main` does it, in this process: what it said on both streams."""

    def run(*words: object, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["novum", *map(str, words)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as error:
            code = error.code or 0
        out, err = capfd.readouterr()
        assert code == status, out + err
        if status:
            assert 1 <= len(err.strip().splitlines()) <= 2, err
        return out + err

    return run


def campaign(*words: object, status: int = 0) -> str:
    """A command that runs trials, in a process of its own."""
    done = subprocess.run([*NOVUM, *map(str, words)], capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert "Traceback" not in said
    return said


def export(novum, lab: Path, *more: object) -> list[dict[str, str]]:
    """The rows of a new plate."""
    path = lab.parent / "plate.csv"
    novum("assay", "export", lab, "--from", lab / "ideas.smi", "--output", path, *more)
    return list(csv.DictReader(io.StringIO(path.read_text())))


def results(path: Path, rows, wanted=lambda row: True, **potency: float) -> Path:
    """A file with the results of some wells; each replicate is a little different."""
    known = POTENCY | potency
    out = io.StringIO()
    table = csv.DictWriter(out, rows[0])
    table.writeheader()
    for row in rows:
        if wanted(row):
            p = known[row["molecule"]] + 0.02 * (int(row["replicate"]) - 1)
            table.writerow({**row, "IC50 (nM)": f"{10 ** (9 - p):.6g}"})
        else:
            table.writerow(row)
    path.write_text(out.getvalue())
    return path


def verdicts(lab: Path) -> dict[str, str]:
    with closing(Ledger(lab)) as ledger:
        found = ledger.experiments(ledger.campaigns()[-1].id)
        return {one.proposal.title: str(one.verdict.outcome if one.verdict else "open")
                for one in found}  # fmt: skip


def in_line(lab: Path) -> list[str]:
    with closing(Ledger(lab)) as ledger:
        return [one.body["key"] for one in ledger.requests.waiting("proposal")]


def test_a_partial_a_late_a_repeated_and_a_corrected_file(lab, novum, tmp_path):
    rows = export(novum, lab)
    assert len(rows) == 4 + 2 + 2 * 3
    early = results(tmp_path / "early.csv", rows, lambda row: row["molecule"] != "pyrrolidyl"
                    and (row["molecule"], row["replicate"]) != ("cyclohexyl", "2"))  # fmt: skip
    assert "pyridyl is put in line" in novum("assay", "import", lab, early)
    assert in_line(lab) == ["assay/pyridyl"], "the others are not complete"

    again = novum("assay", "import", lab, early)
    assert "imported already" in again and "nothing changed" in again
    assert in_line(lab) == ["assay/pyridyl"]

    campaign("run", lab, "--tag", "t")
    assert verdicts(lab) == {"baseline": "keep", "pyridyl": "keep"}

    late = results(tmp_path / "late.csv", rows, lambda row: row["molecule"] in IDEAS_NAMES)
    said = novum("assay", "import", lab, late)
    assert "pyrrolidyl is put in line" in said and "cyclohexyl is put in line" in said
    assert sorted(in_line(lab)) == ["assay/cyclohexyl", "assay/pyrrolidyl"]
    campaign("resume", lab)
    assert verdicts(lab) == {
        "baseline": "keep", "pyridyl": "keep", "cyclohexyl": "discard", "pyrrolidyl": "keep",
    }  # fmt: skip
    kept = subprocess.run(
        ["git", "show", "autoresearch/t:lead.smi"], cwd=lab, capture_output=True, text=True
    )
    assert kept.stdout.splitlines()[-1] == "NC(=O)c1cccc2[nH]c(C3CCCN3)nc12  pyrrolidyl  # a reason"

    fixed = results(tmp_path / "fixed.csv", rows, cyclohexyl=8.9)
    said = novum("assay", "import", lab, fixed)
    assert "corrected: " in said
    assert "cyclohexyl is put once more, for its numbers changed" in said
    assert in_line(lab) == ["assay/cyclohexyl#2"]
    novum("assay", "import", lab, late)  # an older file takes nothing back
    campaign("resume", lab)
    with closing(Ledger(lab)) as ledger:
        last = ledger.experiments(ledger.campaigns()[-1].id)[-1]
    assert last.verdict.outcome == "keep"
    assert last.verdict.evidence.values == pytest.approx((8.9, 8.92), abs=1e-5)
    assert in_line(lab) == []
    fixed.write_text(fixed.read_text() + "Mean,,,,,,9\n")
    assert "nothing is put in line" in novum("assay", "import", lab, fixed)

    # The next plate carries the new lead, and nothing that is measured.
    (lab / "ideas.smi").write_text("CCO ethanol\n" + (lab / "ideas.smi").read_text())
    second = export(novum, lab, "--plate", 96, "--molecules", 5, "--again", "lead")
    assert {row["plate"] for row in second} == {"P002"}
    assert {row["molecule"] for row in second if row["role"] == "lead"} == {"cyclohexyl"}
    assert {row["molecule"] for row in second if row["role"] == "sample"} == {"ethanol", "lead"}
    facts = json.loads(novum("assay", "status", lab, "--json"))
    assert [plate["state"] for plate in facts["plates"]] == ["complete", "out"]
    assert {one["name"]: one["state"] for one in facts["molecules"]} == {
        "lead": "measured", "pyridyl": "measured", "cyclohexyl": "measured",
        "pyrrolidyl": "measured", "ethanol": "waiting",
    }  # fmt: skip
    assert len(facts["imports"]) == 4
    third = results(tmp_path / "third.csv", second, ethanol=5.0, cyclohexyl=8.9)
    novum("assay", "import", lab, third)
    assert in_line(lab) == ["assay/ethanol"], "the start was judged as the baseline"


IDEAS_NAMES = {name for name, _ in IDEAS.values()}


def test_what_the_assay_cannot_tell_is_never_a_score(lab, novum, tmp_path):
    rows = export(novum, lab)
    path = results(tmp_path / "r.csv", rows)
    text = []
    for row in csv.reader(io.StringIO(path.read_text())):
        if row[3] == "cyclohexyl" and row[5] == "1":
            row[-1] = ">100000"
        if row[3] == "pyridyl" and row[5] == "2":
            row[-1] = "OVRFLW"
        text.append(",".join(row))
    path.write_text("\n".join(text) + "\n")
    said = novum("assay", "import", lab, path)
    assert "censored" in said and "OVRFLW" in said
    assert "cyclohexyl is put in line (1 of 2 wells are beyond" in said
    assert sorted(in_line(lab)) == ["assay/cyclohexyl", "assay/pyrrolidyl"]
    campaign("run", lab, "--tag", "t")
    assert verdicts(lab) == {"baseline": "keep", "cyclohexyl": "invalid", "pyrrolidyl": "keep"}
    assert "pic50 < 4" in novum("show", lab, 1)
    assert "1 of 2 replicates gave a number" in novum("assay", "status", lab)
    second = export(novum, lab)
    assert {row["molecule"] for row in second if row["role"] == "sample"} == {"pyridyl"}


def test_a_molecule_that_was_on_no_plate_waits_and_goes_on_the_next(lab, novum, tmp_path):
    rows = export(novum, lab)
    novum("assay", "import", lab, results(tmp_path / "r.csv", rows))
    series = (lab / "lead.smi").read_text() + "CCO  agent-1\n"
    with closing(Ledger(lab)) as ledger:
        asking.propose(ledger, Proposal("ethanol", (Edit("lead.smi", None, series),), "try"))
        for request in ledger.requests.waiting("proposal")[:-1]:
            ledger.requests.withdraw(request.id, "not in this test")
    said = campaign("run", lab, "--tag", "t", status=1)
    assert "no answer yet" in said and "never on a plate" in said and "novum resume" in said
    assert verdicts(lab) == {"baseline": "keep", "ethanol": "open"}
    second = export(novum, lab)
    (name,) = {row["molecule"] for row in second if row["role"] == "sample"}
    novum("assay", "import", lab, results(tmp_path / "s.csv", second, **{name: 9.0}))
    assert in_line(lab) == [], "its experiment is open already"
    campaign("resume", lab)
    assert verdicts(lab) == {"baseline": "keep", "ethanol": "keep"}


def test_when_all_wells_are_used_the_judge_decides_by_them(lab, novum, tmp_path):
    replaced(lab / "lab.toml", "max_runs = 2", "max_runs = 9", "min_runs = 2", "min_runs = 9")
    commit(lab)
    rows = export(novum, lab, "--molecules", 1)
    novum("assay", "import", lab, results(tmp_path / "r.csv", rows))
    said = campaign("run", lab, "--tag", "t")
    assert "decided by the runs that there are" in said
    with closing(Ledger(lab)) as ledger:
        last = ledger.experiments(ledger.campaigns()[-1].id)[-1]
    assert len(last.verdict.evidence.values) == 2, "each well once"


KILLED = """
import os, signal, sys
from novum.cli import main
from novum.molecule.plates import {module}
before = {module}.{name}
count = [0]
def killed(*words, **more):
    count[0] += 1
    if count[0] == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
    return before(*words, **more)
{module}.{name} = killed
sys.argv = ["novum", *sys.argv[1:]]
main()
"""


def kill(module: str, name: str, at: int, *words: object) -> None:
    """The real command, which is killed when it calls a function for the `at`th time."""
    code = KILLED.format(module=module, name=name, at=at)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(lab, novum, tmp_path):
    plate = ("assay", "export", lab, "--from", lab / "ideas.smi")
    kill("export", "_named", 1, *plate)  # before the plate is remembered
    assert "no plate was made yet" in novum("assay", "status", lab)
    kill("export", "as_csv", 1, *plate)  # after it, and before anybody saw it
    shown = novum("assay", "export", lab, "--show", "p001")
    assert "P001" in shown and "none of 3 candidates" in novum(*plate, status=2)
    rows = list(csv.DictReader(io.StringIO(shown[: shown.rindex("plate P001")])))
    path = results(tmp_path / "r.csv", rows)

    kill("store", "_changed", 1, "assay", "import", lab, path)  # in the midst of writing
    assert json.loads(novum("assay", "status", lab, "--json"))["imports"] == []
    kill("queueing", "_proposal", 1, "assay", "import", lab, path)  # taken in, nothing in line
    assert in_line(lab) == []
    kill("queueing", "_proposal", 2, "assay", "import", lab, path)  # one of three in line
    assert len(in_line(lab)) == 1
    said = novum("assay", "import", lab, path)
    assert "imported already" in said and "is put in line" in said
    assert sorted(in_line(lab)) == sorted(f"assay/{name}" for name in IDEAS_NAMES)

    process = subprocess.Popen(
        [*NOVUM, "run", str(lab), "--tag", "t"], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:  # in the midst of the campaign
        if "best pic50" in line:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.communicate()
    novum("assay", "import", lab, path)
    campaign("run", lab)
    assert verdicts(lab) == {
        "baseline": "keep", "pyridyl": "keep", "cyclohexyl": "discard", "pyrrolidyl": "keep",
    }  # fmt: skip
    with closing(Ledger(lab)) as ledger:
        (only,) = ledger.campaigns()
        assert [len(ledger.experiments(only.id)), in_line(lab)] == [4, []]
        for one in ledger.experiments(only.id):
            assert len(set(one.verdict.evidence.values)) == 2, "no well is counted twice"


# -- what is refused ------------------------------------------------------------------------------


@pytest.fixture
def signal_lab(lab) -> Path:
    """A lab of a raw signal, with controls."""
    head = SIGNAL.replace('metric = "inhibition"', 'metric = "pic50"')
    (lab / "assay.toml").write_text(head)
    commit(lab)
    return lab


def signals(rows, vehicle: float = 2.0, **more: str) -> str:
    lines = ["plate,well,Signal"]
    for row in rows:
        at = int(row["replicate"])
        usual = {"inhibited": 10 + at, "vehicle": 100 + vehicle * at}.get(row["molecule"], 50 + at)
        lines.append(f"{row['plate']},{row['well']},{more.get(row['well'], usual)}")
    return "\n".join(lines) + "\n"


def test_a_file_that_is_wrong_as_a_whole_changes_nothing(signal_lab, novum, tmp_path):
    lab, path = signal_lab, tmp_path / "r.csv"
    assert "no plate was made here yet" in novum("assay", "import", lab, lab / "lead.smi", status=2)
    rows = export(novum, lab)
    good = signals(rows)
    wrong = {
        "there is no plate P077": (2, good.replace("P001", "P077").encode()),
        "several plates": (2, good.replace("P001", "P002", 1).encode()),
        "Z' is 0.12": (1, signals(rows, vehicle=60).encode()),
        'unit = "raw"': (2, good.replace("Signal", "Signal (nM)").encode()),
        "no table": (2, b"hello\n"),
        "is empty": (2, b""),
        "spreadsheet": (2, b"PK\x03\x04"),
        "every cell": (2, good.partition("\n")[0].encode() + b"\nP001,A01,\n"),
        "96 wells": (2, ("," + ",".join(map(str, range(1, 13))) + "\n" + "".join(
            letter + ",1" * 12 + "\n" for letter in "ABCDEFGH")).encode()),
    }  # fmt: skip
    before = json.loads(novum("assay", "status", lab, "--json"))
    for told, (status, content) in wrong.items():
        path.write_bytes(content)
        assert told in novum("assay", "import", lab, path, status=status)
        assert json.loads(novum("assay", "status", lab, "--json")) == before
        assert in_line(lab) == []
    path.write_text(good)
    assert "there is no plate P9" in novum("assay", "import", lab, path, "--id", "P9", status=2)
    said = novum("assay", "import", lab, path, "--who", "Ada", "--json")
    facts = json.loads(said)
    assert facts["quality"]["z_prime"] > 0.5
    assert len(facts["queued"]) == 3
    (came,) = json.loads(novum("assay", "status", lab, "--json"))["imports"]
    assert came["who"] == "Ada"


def test_controls_that_come_later_make_the_values_then(signal_lab, novum, tmp_path):
    rows = export(novum, signal_lab)
    lines = signals(rows).splitlines()
    wells = {row["well"] for row in rows if row["role"] == "sample"}
    samples = [line for line in lines[1:] if line.split(",")[1] in wells]
    first, second = tmp_path / "samples.csv", tmp_path / "controls.csv"
    first.write_text("\n".join([lines[0], *samples]) + "\n")
    said = novum("assay", "import", signal_lab, first)
    assert "no value is told before they are in" in said
    assert in_line(signal_lab) == []
    rest = [line for line in lines[1:] if line not in samples]
    second.write_text("\n".join([lines[0], *rest]) + "\n")
    novum("assay", "import", signal_lab, second)
    assert len(in_line(signal_lab)) == 3


def test_files_of_two_plates_are_told_apart(lab, novum, tmp_path):
    first = export(novum, lab, "--molecules", 1)
    second = export(novum, lab, "--molecules", 1)
    bare = tmp_path / "bare.csv"
    bare.write_text("well,IC50 (nM)\n" + f"{first[0]['well']},5\n")
    assert "--id NAME (P001, P002)" in novum("assay", "import", lab, bare, status=2)
    novum("assay", "import", lab, bare, "--id", "P001")
    assert "as the results of P001" in novum("assay", "import", lab, bare, "--id", "P002", status=2)
    named = results(tmp_path / "named.csv", second)
    assert "another plate than P001" in novum(
        "assay", "import", lab, named, "--id", "P001", status=2
    )
    assert "plate P002" in novum("assay", "import", lab, named)


def test_a_plate_that_never_comes_back_lets_its_molecules_go(lab, novum, tmp_path):
    rows = export(novum, lab)
    export_words = ("assay", "export", lab, "--from", lab / "ideas.smi")
    assert "none of 3 candidates" in novum(*export_words, status=2)
    assert "may go on another" in novum("assay", "drop", lab, "P001")
    again = export(novum, lab)
    assert {row["molecule"] for row in again} == {row["molecule"] for row in rows}
    novum("assay", "import", lab, results(tmp_path / "late.csv", rows))  # it does come
    assert len(in_line(lab)) == 3
    novum("assay", "import", lab, results(tmp_path / "again.csv", again, pyridyl=7.1))
    assert len(in_line(lab)) == 3


def test_what_cannot_be_exported_is_told(lab, novum):
    assert "24, 96 or 384" in novum("assay", "export", lab, "--plate", 48, status=2)
    assert "there is no candidate" in novum("assay", "export", lab, status=2)
    assert "there is no plate P9" in novum("assay", "export", lab, "--show", "P9", status=2)
    assert "--again nobody" in novum("assay", "export", lab, "--again", "nobody", status=2)
    assert "there is no plate X" in novum("assay", "drop", lab, "X", status=2)
    replaced(lab / "assay.toml", 'unit = "nM"', 'unit = "ug/ml"')
    assert "`assay.unit`" in novum("assay", "export", lab, status=2)
    (lab / "assay.toml").unlink()
    assert "novum new assay" in novum("assay", "status", lab, status=2)


def test_a_fresh_campaign_can_judge_what_was_measured_before(lab, novum, tmp_path):
    rows = export(novum, lab, "--molecules", 1)
    novum("assay", "import", lab, results(tmp_path / "r.csv", rows))
    campaign("run", lab, "--tag", "one")
    assert "is put in line" in novum("assay", "queue", lab)
    assert "nothing is put" in novum("assay", "queue", lab), "it is in line already"
    campaign("run", lab, "--tag", "two")
    with closing(Ledger(lab)) as ledger:
        one, two = (ledger.experiments(campaign.id) for campaign in ledger.campaigns())
    assert [e.verdict.evidence.values for e in one] == [e.verdict.evidence.values for e in two]


def test_the_report_shows_the_leads_and_all_molecules(lab, novum, tmp_path):
    rows = export(novum, lab)
    novum("assay", "import", lab, results(tmp_path / "r.csv", rows, pyridyl=9.0))
    campaign("run", lab)
    novum("report", lab, "--out", tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "From the start (`" in text and "in 1 kept change" in text
    assert "| nr | molecule | pic50 | verdict |" in text and "pose.png" not in text
    with (tmp_path / "report" / "molecules.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert listed[0]["name"] == "pyridyl" and len(listed) == 1 + len(IDEAS)


def test_a_molecule_lab_becomes_an_assay_lab_by_its_oracle(lab, novum, tmp_path, monkeypatch):
    (lab / "oracle.toml").write_text('[oracle]\nkind = "plate"\n')
    (lab / "filters.toml").write_text("")
    for name in ("lab.toml", "assay.toml"):  # as docs/assays.md says
        text = (lab / name).read_text()
        (lab / name).write_text(text.replace('"pic50"', '"value"'))
    rows = export(novum, lab)
    cache = lab / ".novum" / "cache"
    monkeypatch.setenv("NOVUM_CACHE", str(cache))
    monkeypatch.setenv("NOVUM_RUN", "1")
    trial = Trial(lab, lab, 1, cache=cache / "oracles.db")
    with pytest.raises(NoAnswerYetError, match="no result yet"):
        measure(trial)
    novum("assay", "import", lab, results(tmp_path / "r.csv", rows))
    assert measure(trial)["value"] == pytest.approx(6.02, abs=1e-5)
    novum("assay", "import", lab, results(tmp_path / "s.csv", rows, lead=6.5))
    assert measure(trial)["value"] == pytest.approx(6.52, abs=1e-5), "a correction is not hidden"
    assert LEAD in (lab / "lead.smi").read_text()
