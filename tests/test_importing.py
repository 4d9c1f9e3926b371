"""Somebody's log as a campaign: everything can look at it, nothing goes on with it."""

import csv
import io
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from bed_cases import git
from novum import opening
from novum.errors import UsageError
from novum.export import campaign_text
from novum.importing import import_log
from novum.ledger import Ledger
from novum.ledger.rows import IMPORTED
from novum.logs import read_log
from novum.opening import Wish
from novum.records import Outcome
from novum.report import write_report
from novum.views import log_facts, show_facts, status_facts

LOGS = Path(__file__).parent / "data" / "logs"
KARPATHY, MOE = LOGS / "karpathy_H100_mar8.tsv", LOGS / "autoresearch-moe.tsv"
PR442, LIQUID = LOGS / "karpathy-pr442-results_all.tsv", LOGS / "shopify-liquid-autoresearch.jsonl"
SMALL = """\
commit\tloss\tmemory_gb\tstatus\tdescription
{0}\t2.000000\t1.5\tkeep\tbaseline
{1}\t1.000000\t1.5\tkeep\twider
zzz\t1.500000\t1.5\tdiscard\tnot in the repository
\t\t\tcrash\tout of memory
"""


@pytest.fixture
def ledger(tmp_path):
    opened = []

    def of(directory: Path) -> Ledger:
        opened.append(Ledger(directory))
        return opened[-1]

    yield of
    for one in opened:
        one.close()


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_a_table_comes_out_as_it_went_in(tmp_path, ledger):
    import_log(KARPATHY, tmp_path, "mar8")
    books = ledger(tmp_path)
    found = table(campaign_text(books, books.campaign("mar8"), "tsv"))
    expected = table(KARPATHY.read_text())
    for row in expected:
        if row[3] == "crash":
            row[1:3] = ["", ""]  # a crash is never stored as 0
    assert found == expected


def test_pi_lines_come_out_as_they_went_in(tmp_path, ledger):
    import_log(LIQUID, tmp_path, "liquid")
    books = ledger(tmp_path)
    text = campaign_text(books, books.campaign("liquid"), "pi")
    found = [json.loads(line) for line in text.splitlines()]
    expected = [json.loads(line) for line in LIQUID.read_text("utf-8").splitlines()]
    for line in (*expected, *found):
        for lost in ("timestamp", "segment", "name", "metricUnit"):
            line.pop(lost, None)
        if line.get("status") == "crash":
            line["metrics"] = {}
    assert found == expected


@pytest.mark.parametrize("kind", ["tsv", "pi"])
@pytest.mark.parametrize("log", [KARPATHY, MOE, LIQUID], ids=lambda path: path.name)
def test_what_was_exported_can_be_read_again(tmp_path, ledger, log, kind):
    import_log(log, tmp_path, "t")
    books = ledger(tmp_path)
    path = tmp_path / f"out.{kind}"
    path.write_text(campaign_text(books, books.campaign("t"), kind), encoding="utf-8")
    before, after = read_log(log).rows, read_log(path, direction="minimize").rows
    assert [row.score for row in after] == [row.score for row in before]
    assert [row.commit for row in after] == [row.commit for row in before]
    kept = [[row.line for row in rows if row.status == "keep"] for rows in (before, after)]
    assert len(kept[0]) == len(kept[1])


def test_every_number_is_self_reported_and_a_crash_has_none(tmp_path, ledger):
    import_log(KARPATHY, tmp_path, "mar8")
    books = ledger(tmp_path)
    campaign = books.campaign("mar8")
    trials = books.all_trials(campaign.id)
    assert len(trials) == 126
    assert all(trial.measurement.self_reported for trial in trials if trial.measurement)
    assert Counter(trial.measurement is None for trial in trials) == {False: 125, True: 1}
    assert status_facts(books, campaign)["self_reported"]


def test_status_log_show_and_report_work_on_it(tmp_path, ledger):
    import_log(MOE, tmp_path / "new", None)
    books = ledger(tmp_path / "new")
    campaign = books.campaign()
    assert campaign.tag == "autoresearch-moe"
    facts = status_facts(books, campaign)
    assert (facts["state"], facts["metric"], facts["direction"]) == (
        IMPORTED,
        "val_bpb",
        "minimize",
    )
    rows = log_facts(books, campaign, None)
    statuses = Counter(row[6] for row in table(MOE.read_text()))
    assert sum(row["verdict"] == Outcome.KEEP for row in rows) == statuses["keep"]
    assert len(rows) == statuses["keep"] + statuses["discard"]
    shown = show_facts(books, books.experiment(campaign.id, 1))
    assert shown["reason"] == "line 3 of the log says keep"
    report = write_report(books, campaign, tmp_path / "report")[0].read_text()
    assert "**Self-reported.**" in report
    assert "budget of a trial" not in report and "| branch |" not in report


def test_each_segment_is_a_campaign(tmp_path, ledger):
    told = import_log(PR442, tmp_path, "p")
    tags = [campaign.tag for campaign in ledger(tmp_path).campaigns()]
    assert tags == ["p", "p-2", "p-3", "p-4", "p-5", "p-6"]
    assert told[0] == "campaign p: 16 experiments, 0 with a diff"


def test_diffs_come_from_the_repository(tmp_path, ledger):
    repo = tmp_path / "theirs"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    commits = []
    for width in (1, 2):
        (repo / "train.py").write_text(f"width = {width}\n")
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", f"width {width}")
        commits.append(git(repo, "rev-parse", "HEAD"))
    (repo / "results.tsv").write_text(SMALL.format(*(commit[:7] for commit in commits)))
    told = import_log(repo, tmp_path / "lab", None)
    assert "campaign theirs: 4 experiments, 2 with a diff" in told
    books = ledger(tmp_path / "lab")
    campaign = books.campaign()
    first, second, third, last = books.experiments(campaign.id)
    assert [first.commit, second.commit, third.commit] == [*commits, "zzz"]
    assert (second.parent, second.diff.added, second.diff.removed) == (commits[0], 1, 1)
    assert "-width = 1\n+width = 2" in second.diff.text
    assert third.parent == commits[1] and third.diff.text == ""
    assert last.verdict.outcome is Outcome.CRASH


def test_nothing_goes_on_with_it(bed, tmp_path):
    (tmp_path / "results.tsv").write_text(SMALL.format("aaaaaaa", "bbbbbbb"))
    import_log(tmp_path, bed.path, "theirs")
    with pytest.raises(UsageError, match="was imported"):
        opening.choose(bed.path, bed.repo, bed.ledger, Wish(tag="theirs"))
    with pytest.raises(UsageError, match="was imported"):
        opening.choose(bed.path, bed.repo, bed.ledger, Wish(tag="theirs"), resume=True)
    with pytest.raises(UsageError, match="no such campaign to resume"):
        opening.choose(bed.path, bed.repo, bed.ledger, Wish(), resume=True)
    own = bed.campaign("own")
    import_log(tmp_path, bed.path, "more")
    assert opening.choose(bed.path, bed.repo, bed.ledger, Wish()).id == own.id
    assert opening.newest(bed.ledger).id == own.id


def test_a_tag_that_is_in_use_is_refused_and_nothing_changes(tmp_path, ledger):
    (tmp_path / "results.tsv").write_text(SMALL.format("aaaaaaa", "bbbbbbb"))
    import_log(tmp_path, tmp_path, "t")
    for tag, words in (("t", "is in use"), ("a b", "cannot be a tag")):
        with pytest.raises(UsageError, match=words):
            import_log(tmp_path, tmp_path, tag)
    import_log(tmp_path, tmp_path, None)
    import_log(tmp_path, tmp_path, None)
    tags = [campaign.tag for campaign in ledger(tmp_path).campaigns()]
    assert len(tags) == 3 and tags[2] == f"{tags[1]}-2"


def test_an_import_that_fails_half_way_leaves_nothing(tmp_path, ledger, monkeypatch):
    (tmp_path / "results.tsv").write_text(SMALL.format("aaaaaaa", "bbbbbbb"))
    real, calls = Ledger.judge, []

    def judge(self, *words):
        calls.append(words)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *words)

    monkeypatch.setattr(Ledger, "judge", judge)
    with pytest.raises(KeyboardInterrupt):
        import_log(tmp_path, tmp_path, "t")
    assert ledger(tmp_path).campaigns() == []


def test_a_log_without_a_score_can_be_looked_at_all_the_same(tmp_path, ledger):
    text = "commit\tloss\tstatus\tdescription\na\t0\tcrash\tx\nb\t0\tcrash\ty\n"
    (tmp_path / "results.tsv").write_text(text)
    import_log(tmp_path, tmp_path, "t")
    books = ledger(tmp_path)
    assert status_facts(books, books.campaign())["outcomes"]["crash"] == 1  # after the first
    assert write_report(books, books.campaign(), tmp_path / "report")


def test_git_is_not_touched(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "results.tsv").write_text(SMALL.format("aaaaaaa", "bbbbbbb"))
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "start")
    before = git(tmp_path, "for-each-ref")
    import_log(tmp_path, tmp_path, "t")
    done = subprocess.run(["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True)
    assert (git(tmp_path, "for-each-ref"), done.stdout) == (before, b"")
