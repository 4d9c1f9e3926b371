"""novum compare, as a person types it: the same lab, start, budget and judge for everybody."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bed_cases import TINY_LAB, tiny_lab
from novum.ledger import Ledger
from novum.testing.models import ModelServer, say

NOVUM = [sys.executable, "-m", "novum"]
# x.txt: the score, and how long the trial takes; the seed adds a little noise.
RUN = """read score pause < x.txt
sleep "$pause"
echo "METRIC score=$score$(( (NOVUM_SEED * 7919) % 10 ))"
"""


@pytest.fixture
def lab(tmp_path):
    return tiny_lab(tmp_path / "lab", RUN)


def commit(path: Path, *words: str) -> None:
    for line in [words] if words else [("add", "-A"), ("commit", "-q", "-m", "more")]:
        subprocess.run(["git", *line], cwd=path, check=True, capture_output=True)


def novum(*arguments: object, status: int = 0) -> str:
    done = subprocess.run([*NOVUM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


def compare(lab: Path, *more: object, status: int = 0, repeats: int = 2) -> str:
    words = ("--researchers", "backlog,null", "--experiments", 3, "--repeats", repeats)
    return novum("compare", lab, *words, *more, status=status)


def campaigns(lab: Path) -> dict[str, list]:
    """The trials of each campaign, by its tag, in the order in which they were begun."""
    with closing(Ledger(lab)) as ledger:
        return {one.tag: ledger.all_trials(one.id) for one in ledger.campaigns()}


def test_everybody_gets_campaigns_of_their_own_in_turns(lab):
    told = compare(lab, "--name", "c")
    tags = ["c-backlog-1", "c-null-1", "c-null-2", "c-backlog-2"]
    assert list(campaigns(lab)) == tags
    for tag in tags:
        assert json.loads(novum("status", lab, "--tag", tag, "--json"))["state"] == "finished"
    assert "confirmed in none of 2 campaigns" in told
    assert "backlog finds more than luck does: backlog minus null: +2" in told
    assert (lab / "report" / "c" / "compare.png").read_bytes().startswith(b"\x89PNG")
    text = (lab / "report" / "c" / "compare.md").read_text()
    assert "| backlog | 2 of 2 | +2" in text and "![compare.png](compare.png)" in text
    done = subprocess.run(["git", "status", "--short"], cwd=lab, capture_output=True, text=True)
    assert done.stdout == ""


def test_seeds_are_the_same_in_a_repeat_and_others_in_the_next(lab):
    compare(lab, "--name", "c")
    seeds = {tag: [trial.seed for trial in trials] for tag, trials in campaigns(lab).items()}
    assert seeds["c-backlog-1"][:4] == seeds["c-null-1"][:4] == [1, 2, 3, 4]
    assert seeds["c-backlog-2"][:3] == [1_000_001, 1_000_002, 1_000_003]
    first, second = (set(seeds[f"c-backlog-{n}"]) for n in (1, 2))
    assert len(first) > 6 and not first & second


def test_the_facts_are_there_as_json(lab):
    facts = json.loads(compare(lab, "--json", "--out", lab.parent / "out"))
    backlog, null = facts["researchers"]
    assert facts["complete"] and (backlog["researcher"], null["researcher"]) == ("backlog", "null")
    assert backlog["measured_gain"]["mean"] == pytest.approx(2.0, abs=0.1)
    assert backlog["measured_gain"]["low"] is not None
    assert null["measured_gain"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "count": 2}
    (one, _) = backlog["campaigns"]
    assert (one["keeps"], one["keeps_confirmed"], one["experiments"]) == (2, 2, 3)
    assert sorted(path.name for path in (lab.parent / "out").iterdir()) == [
        "compare.md",
        "compare.png",
    ]


def test_the_same_command_again_runs_nothing_and_says_the_same(lab):
    told = compare(lab)
    before = campaigns(lab)
    again = compare(lab)
    assert campaigns(lab) == before
    lines = [line for line in told.splitlines() if " minus " in line]
    assert lines and lines == [line for line in again.splitlines() if " minus " in line]


def test_what_is_new_is_another_comparison(lab):
    compare(lab, repeats=1)
    compare(lab, "--seconds", 10, repeats=1)
    names = {tag.rpartition("-backlog")[0] for tag in campaigns(lab) if "backlog" in tag}
    assert len(names) == 2
    compare(lab, "--name", "other", repeats=1)
    assert "other-backlog-1" in campaigns(lab)


def test_more_repeats_of_a_named_comparison_add_to_it(lab):
    compare(lab, "--name", "c", repeats=1)
    before = campaigns(lab)
    assert "backlog: One repeat" not in compare(lab, "--name", "c", repeats=2)
    after = campaigns(lab)
    assert {tag: after[tag] for tag in before} == before and len(after) == 4


def test_one_repeat_says_that_it_cannot_tell(lab):
    assert "One repeat cannot tell whether backlog finds more than luck" in compare(lab, repeats=1)


def test_a_lab_that_does_not_confirm_by_itself_is_confirmed_all_the_same(lab):
    (lab / "lab.toml").write_text(f"{TINY_LAB}[confirm]\nat_end = false\n")
    commit(lab)
    facts = json.loads(compare(lab, "--json", repeats=1))
    assert facts["researchers"][0]["confirmed_gain"]["mean"] > 1.5


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"lab.toml": TINY_LAB + "\n# other\n"}, "begun with another lab.toml"),
        ({"other.txt": "x"}, "begun from another commit"),
    ],
)
def test_a_comparison_goes_on_only_with_the_same_lab_and_start(lab, change, complaint):
    compare(lab, "--name", "c", repeats=1)
    for name, text in change.items():
        (lab / name).write_text(text)
    commit(lab)
    before = campaigns(lab)
    assert complaint in compare(lab, "--name", "c", status=2)
    assert campaigns(lab) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--researchers", "backlog,nobody"), "no researcher is called `nobody`"),
        (("--researchers", "null,null"), "null is there twice"),
        (("--researchers", ","), "nobody is named"),
        (("--researchers", "null", "--name", "a b"), "cannot be a name"),
        (("--researchers", "null", "--seconds", "1e9"), ""),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(lab, words, complaint):
    (lab / "lab.toml").write_text(TINY_LAB.replace("grace = 2", "grace = 2\ntimeout = 60"))
    commit(lab)
    assert complaint in novum("compare", lab, *words, status=2)
    assert not Ledger.exists(lab) or campaigns(lab) == {}


def test_it_is_not_a_part_of_somebody_elses_campaign(lab):
    novum("run", lab, "--tag", "c-null-1", "--researcher", "null", "--experiments", 1)
    assert "c-null-1 is not a part of this comparison" in compare(lab, "--name", "c", status=2)


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def slow(lab: Path) -> None:
    (lab / "x.txt").write_text("5.00 0.3\n")
    commit(lab)


def started(lab: Path) -> "subprocess.Popen[str]":
    words = ["--researchers", "null", "--experiments", "2", "--repeats", "2", "--name", "c"]
    return subprocess.Popen(
        [*NOVUM, "compare", str(lab), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def in_the_second(lab: Path) -> bool:
    return Ledger.exists(lab) and len(campaigns(lab).get("c-null-2", ())) >= 2


def test_a_killed_comparison_goes_on_and_runs_no_campaign_twice(lab):
    slow(lab)
    process = started(lab)
    until(lambda: in_the_second(lab))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = campaigns(lab)
    process = started(lab)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    after = campaigns(lab)
    assert after["c-null-1"] == before["c-null-1"] and list(after) == ["c-null-1", "c-null-2"]
    measured = [
        [t.seed for t in after[tag] if t.state == "measured" and t.searched] for tag in after
    ]
    assert [len(seeds) for seeds in measured] == [len(set(seeds)) for seeds in measured]
    assert "confirmed in none of 2 campaigns" in out


def test_a_bound_that_was_reached_is_raised_by_the_same_command(lab, monkeypatch):
    price = '\n[chat.prices."openai/m"]\ninput = 5.0\noutput = 25.0\n'
    (lab / "lab.toml").write_text(TINY_LAB + price)
    commit(lab)
    answer = "TITLE: t\nHYPOTHESIS: h\n\nFILE: x.txt\n<<<<<<< WHOLE\n4.00 0\n>>>>>>> END\n"
    words = ["--researchers", "chat:openai/m", "--experiments", 1, "--repeats", 1, "--name", "c"]
    with ModelServer([say(answer)]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        said = novum("compare", lab, *words, "--max-cost-usd", 0.001, status=1)
        assert "max-cost-usd" in said and "the same command again" in said
        assert not server.requests
        out = novum("compare", lab, *words, "--max-cost-usd", 1, "--json")
    (one,) = json.loads(out)["researchers"]
    assert one["campaigns"][0]["finished"] and one["campaigns"][0]["usd"] > 0


def test_a_baseline_that_failed_is_no_way_to_go_on(lab):
    (lab / "run.sh").write_text("exit 1\n")
    commit(lab)
    assert "the baseline fails" in compare(lab, "--name", "c", status=1)
    assert "begin another comparison with --name" in compare(lab, "--name", "c", status=2)


def test_ctrl_c_stops_the_whole_comparison_and_says_how_to_go_on(lab):
    slow(lab)
    process = started(lab)
    until(lambda: Ledger.exists(lab) and len(campaigns(lab).get("c-null-1", ())) >= 1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped; the same command goes on" in out
    assert list(campaigns(lab)) == ["c-null-1"]
