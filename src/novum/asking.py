"""What a person or an agent asks of a campaign, whether one runs or not: an idea, a change, a word.

All of it becomes requests in the ledger. Nothing here starts, stops or calls a campaign.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from novum import briefed, opening, plugins
from novum.applied import edits_of_diff
from novum.campaign.requests import PERSON
from novum.errors import PatchError, UsageError
from novum.lab import LAB_FILE, Lab, parse_lab, read_lab
from novum.ledger import Campaign, Ledger
from novum.patch import apply_edits
from novum.records import Edit, Proposal
from novum.repo import Repo
from novum.standing import Standing
from novum.terminal import cut, typed

LONGEST = 20_000  # characters of words; what is longer is no idea but a document
LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Ground:
    """The code that a change would be made to now, and of which campaign; None: of none yet."""

    lab: Lab
    repo: Repo
    commit: str
    campaign: Campaign | None
    number: int  # of the experiment whose commit this is

    @property
    def files(self) -> dict[str, str]:
        """The editable files, as text by path."""
        return self.repo.files(self.commit, self.lab.files.editable)


def ground(directory: Path) -> Ground:
    """The incumbent of the campaign that works or would go on, or else what is checked out.

    Looking changes nothing.

    Raises:
        UsageError: if this is no lab in a git repository.
    """
    lab, repo = read_lab(directory), Repo(directory)
    if Ledger.exists(directory):
        with closing(Ledger(directory)) as ledger:
            campaign = present(directory, ledger)
            if campaign is not None:
                lab = parse_lab(campaign.lab, f"lab.toml of campaign {campaign.tag}")
                standing = Standing.read(ledger, lab, campaign)
                commit = briefed.parent_of(standing)
                return Ground(lab, repo, commit, campaign, _number(standing, commit))
    return Ground(lab, repo, repo.head(), None, 0)


def _number(standing: Standing, commit: str) -> int:
    return next((keep.number for keep in standing.keeps if keep.commit == commit), 0)


def present(directory: Path, ledger: Ledger) -> Campaign | None:
    """The campaign that is being worked on, or else the newest, if it can go on as it is."""
    working = ledger.working_on() if ledger.is_running() else None
    for campaign in ledger.campaigns():
        if campaign.id == working:
            return campaign
    newest = opening.newest(ledger)
    return newest if newest is not None and _can_go_on(directory, ledger, newest) else None


def _can_go_on(directory: Path, ledger: Ledger, campaign: Campaign) -> bool:
    """Whether it takes further experiments, under the lab's present rules if it was finished."""
    if opening.baseline_failed(ledger, campaign):
        return False
    if campaign.state == "open" and ledger.is_running():
        return True  # it begins, and is not known to be worked on yet
    target = campaign.settings["target"]
    if target is not None:
        done = Standing.read(ledger, parse_lab(campaign.lab), campaign).experiments
        if done >= target:
            return False
    now = (directory / LAB_FILE).read_text(encoding="utf-8")
    return campaign.state == "open" or campaign.lab == now


def propose(ledger: Ledger, proposal: Proposal, *, again: bool = False) -> int:
    """Put a proposal in as a request, to be tried `again` if it was before; returns its id."""
    body = {
        "title": proposal.title,
        "hypothesis": proposal.hypothesis,
        "edits": [asdict(edit) for edit in proposal.edits],
        "kind": proposal.kind,
        "source": proposal.source,
        "key": proposal.key,
        "expected": proposal.expected,
        "researcher": proposal.researcher or PERSON,
        "again": again,
    }
    return ledger.requests.ask("proposal", body)


def require_applicable(on: Ground, edits: Sequence[Edit]) -> None:
    """Refuse a change that does not fit the present code, before anything is asked.

    Raises:
        PatchError: saying what does not apply, and to what.
    """
    try:
        apply_edits(on.files, edits, on.lab.files.editable)
    except PatchError as error:
        raise _placed(error, on) from None


def edits_in(on: Ground, diff: str) -> tuple[Edit, ...]:
    """The edits that a unified diff makes to the present code.

    Raises:
        PatchError: if it does not apply, or changes what may not be changed.
    """
    try:
        edits = edits_of_diff(on.files, diff, on.lab.files.editable)
    except PatchError as error:
        raise _placed(error, on) from None
    require_applicable(on, edits)
    return edits


def idea(directory: Path, words: str, diff: str | None = None) -> str:
    """Put in an idea in plain words, or with a unified diff; returns what will happen with it.

    Raises:
        UsageError: if there is no lab, no words, or the diff does not apply; nothing is changed.
    """
    text = _text(words, "your idea")
    on = ground(directory)
    if diff is None:
        running = _ask(directory, "idea", text)
        return f"noted; {_reader(on, running, directory, 'works it out when it proposes next')}"
    title, _, hypothesis = text.partition("\n")
    if len(title) > LONGEST_TITLE:
        title, hypothesis = cut(title, LONGEST_TITLE), text
    edits = edits_in(on, diff)
    proposal = Proposal(title, edits, hypothesis.strip() or title, researcher=PERSON)
    with closing(Ledger(directory)) as ledger:
        propose(ledger, proposal)
        running = ledger.is_running()
    if running:
        see = f"novum log {typed(directory)}"
        return f"handed to the running campaign, as its next experiment; see: {see}"
    verb = "run" if on.campaign is None else "resume"
    return f"noted; nothing runs now, and it is tried first by: novum {verb} {directory}"


def say(directory: Path, words: str) -> str:
    """Say something to whoever proposes; returns what will happen with it.

    Raises:
        UsageError: if there is no lab, or no words; nothing is changed.
    """
    text = _text(words, "what you want to say")
    on = ground(directory)
    running = _ask(directory, "say", text)
    return f"noted; {_reader(on, running, directory, 'reads it in every briefing from now on')}"


def _ask(directory: Path, kind: str, text: str) -> bool:
    with closing(Ledger(directory)) as ledger:
        ledger.requests.ask(kind, {"text": text})
        return ledger.is_running()


def _text(words: str, what: str) -> str:
    text = words.strip()
    if not text:
        raise UsageError(f"there are no words: write {what} in quotes")
    if len(text) > LONGEST:
        raise UsageError(f"{len(text)} characters are too many; at most {LONGEST} are taken")
    return text


def _placed(error: PatchError, on: Ground) -> PatchError:
    """The refusal of a change, with the code that it has to fit, where that is what is wrong."""
    if "may not be edited" in str(error):
        return error
    return PatchError(f"{error}; it has to apply to {_where(on)}")


def _where(on: Ground) -> str:
    if on.campaign is None:
        return f"the commit that is checked out ({on.commit[:10]})"
    return f"experiment {on.number} of campaign {on.campaign.tag}, the incumbent ({on.commit[:10]})"


def _reader(on: Ground, running: bool, directory: Path, what: str) -> str:
    """Who will read the words, and what to do if nobody does."""
    own = on.campaign.settings["researcher"] if on.campaign else on.lab.researcher.use
    verb = "run" if on.campaign is None else "resume"
    if not _is_instant(own):
        return f"{own} {what}" + ("" if running else f"; go on with: novum {verb} {directory}")
    return (
        f"but {own}, which proposes here, reads no words; choose one that does: "
        f"novum {verb} {directory} --researcher chat (or agent)"
    )


def _is_instant(researcher: str) -> bool:
    """Whether a researcher is one that reads nothing; one that cannot be loaded may read."""
    if researcher == opening.OUTSIDE:  # whoever proposes there reads the briefing
        return False
    try:
        kind, _ = plugins.load_with_choice("novum.researchers", researcher)
    except UsageError:
        return False
    return bool(getattr(kind, "instant", False))
