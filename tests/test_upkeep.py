"""`novum gc`: leftovers go, storage is packed, and nothing is lost."""

import os

import pytest
from click.testing import CliRunner

from novum import upkeep
from novum.cli import cli
from novum.errors import UsageError


def facts(bed):
    return bed.experiments(), [t.measurement for t in bed.ledger.all_trials(bed.campaign().id)]


def test_nothing_is_lost_and_leftovers_go(bed):
    bed.run([bed.idea(-1), bed.idea(2), bed.idea(-3)])
    before, refs, branch = facts(bed), bed.repo.refs_below("refs"), bed.branch
    config = (bed.path / ".git/config").read_text()
    dangling = bed.git("hash-object", "-w", "--stdin", "--path", "notes/plan.txt", "-t", "blob")
    left = [".novum/t/.results.tsv.partial", ".novum/data/abc.partial/x", ".novum/t/artifacts/2/x"]
    kept = [".novum/t/artifacts/1/weights", ".novum/data/abc/x", ".novum/ledger.damaged-1.db"]
    for name in left + kept:
        (bed.path / name).parent.mkdir(parents=True, exist_ok=True)
        (bed.path / name).write_text("x")
    said = []
    found = {use.what: use for use in upkeep.keep_up(bed.path, said.append)}
    assert not any((bed.path / name).exists() for name in left)
    assert all((bed.path / name).exists() for name in kept)
    assert not (bed.path / ".novum/slots").exists()
    assert len(said) == 4
    assert (facts(bed), bed.repo.refs_below("refs"), bed.branch) == (before, refs, branch)
    assert (bed.path / ".git/config").read_text() == config
    assert bed.git("cat-file", "-t", dangling) == "blob"
    assert bed.git("count-objects").startswith("1 objects")  # the person's own, not reachable
    assert found["git"].after < found["git"].bytes
    bed.run([bed.idea(-1), bed.idea(2), bed.idea(-3), bed.idea(-4)])
    assert bed.verdicts() == ["keep", "keep", "discard", "keep", "keep"]


def test_what_is_too_deep_for_python_goes_too(bed):
    bed.run([bed.idea(2)])
    left = bed.path / ".novum/t/artifacts/1"
    left.mkdir(parents=True)
    inside = os.open(left, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inside)
        below = os.open("d", os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(inside)
    found = {use.what: use for use in upkeep.keep_up(bed.path, lambda words: None)}
    assert found["artifacts"].bytes > found["artifacts"].after
    assert not left.exists()


def test_a_dry_run_changes_nothing_and_says_what_would_go(bed):
    bed.run([bed.idea(-1)])
    bed.close()
    said = CliRunner().invoke(cli, ["gc", str(bed.path), "--dry-run"]).output
    assert "would remove" in said
    assert "slots" in said
    assert (bed.path / ".novum/slots").is_dir()
    assert bed.git("count-objects") != "0 objects, 0 kilobytes"


def test_it_is_refused_while_a_campaign_runs(bed):
    bed.run([])
    with bed.ledger.lock(), pytest.raises(UsageError, match="already running"):
        upkeep.keep_up(bed.path, print)
