"""`novum brief`: what would be sent, from the ledger and the repository alone."""

import json

import pytest
from click.testing import CliRunner

from novum import briefed
from novum.briefing import Briefing
from novum.briefing.composing import compose
from novum.cli import cli, main
from novum.errors import LabError, UsageError
from novum.lab import read_program
from novum.ledger.rows import IMPORTED
from novum.search import Greedy
from novum.standing import Standing


class Framed:
    """A researcher that puts instructions first."""

    name = "framed"

    @staticmethod
    def frame(lab) -> str:
        return f"You work in {lab.lab.name}."


@pytest.fixture
def lab(bed):
    """The bed, with a researcher that exists and a program."""
    text = (bed.path / "lab.toml").read_text()
    bed.write({"program.md": "Keep it small.\n"})
    bed.toml(text + '\n[researcher]\nuse = "null"\n')
    return bed


def run(*words: object):
    return CliRunner().invoke(cli, [str(word) for word in words])


def begun(bed, *values: float) -> None:
    campaign = bed.campaign()
    bed.ledger.update_campaign(
        campaign.id, state="open", settings=campaign.settings | {"researcher": "null"}
    )
    bed.run([bed.idea(value) for value in values])


def test_before_any_campaign_it_is_the_checked_out_code_and_nothing_is_written(lab):
    frame, briefing = briefed.brief(lab.path)
    assert frame == "" and briefing.parent == lab.repo.head()
    assert "x = 0" in briefing.text and "Keep it small." in briefing.text
    assert "No experiment yet" in briefing.text
    assert not (lab.path / ".novum").exists()
    assert lab.git("status", "--porcelain") == ""


def test_of_a_finished_campaign_it_is_what_the_campaign_would_send_next(lab):
    begun(lab, -0.2, 0.3)
    standing = Standing.read(lab.ledger, lab.lab, lab.campaign())
    parent = Greedy().parent(standing)
    expected = compose(
        lab.ledger,
        standing,
        parent=parent,
        files=lab.repo.files(parent, lab.lab.files.editable),
        program=read_program(lab.path),
        researcher="null",
    )
    _, briefing = briefed.brief(lab.path)
    assert briefing.text == expected.text
    assert "Propose experiment 3" in briefing.text


def test_while_a_campaign_works_its_open_experiment_is_pending(lab):
    begun(lab, -0.2)
    seen: list[Briefing] = []

    def measure(order) -> float:
        seen.append(briefed.brief(lab.path)[1])
        return 5.0

    with lab.ledger.lock():
        lab.run([lab.idea(7)], measure)
    assert [one.title for one in seen[0].pending] == ["set x to 7"]
    assert "+x = 7" in seen[0].text and "Propose experiment 3" in seen[0].text


def test_an_idea_that_waits_is_in_it(lab):
    begun(lab, -0.2)
    lab.ledger.requests.ask("idea", {"text": "halve x"})
    assert briefed.brief(lab.path)[1].idea == "halve x"


def test_the_frame_of_the_named_researcher_comes_first(lab):
    name = f"{__name__}:Framed"
    frame, _ = briefed.brief(lab.path, researcher=name)
    assert frame == "You work in bed."
    done = run("brief", lab.path, "--researcher", name)
    assert done.output.startswith("You work in bed.\n\n# Briefing\n")


def test_of_a_mix_it_is_the_frame_of_the_largest_share_that_has_one(lab):
    name = f"{__name__}:Framed"
    frame, _ = briefed.brief(lab.path, researcher=f"mix:null=3,{name}=1,chat:openai/m=0.5")
    assert frame == "You work in bed."
    assert briefed.brief(lab.path, researcher="mix:null=3,backlog=1")[0] == ""
    with pytest.raises(UsageError, match="above 0"):
        briefed.brief(lab.path, researcher="mix:null=0")


def test_the_command_prints_exactly_what_is_sent(lab):
    begun(lab, -0.2)
    frame, briefing = briefed.brief(lab.path)
    assert run("brief", lab.path).output == briefing.text
    facts = json.loads(run("brief", lab.path, "--json").output)
    assert facts == briefed.facts(frame, briefing)
    assert facts["tokens"] <= facts["bound"]


def test_another_campaign_is_chosen_by_its_tag(lab):
    begun(lab, -0.2)
    settings = {"seconds": 3, "researcher": "null", "target": None}
    text = (lab.path / "lab.toml").read_text()
    lab.ledger.start_campaign("later", text, settings, lab.repo.head(), {})
    assert briefed.brief(lab.path)[1].number == 1
    assert briefed.brief(lab.path, "t")[1].number == 2


def test_an_imported_record_is_not_gone_on_with(lab):
    settings = {"seconds": 3, "researcher": "null", "target": None}
    text = (lab.path / "lab.toml").read_text()
    other = lab.ledger.start_campaign("theirs", text, settings, "0" * 40, {})
    lab.ledger.update_campaign(other.id, state=IMPORTED, settings=settings)
    assert briefed.brief(lab.path)[1].parent == lab.repo.head()
    with pytest.raises(UsageError, match="was imported"):
        briefed.brief(lab.path, "theirs")


def test_what_is_wrong_is_said_in_a_line(lab, tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match="no campaign nowhere here; campaigns: none yet"):
        briefed.brief(lab.path, "nowhere")
    with pytest.raises(UsageError, match="no researcher is called `nobody`"):
        briefed.brief(lab.path, researcher="nobody")
    with pytest.raises(LabError):
        briefed.brief(tmp_path)
    monkeypatch.setattr("sys.argv", ["novum", "brief", str(lab.path), "--tag", "nowhere"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2 and "Traceback" not in capsys.readouterr().err
