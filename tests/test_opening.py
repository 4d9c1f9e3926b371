"""A campaign begins only where it can, goes on where it may, and is changed by neither refusal."""

import ast
import sys

import pytest

from novum.campaign.events import Judged
from novum.errors import LabError, UsageError
from novum.lab import parse_lab, read_lab
from novum.labs import create, templates
from novum.ledger import Ledger
from novum.opening import Wish, assemble, begin, choose, go_on, problems
from novum.repo import branch_ref, experiment_ref
from novum.sandbox import detect

IDEAS = """
[[idea]]
key = "one"
title = "One"
[[idea.edit]]
file = "train.py"
replace = "x = 1\\n"
"""


@pytest.fixture
def ready(bed):
    bed.write({"ideas.toml": IDEAS})
    bed.commit("ideas")
    return bed


def start(bed, **wish):
    return begin(bed.path, bed.repo, bed.ledger, Wish(**wish))


def chosen(bed, *, resume=False, **wish):
    return choose(bed.path, bed.repo, bed.ledger, Wish(**wish), resume=resume)


def judged_many(bed, campaign, count):
    """Go through `count` experiments of a campaign, instantly."""
    bed.campaign = lambda tag=campaign.tag: bed.ledger.campaign(tag)
    bed.run([bed.idea(value) for value in range(1, count + 1)], count=count)


def test_a_campaign_begins_at_the_checked_out_commit_with_the_labs_text(ready):
    campaign = start(ready, tag="a", experiments=7)
    assert (campaign.tag, campaign.start_commit) == ("a", ready.repo.head())
    assert campaign.lab == (ready.path / "lab.toml").read_text()
    wished = {"seconds": 3, "researcher": "backlog", "target": 7}
    assert campaign.settings == wished | {"lacking": list(detect().lacking)}
    assert campaign.place["python"]


def test_a_wish_for_other_seconds_holds_for_the_campaign(ready):
    assert start(ready, seconds=1.5).settings["seconds"] == 1.5


def test_without_a_tag_it_is_the_date_and_then_a_number(ready):
    first, second, third = (start(ready).tag for _ in range(3))
    assert first.isalnum()
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_a_branch_of_the_persons_takes_its_tag(ready):
    first = start(ready).tag
    ready.git("update-ref", branch_ref(f"{first}-2"), "HEAD")
    assert start(ready).tag == f"{first}-3"
    with pytest.raises(UsageError, match="in use"):
        start(ready, tag=f"{first}-2")


def test_a_tag_whose_experiments_are_still_there_is_in_use(ready):
    ready.git("update-ref", experiment_ref("old", 0), "HEAD")
    with pytest.raises(UsageError, match="in use"):
        start(ready, tag="old")


def test_a_branch_in_the_way_of_ours_is_found_before_anything_runs(ready):
    ready.git("branch", "autoresearch")
    with pytest.raises(UsageError):
        start(ready, tag="t")


@pytest.mark.parametrize("tag", ["", "-x", "a b", "a/b", "../x", "a.lock", "x" * 80, "é"])
def test_a_tag_that_cannot_name_a_branch_is_refused(ready, tag):
    with pytest.raises(UsageError, match="cannot be a tag"):
        start(ready, tag=tag)
    assert ready.ledger.campaigns() == []


@pytest.mark.parametrize("name", ["train.py", "evaluate.py", "lab.toml", "notes/plan.txt"])
def test_changes_that_a_campaign_would_not_see_are_refused(ready, name):
    ready.write({name: (ready.path / name).read_text() + "# more\n"})
    with pytest.raises(LabError, match=f"{name} has changes that are not committed"):
        start(ready)
    assert ready.ledger.campaigns() == []


def test_the_backlog_may_have_changes(ready):
    ready.write({"ideas.toml": IDEAS + "# more\n"})
    assert start(ready)


def test_edited_files_are_allowed_where_they_are_what_is_tried(ready):
    ready.write({"train.py": "x = 5\n"})
    assert problems(ready.lab, ready.repo, edited=True) == []
    ready.write({"evaluate.py": "# other\n"})
    assert len(problems(ready.lab, ready.repo, edited=True)) == 1


def test_files_that_git_does_not_know_are_named(ready):
    ready.git("rm", "-q", "--cached", "model.py", "evaluate.py")
    ready.git("commit", "-q", "-m", "forgotten")
    with pytest.raises(LabError) as caught:
        start(ready)
    assert "git add model.py" in str(caught.value)
    assert "git add evaluate.py, and commit" in str(caught.value)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("trian.py", "trian.py in lab.toml is no file of the lab; is train.py meant?"),
        ("*.py", "*.py in lab.toml is no file of the lab; name each file, without patterns"),
        ("notes", "notes in lab.toml is a directory; name its files one by one, such as notes/"),
    ],
)
def test_what_is_no_file_is_not_answered_with_git_add(ready, named, said):
    text = (ready.path / "lab.toml").read_text().replace('"train.py"', f'"{named}"')
    (problem,) = problems(parse_lab(text), ready.repo, unconfined=True)
    assert problem.startswith(said)


def test_a_program_of_a_command_that_git_does_not_know_is_named(ready):
    text = (ready.path / "lab.toml").read_text()
    ready.toml(text.replace('"train.py"]\n\n[judge]', '"forgotten.py"]\n\n[judge]'))
    ready.write({"forgotten.py": ""})
    with pytest.raises(LabError, match=r"git add forgotten\.py"):
        start(ready)


def test_a_command_that_does_not_exist_is_named(ready):
    ready.toml((ready.path / "lab.toml").read_text().replace('"python"', '"no-such-python"'))
    with pytest.raises(LabError, match=r"`no-such-python` in lab\.toml was not found"):
        start(ready)


def test_a_program_of_the_labs_own_is_a_command(ready):
    ready.write({"run.sh": "#!/bin/sh\n"})
    ready.toml((ready.path / "lab.toml").read_text().replace('"python"', '"./run.sh"'))
    assert start(ready)


@pytest.mark.parametrize(
    ("old", "new"),
    [('policy = "greedy"', 'policy = "none"'), ("[judge]", '[search]\nstrategy = "no"\n[judge]')],
)
def test_a_part_that_does_not_exist_is_found_before_a_campaign_is(ready, old, new):
    ready.toml((ready.path / "lab.toml").read_text().replace(old, new))
    with pytest.raises(UsageError):
        start(ready)
    assert ready.ledger.campaigns() == []


def test_a_researcher_that_does_not_exist_begins_nothing(ready):
    with pytest.raises(UsageError, match="nobody"):
        start(ready, researcher="nobody")
    assert ready.ledger.campaigns() == []


def test_a_lab_without_its_backlog_begins_nothing(bed):
    with pytest.raises(UsageError, match="no backlog at"):
        start(bed)
    assert bed.ledger.campaigns() == []


# Going on


def test_an_open_campaign_goes_on_without_being_asked(ready):
    assert chosen(ready, tag="a", experiments=5).id == chosen(ready).id


def test_a_finished_campaign_is_followed_by_a_new_one(ready):
    campaign = start(ready, tag="a")
    judged_many(ready, campaign, 1)
    del ready.campaign
    assert chosen(ready).tag != "a"


def test_the_tag_of_a_finished_campaign_is_not_used_again(ready):
    judged_many(ready, start(ready, tag="a"), 1)
    with pytest.raises(UsageError, match="novum resume --tag a"):
        chosen(ready, tag="a")


def test_resuming_moves_the_target(ready):
    campaign = start(ready, tag="a", experiments=2)
    judged_many(ready, campaign, 2)
    with pytest.raises(UsageError, match=r"has its 2 experiments.*--experiments 22"):
        chosen(ready, tag="a", resume=True)
    again = chosen(ready, tag="a", resume=True, experiments=4)
    assert (again.state, again.settings["target"]) == ("open", 4)
    assert ready.ledger.campaign("a") == again
    judged_many(ready, campaign, 4)
    assert [e.number for e in ready.experiments()] == [0, 1, 2, 3, 4]


def test_nothing_to_resume_is_said_with_what_there_is(ready):
    with pytest.raises(UsageError, match="campaigns: none"):
        chosen(ready, resume=True)
    start(ready, tag="a")
    with pytest.raises(UsageError, match="campaigns: a"):
        chosen(ready, tag="b", resume=True)


def test_a_budget_is_not_changed_within_a_campaign(ready):
    start(ready, tag="a")
    with pytest.raises(UsageError, match="runs trials of 3 s"):
        chosen(ready, seconds=4.0)
    assert ready.ledger.campaign("a").settings["seconds"] == 3


def test_waiting_for_others_is_for_one_session(ready):
    start(ready, tag="a")
    waiting = chosen(ready, resume=True, researcher="outside")
    assert waiting.settings["researcher"] == "outside"
    assert chosen(ready, resume=True).settings["researcher"] == "backlog"


@pytest.mark.parametrize("who", ["nobody", "backlog:none.toml", "mix:nobody=1"])
def test_a_refused_change_of_researcher_changes_nothing(ready, who):
    start(ready, tag="a")
    with pytest.raises(UsageError):
        chosen(ready, resume=True, researcher=who)
    assert ready.ledger.campaign("a").settings["researcher"] == "backlog"


def test_a_campaign_goes_on_by_the_lab_it_began_with(ready):
    campaign = start(ready, tag="a")
    ready.toml((ready.path / "lab.toml").read_text().replace("minimize", "maximize"))
    assert go_on(ready.path, ready.ledger, campaign, Wish()).lab == campaign.lab


def test_a_whole_campaign_is_put_together_from_the_lab_and_the_ledger(ready):
    """The real runner, the real backlog: one idea in a real process."""
    text = (ready.path / "lab.toml").read_text()
    ready.toml(text.replace("seconds = 3", "seconds = 3\nstartup = 30"))
    ready.commit("prints", **{"train.py": "x = 0\nprint('METRIC v=2.5')\n"})
    better = IDEAS.replace("x = 1\\n", "print('METRIC v=1.5')\\n")
    ready.write({"ideas.toml": better})
    campaign = start(ready, tag="a")
    events = []
    machine = assemble(ready.path, ready.repo, ready.ledger, campaign, [events.append], print)
    machine.run(None)
    told = [event.experiment for event in events if isinstance(event, Judged)]
    assert [(e.proposal.title, e.verdict.outcome) for e in told] == [
        ("baseline", "keep"),
        ("One", "keep"),
    ]
    assert ready.ledger.trials(told[1].id)[0].measurement.self_reported


def prepared_lab(bed, script: str) -> None:
    text = (bed.path / "lab.toml").read_text()
    bed.write({"prepare.py": script, "ideas.toml": IDEAS})
    bed.toml(text.replace("[judge]", 'prepare = ["python", "prepare.py"]\n\n[judge]'))


SCRIPT = "import os, pathlib\npathlib.Path(os.environ['NOVUM_DATA'], 'a').write_text('1')\n"


def test_the_digest_of_the_data_is_recorded_and_data_that_changed_are_refused(bed):
    prepared_lab(bed, SCRIPT)
    campaign = start(bed, tag="a")
    assemble(bed.path, bed.repo, bed.ledger, campaign, [], lambda line: None)
    digest = bed.ledger.campaign("a").data_digest
    assert len(digest) == 64
    mark = next((bed.path / ".novum" / "data").glob("*/digest"))
    mark.write_text("other")
    campaign = bed.ledger.campaign("a")
    with pytest.raises(UsageError, match="data of campaign a have changed"):
        assemble(bed.path, bed.repo, bed.ledger, campaign, [], lambda line: None)


def test_looking_at_a_lab_begins_nothing(ready):
    assert problems(ready.lab, ready.repo) == []
    assert not Ledger.exists(ready.path)


def test_a_package_that_is_missing_is_told_before_anything_runs(bed):
    bed.toml(
        bed.path.joinpath("lab.toml")
        .read_text()
        .replace("[trial]\n", '[trial]\npackages = ["json", "no_such_package"]\n')
    )
    (problem,) = problems(bed.lab, bed.repo)
    assert "no_such_package" in problem
    assert "run: pip install no_such_package" in problem
    with pytest.raises(LabError, match="no_such_package"):
        start(bed)


@pytest.mark.parametrize("template", templates())
def test_our_labs_name_the_packages_that_their_programs_import(template, tmp_path):
    create(template, tmp_path / "lab")
    lab = read_lab(tmp_path / "lab")
    own = {path.stem for path in tmp_path.glob("lab/*.py")} | {"novum"}
    imported = set()
    for path in tmp_path.glob("lab/*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.partition(".")[0] for name in names}
    assert imported - own - sys.stdlib_module_names <= set(lab.trial.packages)
