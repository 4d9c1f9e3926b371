"""`novum audit`, `import` and `export` as a person runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOGS = Path(__file__).parents[1] / "data" / "logs"
LIQUID, MOE = LOGS / "shopify-liquid-autoresearch.jsonl", LOGS / "autoresearch-moe.tsv"
HEAD = "commit\tloss\tstatus\tdescription\n"


def novum(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "novum", *map(str, words)], capture_output=True, text=True
    )


def test_an_audit_begins_with_its_headline(tmp_path):
    done = novum("audit", LIQUID, "--noise", 40, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Of 9 keeps, ")
    assert lines[1].startswith("Total gain +")
    assert "standard deviation 40, as given; 2 repeats in the log alone would say 49" in done.stdout
    assert "lower is better (the log)" in done.stdout
    assert " 14  b7ae55f  +262  " in done.stdout
    assert "  repeat  " in done.stdout and "Confirmation run: byteindex" in done.stdout
    assert (tmp_path / "out" / "audit.json").is_file()


def test_an_audit_as_json_is_json_alone(tmp_path):
    done = novum("audit", MOE, "--noise", 0.0005, "--json", "--out", tmp_path)
    facts = json.loads(done.stdout)
    assert facts == json.loads((tmp_path / "audit.json").read_text())
    assert facts["problems"][0]["line"] == 5
    assert "audit.json" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no"),
        ("", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text"),
        ("just words\n", "no rows with columns"),
        (HEAD, "cannot be read as a log|holds no run"),
        (HEAD + "a\t0\tcrash\tx\nb\t0\tcrash\ty\n", "there is nothing to audit"),
        ("{not json\n", "holds no run that could be read; line 1: not read"),
    ],
)
def test_what_cannot_be_audited_is_said_in_a_line(tmp_path, content, words):
    path = tmp_path / "results.tsv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = novum("audit", path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert any(word in done.stderr for word in words.split("|"))
    assert len(done.stderr.splitlines()) <= 2


def test_a_directory_without_a_log_says_where_it_looked(tmp_path):
    done = novum("audit", tmp_path)
    assert (done.returncode, "autoresearch.jsonl" in done.stderr) == (2, True)


def test_a_log_with_a_single_row_has_nothing_to_judge(tmp_path):
    (tmp_path / "results.tsv").write_text(HEAD + "a\t5\tkeep\tbaseline\n")
    done = novum("audit", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing to judge: no run was compared with another.")


@pytest.mark.parametrize("words", [("--noise", "0"), ("--noise", "x"), ("--direction", "up")])
def test_options_that_make_no_sense_are_refused(words):
    assert novum("audit", MOE, *words).returncode == 2


def test_what_a_log_says_cannot_control_the_terminal(tmp_path):
    text = HEAD + "a\t5\tkeep\tx\n\x1b[31mb\t4\tkeep\t\x1b[2Jy\nc\t3\t\x1b[31m\tz\n"
    (tmp_path / "results.tsv").write_text(text)
    done = novum("audit", tmp_path, "--noise", 1)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_import_then_look_then_export(tmp_path):
    done = novum("import", MOE, tmp_path / "lab", "--tag", "moe")
    assert done.returncode == 0, done.stderr
    assert "line 7: not counted: its status is 'tentative'" in done.stdout
    assert "imported" in novum("status", tmp_path / "lab").stdout
    assert "keep" in novum("log", tmp_path / "lab", "--last", 9).stdout
    text = novum("export", tmp_path / "lab").stdout
    assert text.splitlines()[0] == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    done = novum("export", tmp_path / "lab", "--format", "pi", "--out", tmp_path / "pi.jsonl")
    assert done.stdout.strip() == str(tmp_path / "pi.jsonl")
    first, second, *_ = map(json.loads, (tmp_path / "pi.jsonl").read_text().splitlines())
    assert (first["metricName"], first["bestDirection"]) == ("val_bpb", "lower")
    assert (second["metric"], second["status"]) == (0.964088, "keep")
    assert novum("export", tmp_path / "lab", "--tag", "none").returncode == 2
    assert novum("import", MOE, tmp_path / "lab", "--tag", "moe").returncode == 2
