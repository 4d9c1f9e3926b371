"""What a lab takes of the disk, and what of it nobody needs: leftovers, and loose storage.

Nothing is lost by it. Ideas, changes, results, verdicts and logs stay, as do the artifacts of
keeps, prepared data, damaged ledgers, and whatever is the person's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from novum import sandbox
from novum.ledger import Ledger
from novum.records import Outcome
from novum.repo import Repo

_PARTIAL = ("*.partial", "*/.*.partial", "data/*.partial", "ledger.restored")


@dataclass(frozen=True, slots=True)
class Use:
    """One thing on the disk, and its bytes; after keeping it up, if that was done."""

    what: str
    bytes: int
    after: int | None = None
    note: str = ""


def uses(directory: Path) -> list[Use]:
    """What the lab's machine takes of the disk, and the repository's objects."""
    home = directory / ".novum"
    ledger = [home / "ledger.db", home / "ledger.db-wal"]
    return [
        Use("ledger", sum(map(_size, ledger)), note="all ideas, changes, results, verdicts, logs"),
        Use("its copy", _size(home / "ledger.copy.db"), note="made again"),
        Use("artifacts", sum(map(_size, home.glob("*/artifacts"))), note="what keeps left"),
        Use("data", _size(home / "data"), note="what prepare made"),
        Use("slots", _size(home / "slots"), note="where trials run; made again"),
        Use("git", _size(Repo(directory).git_dir), note="the person's history, and every proposal"),
    ]


def leftovers(ledger: Ledger) -> list[Path]:
    """What interruptions left in the lab, and what the next trial makes again."""
    found = [path for pattern in _PARTIAL for path in ledger.home.glob(pattern)]
    slots = ledger.home / "slots"
    found += [slots] if slots.exists() else []
    for campaign in ledger.campaigns():
        kept = {
            str(experiment.number)
            for experiment in ledger.experiments(campaign.id)
            if experiment.verdict is None or experiment.verdict.outcome is Outcome.KEEP
        }
        artifacts = ledger.home / campaign.tag / "artifacts"
        found += [path for path in artifacts.glob("*") if path.name not in kept]
    return sorted(found)


def keep_up(directory: Path, say: Callable[[str], None]) -> list[Use]:
    """Remove what is left over, and pack the rest; nobody may run in the lab meanwhile.

    Raises:
        UsageError: if a campaign is running.
        NovumError: if the ledger or git cannot be written.
    """
    before, repo, ledger = uses(directory), Repo(directory), Ledger(directory)
    try:
        with ledger.lock():
            for path in leftovers(ledger):
                sandbox.erase(path)
                say(f"removed {path}")
            sandbox.sweep()
            for campaign in ledger.campaigns():
                repo.clear_stale_locks(campaign.tag)
            repo.tidy()
            ledger.fold()
    finally:
        ledger.close()
    after = {use.what: use.bytes for use in uses(directory)}
    return [Use(use.what, use.bytes, after[use.what], use.note) for use in before]


def _size(path: Path) -> int:
    """Bytes that a file or a tree takes on the disk."""
    return 512 * sum(facts.st_blocks for facts in sandbox.everything(path))
