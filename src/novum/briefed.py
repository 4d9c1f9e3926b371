"""What a researcher would be sent now: `novum brief`. It only looks, and begins nothing."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from novum import plugins
from novum.briefing import Briefing
from novum.briefing.composing import compose
from novum.briefing.material import next_idea, words_in
from novum.briefing.size import tokens
from novum.errors import UsageError
from novum.lab import Lab, parse_lab, read_lab, read_program
from novum.ledger import Campaign, Ledger
from novum.ledger.rows import IMPORTED
from novum.opening import newest
from novum.repo import Repo
from novum.researchers.mix import Mix
from novum.search import Search
from novum.standing import Standing


def brief(
    directory: Path, tag: str | None = None, researcher: str | None = None
) -> tuple[str, Briefing]:
    """The instructions that a researcher puts first, empty if it has none, and its briefing.

    Of the campaign with that tag, or else of the newest; where none has run, of the code that is
    checked out. The researcher is the one that is named, or else the campaign's, or the lab's.

    Raises:
        UsageError: if there is no such campaign or researcher.
        LabError: if this is no lab.
    """
    with ExitStack() as stack:
        ledger = None
        if Ledger.exists(directory):
            ledger = stack.enter_context(closing(Ledger(directory)))
        campaign = _campaign(ledger, tag)
        lab = parse_lab(campaign.lab) if campaign is not None else read_lab(directory)
        repo = Repo(directory)
        standing = standing_of(lab, repo, ledger, campaign)
        name = researcher or str(standing.campaign.settings["researcher"])
        frame = frame_of(name, lab)
        parent = parent_of(standing)
        idea = next_idea(ledger, standing.campaign) if ledger else None
        return frame, compose(
            ledger,
            standing,
            parent=parent,
            files=repo.files(parent, lab.files.editable),
            program=read_program(directory),
            researcher=name,
            idea=words_in(idea) if idea else "",
        )


def facts(frame: str, briefing: Briefing) -> dict[str, Any]:
    """A briefing as plain data; `tokens` is an estimate on the large side."""
    return {
        "experiment": briefing.number,
        "parent": briefing.parent,
        "frame": frame,
        "text": briefing.text,
        "tokens": tokens(frame) + tokens(briefing.text),
        "bound": briefing.lab.researcher.briefing_tokens,
    }


def _campaign(ledger: Ledger | None, tag: str | None) -> Campaign | None:
    """The campaign with a tag, or else the newest of this machine's own, if there is one."""
    if tag is None:
        return None if ledger is None else newest(ledger)
    campaigns = ledger.campaigns() if ledger is not None else []
    found = next((one for one in campaigns if one.tag == tag), None)
    if found is None:
        known = ", ".join(one.tag for one in campaigns if one.state != IMPORTED) or "none yet"
        raise UsageError(f"there is no campaign {tag} here; campaigns: {known}")
    if found.state == IMPORTED:
        raise UsageError(f"campaign {tag} was imported, so nobody is asked to go on with it")
    return found


def standing_of(lab: Lab, repo: Repo, ledger: Ledger | None, campaign: Campaign | None) -> Standing:
    """Where the campaign stands; without one, where one would begin now."""
    if ledger is not None and campaign is not None:
        return Standing.read(ledger, lab, campaign)
    settings = {"seconds": lab.budget.seconds, "researcher": lab.researcher.use, "target": None}
    return Standing(lab, Campaign(0, "", 0.0, "open", "", settings, repo.head(), "", {}))


def parent_of(standing: Standing) -> str:
    """The commit that would be changed."""
    if not standing.has_baseline:
        return standing.campaign.start_commit
    search: Search = plugins.load("novum.search", standing.lab.search.strategy)()
    return search.parent(standing)


def frame_of(researcher: str, lab: Lab) -> str:
    """The instructions that a researcher of this name puts before a briefing; empty if none.

    Of a mix, those of the member with the largest share, of the members that have any.

    Raises:
        UsageError: if there is no such researcher.
    """
    kind, choice = plugins.load_with_choice("novum.researchers", researcher)
    if kind is Mix:
        shares = Mix.shares(lab, choice)
        frames = (frame_of(name, lab) for name in sorted(shares, key=lambda one: -shares[one]))
        return next(filter(None, frames), "")
    frame: Any = getattr(kind, "frame", None)
    return str(frame(lab)) if frame is not None else ""
