"""Begin a campaign, or find the one to go on with, and put its machine together."""

import importlib.util
import re
import shlex
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from novum import place, plugins
from novum.campaign import Machine, Parts
from novum.campaign.events import Observer
from novum.dataset import Dataset, prepared
from novum.errors import LabError, UsageError
from novum.judge.policies import judge_named
from novum.lab import LAB_FILE, Lab, parse_lab, read_lab
from novum.ledger import Campaign, Ledger
from novum.ledger.rows import IMPORTED
from novum.records import Outcome
from novum.repo import Repo, branch_ref, experiments_ref
from novum.researchers import researcher_named
from novum.sandbox import Confinement, confinement_for, search_path
from novum.standing import Standing
from novum.worktree import LINK, Worktree

OUTSIDE = "outside"  # the researcher that waits for the proposals of others
LACKING = "lacking"  # of a campaign's settings: promises that did not hold where it ran
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for on the command line; None means: as the lab says."""

    tag: str | None = None
    experiments: int | None = None
    seconds: float | None = None
    researcher: str | None = None
    ahead: int | None = None
    max_cost_usd: float | None = None
    max_tokens: int | None = None
    seed: int | None = None  # trials' seeds begin after it
    unconfined: bool | None = None  # whether it goes on where trials cannot be confined
    comparison: Mapping[str, Any] | None = None  # which one the campaign is a part of


def require_startable(
    directory: Path, lab: Lab, repo: Repo, wish: Wish, *, edited: bool = False
) -> dict[str, Any]:
    """See that a campaign can begin from the person's checked-out commit; returns its settings.

    With `edited`, uncommitted changes of editable files are what the person wants to try.

    Raises:
        UsageError: with what has to be mended first.
    """
    found = problems(lab, repo, edited=edited, unconfined=bool(wish.unconfined))
    if found:
        raise LabError("\n".join(found))
    timeout = lab.budget.timeout
    if timeout is not None and wish.seconds is not None and wish.seconds > timeout:
        raise UsageError(f"--seconds {wish.seconds:g} is more than the lab's timeout, {timeout:g}")
    settings = {
        "seconds": wish.seconds or lab.budget.seconds,
        "researcher": wish.researcher or lab.researcher.use,
        "target": wish.experiments,
        LACKING: confinement_for(lab.sandbox.mode).lacking,
        **_bounds(wish),
    }
    parts_for(lab, settings, directory)  # a name that does not exist is found now
    return settings


def _bounds(wish: Wish) -> dict[str, Any]:
    """How far ahead is thought, how much may be spent, and the like, where somebody said so."""
    names = ("ahead", "max_cost_usd", "max_tokens", "seed", "comparison", "unconfined")
    return {name: getattr(wish, name) for name in names if getattr(wish, name) is not None}


def no_sandbox(confinement: Confinement) -> str:
    """That trials cannot be confined here, and what to do, in two lines."""
    return (
        f"trials cannot be confined here: {confinement.detail}\n"
        'to go on without a sandbox: mode = "none" under [sandbox] in lab.toml, or novum run '
        "--allow-unconfined; docs/integrity.md says what is lost"
    )


def problems(lab: Lab, repo: Repo, *, edited: bool = False, unconfined: bool = False) -> list[str]:
    """Why a campaign cannot begin from the person's checked-out commit; empty if it can.

    With `unconfined` it may begin where trials cannot be confined.
    """
    allowed = {lab.researcher.backlog, *(lab.files.editable if edited else ())}
    found = [
        f"{path} has changes that are not committed, so a campaign would not see them; "
        "commit them, or try changes of editable files with: novum try"
        for path in repo.dirty()
        if path not in allowed
    ]
    tracked = repo.entries(repo.head())
    found += [
        _untracked(path, repo, tracked)
        for path in (LAB_FILE, *lab.files.editable, *lab.files.frozen)
        if path not in tracked
    ]
    found += [
        f"{path} is a symbolic link, which a proposal could point anywhere; make it a file"
        for path in lab.files.editable
        if path in tracked and tracked[path].mode == LINK
    ]
    commands = (lab.trial.run, lab.trial.evaluate, lab.trial.holdout)
    words = {word for command in (*commands, lab.trial.prepare) for word in command or ()}
    found += [
        f"{word} is part of a command in lab.toml, but is not tracked by git; run: "
        f"git add {shlex.quote(word)}, and commit"
        for word in sorted(words - tracked.keys() - {*lab.files.editable, *lab.files.frozen})
        if repo.has_untracked(word)
    ]
    found += [
        f"the command `{name}` in lab.toml was not found; install it where trials look, or give "
        f"its full path (trials look in {search_path()})"
        for name in sorted({command[0] for command in commands if command is not None})
        if shutil.which(name, path=search_path()) is None and name.removeprefix("./") not in tracked
    ]
    prepare = lab.trial.prepare
    if prepare is not None and shutil.which(prepare[0], path=place.PATH) is None:
        found.append(f"the command `{prepare[0]}` in lab.toml was not found; install it")
    found += missing_packages(lab)
    return found if unconfined else [*found, *_missing_sandbox(lab)]


def missing_packages(lab: Lab) -> list[str]:
    """What the lab's programs import and is not installed here, with what to run."""
    missing: dict[str, list[str]] = {}  # by what brings them
    for name in lab.trial.packages:
        if importlib.util.find_spec(name) is None:
            missing.setdefault(plugins.remedy(name), []).append(name)
    return [
        f"the lab's programs need {', '.join(names)}, which is not installed here; run: {remedy}"
        for remedy, names in missing.items()
    ]


def _untracked(path: str, repo: Repo, tracked: Collection[str]) -> str:
    """What is wrong with a file that lab.toml names and the commit does not have."""
    if repo.has_untracked(path):
        add = f"git add {shlex.quote(path)}"
        return f"{path} belongs to the lab, but is not tracked by git; run: {add}, and commit"
    below = next((name for name in tracked if name.startswith(f"{path}/")), None)
    if below is not None:
        return f"{path} in lab.toml is a directory; name its files one by one, such as {below}"
    near = get_close_matches(path, tracked, 1)
    meant = f"is {near[0]} meant? " if near else ""
    return f"{path} in lab.toml is no file of the lab; {meant}name each file, without patterns"


def _missing_sandbox(lab: Lab) -> list[str]:
    confinement = confinement_for(lab.sandbox.mode)
    wanted = lab.sandbox.mode != "none"
    return [no_sandbox(confinement)] if wanted and confinement.tool == "none" else []


def choose(
    directory: Path, repo: Repo, ledger: Ledger, wish: Wish, *, resume: bool = False
) -> Campaign:
    """The campaign to work on: the one that was interrupted, or else a new one.

    Raises:
        UsageError: if there is nothing to resume, or the campaign cannot begin or go on.
    """
    campaign = newest(ledger) if wish.tag is None else ledger.campaign(wish.tag)
    if campaign is not None and campaign.state == IMPORTED:
        raise UsageError(
            f"campaign {campaign.tag} was imported: a record of another loop, which cannot go on "
            "here; start your own: novum run --tag NAME"
        )
    if resume:
        if campaign is None:
            known = ", ".join(campaign.tag for campaign in ledger.campaigns()) or "none"
            raise UsageError(f"there is no such campaign to resume (campaigns: {known})")
        return go_on(directory, ledger, campaign, wish)
    if campaign is not None and campaign.state == "open":
        return go_on(directory, ledger, campaign, wish)
    if campaign is not None and wish.tag is not None:
        raise UsageError(
            f"the tag {wish.tag} is in use by a finished campaign; choose another, or go on with "
            f"it: novum resume --tag {wish.tag} --experiments N"
        )
    return begin(directory, repo, ledger, wish)


def newest(ledger: Ledger) -> Campaign | None:
    """The newest campaign that this machine ran itself."""
    own = [campaign for campaign in ledger.campaigns() if campaign.state != IMPORTED]
    return own[-1] if own else None


def begin(
    directory: Path, repo: Repo, ledger: Ledger, wish: Wish, *, edited: bool = False
) -> Campaign:
    """Start a new campaign from the checked-out commit. Nothing is changed if it cannot start.

    Raises:
        UsageError: with what has to be mended first.
    """
    lab = read_lab(directory)
    settings = require_startable(directory, lab, repo, wish, edited=edited)
    tag = _free_tag(repo, ledger) if wish.tag is None else _checked_tag(wish.tag, repo, ledger)
    text = (directory / LAB_FILE).read_text(encoding="utf-8")
    return ledger.start_campaign(tag, text, settings, repo.head(), place.facts())


def baseline_failed(ledger: Ledger, campaign: Campaign) -> bool:
    """Whether a campaign can never go on, because there is nothing to compare with."""
    baseline = ledger.experiment(campaign.id, 0)
    if baseline is None or baseline.verdict is None:
        return False
    return baseline.verdict.outcome is not Outcome.KEEP


def go_on(directory: Path, ledger: Ledger, campaign: Campaign, wish: Wish) -> Campaign:
    """The campaign, with its target moved if the person asked for more.

    Raises:
        UsageError: if its target is reached, the wish would change its conditions, or who shall
            propose cannot; nothing is changed then.
    """
    seconds = campaign.settings["seconds"]
    if wish.seconds is not None and wish.seconds != seconds:
        raise UsageError(
            f"campaign {campaign.tag} runs trials of {seconds:g} s, and scores of other budgets "
            "cannot be compared with them; start another: novum run --tag NAME --seconds "
            f"{wish.seconds:g}"
        )
    if baseline_failed(ledger, campaign):
        raise UsageError(
            f"the baseline of campaign {campaign.tag} failed; mend the lab, commit, and start "
            "another: novum run"
        )
    settings = dict(campaign.settings)
    lab = parse_lab(campaign.lab, f"lab.toml of campaign {campaign.tag}")
    if wish.researcher is not None:
        researcher_named(wish.researcher, lab, directory)
        settings["researcher"] = wish.researcher
    settings["target"] = wish.experiments or settings["target"]
    settings |= _bounds(wish)
    _require_confinement(directory, lab, settings)
    missing = confinement_for(lab.sandbox.mode).lacking
    settings[LACKING] = list(dict.fromkeys([*settings.get(LACKING, ()), *missing]))
    settings.pop("paused", None)
    done = Standing.read(ledger, lab, campaign).experiments
    # An open campaign may have all its experiments, and yet have to confirm what they found.
    reached = settings["target"] is not None and done >= settings["target"]
    if reached and campaign.state != "open":
        raise UsageError(
            f"campaign {campaign.tag} has its {done} experiments; for more: "
            f"novum resume --tag {campaign.tag} --experiments {done + 20}"
        )
    # To wait for others is for one session: who proposed before does so again after it.
    own = campaign.settings["researcher"]
    stored = settings | ({"researcher": own} if settings["researcher"] == OUTSIDE else {})
    ledger.update_campaign(campaign.id, state="open", settings=stored)
    return replace(campaign, state="open", settings=settings)


def parts_for(
    lab: Lab, settings: Mapping[str, Any], directory: Path, *, proposes: bool = True
) -> Parts:
    """The replaceable parts that the lab and the settings name; a researcher if it `proposes`.

    Raises:
        UsageError: if one does not exist.
    """
    name = settings["researcher"]
    return Parts(
        runner=plugins.load("novum.runners", "local")(),
        judge=judge_named(lab.policy),
        search=plugins.load("novum.search", lab.search.strategy)(),
        researcher=researcher_named(name, lab, directory) if proposes else None,
    )


def assemble(
    directory: Path,
    repo: Repo,
    ledger: Ledger,
    campaign: Campaign,
    observers: Sequence[Observer],
    say: Callable[[str], None],
    *,
    proposes: bool = True,
) -> Machine:
    """The machine for a campaign, with its data prepared; its researcher only if it `proposes`."""
    lab = parse_lab(campaign.lab, f"lab.toml of campaign {campaign.tag}")
    _require_confinement(directory, lab, campaign.settings)
    parts = parts_for(lab, campaign.settings, directory, proposes=proposes)
    dataset = _dataset(lab, repo, ledger, campaign, say)
    standing = Standing.read(ledger, lab, campaign)
    return Machine(ledger, repo, standing, parts, dataset, observers)


def _require_confinement(directory: Path, lab: Lab, settings: Mapping[str, Any]) -> None:
    """Refuse where trials cannot be confined, unless the campaign or lab.toml now allows that."""
    missing = _missing_sandbox(lab)
    if missing and not settings.get("unconfined") and read_lab(directory).sandbox.mode != "none":
        raise UsageError(missing[0])


def dataset_of(
    lab: Lab, repo: Repo, commit: str, home: Path, say: Callable[[str], None]
) -> Dataset:
    """The data of a lab as a commit prepares it, made now if need be; `home` is the ledger's.

    Raises:
        CampaignError: if `prepare` fails.
    """
    if lab.trial.prepare is None:
        return Dataset()
    tree = Worktree(repo, home / "slots" / "prepare")
    tree.fill(commit)
    return prepared(lab, repo, commit, tree.directory, home, say)


def _dataset(
    lab: Lab, repo: Repo, ledger: Ledger, campaign: Campaign, say: Callable[[str], None]
) -> Dataset:
    dataset = dataset_of(lab, repo, campaign.start_commit, ledger.home, say)
    if campaign.data_digest not in {"", dataset.digest}:
        raise UsageError(
            f"the data of campaign {campaign.tag} have changed since it began, so new scores "
            "cannot be compared with its old ones; start another: novum run --tag NAME"
        )
    if dataset.digest and not campaign.data_digest:
        ledger.record_digest(campaign.id, dataset.digest)
    return dataset


def _in_use(tag: str, repo: Repo, ledger: Ledger) -> bool:
    """Whether a campaign, a branch, or experiments of a ledger that is gone have this tag."""
    return (
        ledger.campaign(tag) is not None
        or repo.target(branch_ref(tag)) is not None
        or repo.has_refs_below(experiments_ref(tag))
    )


def _require_room_for_branches(repo: Repo) -> None:
    if repo.target("refs/heads/autoresearch") is not None:
        raise UsageError(
            "a branch called autoresearch is in the way of autoresearch/TAG; rename it: "
            "git branch -m autoresearch OTHER"
        )


def _checked_tag(tag: str, repo: Repo, ledger: Ledger) -> str:
    if not TAG.fullmatch(tag):
        raise UsageError(f"`{tag}` cannot be a tag; use letters, digits, - and _, such as nov23")
    _require_room_for_branches(repo)
    if _in_use(tag, repo, ledger):
        raise UsageError(
            f"the tag {tag} is in use (branch autoresearch/{tag}); choose another with --tag"
        )
    return tag


def _free_tag(repo: Repo, ledger: Ledger) -> str:
    """Today's date, as autoresearch names its runs: nov23, then nov23-2, and so on."""
    _require_room_for_branches(repo)
    today = time.strftime("%b%d").lower()
    tag, count = today, 1
    while _in_use(tag, repo, ledger):
        count += 1
        tag = f"{today}-{count}"
    return tag
