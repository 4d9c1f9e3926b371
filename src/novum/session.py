"""A person's session with a campaign: its screen, its signals, and how it ends."""

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from novum import asking, opening
from novum.audit.canaries import Canaries, Canary
from novum.audit.deep import DeepCheck, Report
from novum.audit.plan import Wish as Thoroughness
from novum.audit.plan import plan_for
from novum.briefed import parent_of
from novum.campaign import Asked, Machine, Stop, Stopped
from novum.errors import CampaignError, PatchError, ResearcherError, UsageError
from novum.export import ResultsFile
from novum.lab import Lab, parse_lab, read_lab
from novum.ledger import Campaign, Ledger
from novum.ledger.rows import IMPORTED
from novum.live import LivePanel, PlainLines
from novum.opening import Wish
from novum.patch import apply_edits, edits_between
from novum.records import Edit, Proposal
from novum.repo import Repo
from novum.report import write_report
from novum.standing import Standing
from novum.terminal import counted, typed
from novum.views import keeps_table, plain_console

Screen = LivePanel | PlainLines


def work(directory: Path, wish: Wish, *, resume: bool = False) -> None:
    """Run a campaign to its end, or until the person stops it, and say what came of it.

    Raises:
        NovumError: if it cannot begin, go on, or the person asked wrongly.
    """
    repo, lab = Repo(directory), read_lab(directory)
    if not Ledger.exists(directory):
        opening.require_startable(directory, lab, repo, wish)  # before anything is written
    with closing(Ledger(directory)) as ledger, ledger.lock():
        campaign = opening.choose(directory, repo, ledger, wish, resume=resume)
        console = plain_console()
        console.print(_headline(campaign, lab))
        for text in campaign.settings.get(opening.LACKING, ()):
            console.print(f"caution: {text}", soft_wrap=True)
        stopped, paused = run_to_end(directory, repo, ledger, campaign, console)
        _farewell(console, directory, ledger, campaign, stopped=stopped)
    if paused is not None:
        raise paused


def run_to_end(
    directory: Path, repo: Repo, ledger: Ledger, campaign: Campaign, console: Console
) -> tuple[bool, ResearcherError | None]:
    """Run a campaign to its end; whether it was stopped before, and why if not by the person."""
    target = campaign.settings["target"]
    with _screen(console, target) as screen:
        table = ResultsFile(ledger)
        observers = [table, screen]
        machine = opening.assemble(directory, repo, ledger, campaign, observers, screen.notice)
        try:
            stopped = _run(machine, target, screen)
        except ResearcherError as error:
            settings = {**campaign.settings, "paused": str(error)}  # until it goes on
            ledger.update_campaign(campaign.id, state="open", settings=settings)
            return True, error
        finally:
            if table.problem:
                screen.notice(table.problem)
    return stopped, None


def check_deeply(directory: Path, wish: Thoroughness, *, quiet: bool) -> Report:
    """Run a lab before money is spent; the progress goes to standard error if `quiet`.

    Raises:
        NovumError: if it cannot be run, or the person stopped it.
    """
    plan = plan_for(directory, wish)  # before anything is written
    console = plain_console(aside=quiet)
    say = _lines_to(console)
    with closing(Ledger(directory)) as ledger, ledger.lock(), _status(console) as show:
        check = DeepCheck(directory, plan, ledger, say, show)
        with _signals(check.stop, say):
            try:
                return check.run(fresh=wish.fresh)
            except Stopped:
                raise CampaignError(
                    "stopped; nothing is lost, it goes on with: "
                    f"novum check {typed(directory)} --deep, "
                    "and the same options"
                ) from None


def plant_canaries(
    directory: Path, seconds: float | None, show: Callable[[Canary], None], *, quiet: bool
) -> list[Canary]:
    """Plant known cheats into a lab; each is shown when it is known what came of it.

    Raises:
        NovumError: if it cannot be run, or the person stopped it.
    """
    canaries = Canaries(directory, seconds)  # before anything is written
    say = _lines_to(plain_console(aside=quiet))
    found = []
    with closing(Ledger(directory)) as ledger, ledger.lock(), _signals(canaries.stop, say):
        try:
            for canary in canaries.run(ledger, say):
                found.append(canary)
                show(canary)
        except Stopped:
            raise CampaignError("stopped, so the rest is not known") from None
    return found


def _lines_to(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, soft_wrap=True, markup=False)


@contextmanager
def _status(console: Console) -> Iterator[Callable[[str], None]]:
    """A line at the bottom of a terminal that shows what is running; elsewhere nothing."""
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(escape(text))
    else:
        yield lambda text: None


def _run(machine: Machine, target: int | None, screen: Screen) -> bool:
    with _signals(machine.stop, screen.notice):
        try:
            machine.run(target)
        except Stopped:
            return True
    return False


def try_edits(directory: Path, message: str, *, again: bool = False) -> str:
    """Make an experiment of the person's uncommitted edits; returns what came of it in a line.

    Raises:
        UsageError: if there is nothing to try.
    """
    repo, lab = Repo(directory), read_lab(directory)
    title, _, hypothesis = message.strip().partition("\n")
    if not title:
        raise UsageError("say what you expect: -m 'Halve the batch'")
    before = repo.files(repo.head(), lab.files.editable)
    edits = edits_between(before, _working_files(directory, lab.files.editable))
    if not edits:
        names = ", ".join(lab.files.editable)
        raise UsageError(f"nothing to try: no uncommitted change in {names}")
    wish = Proposal(title, edits, hypothesis.strip() or title)
    if not Ledger.exists(directory):
        opening.require_startable(directory, lab, repo, Wish(), edited=True)
    with closing(Ledger(directory)) as ledger:
        if ledger.is_running():
            asking.propose(ledger, wish, again=again)
            return "handed to the running campaign, as its next experiment; see: novum log"
        with ledger.lock():
            campaign = opening.newest(ledger)
            if campaign is None or opening.baseline_failed(ledger, campaign):
                campaign = opening.begin(directory, repo, ledger, Wish(), edited=True)
            _require_applicable(repo, ledger, campaign, edits)
            request = asking.propose(ledger, wish, again=again)
            return _try(directory, repo, ledger, campaign, request)


def _try(directory: Path, repo: Repo, ledger: Ledger, campaign: Campaign, request: int) -> str:
    console = plain_console()
    with _screen(console, None) as screen:
        machine = opening.assemble(
            directory,
            repo,
            ledger,
            campaign,
            [ResultsFile(ledger), screen],
            screen.notice,
            proposes=False,
        )
        with _signals(machine.stop, screen.notice):
            try:
                machine.run_requests()
            except Stopped:
                return f"stopped; it goes on with: novum resume {typed(directory)}"
    taken = ledger.requests.get(request)
    answer = (taken and taken.answer) or "experiment ?"
    number = re.search(r"experiment (\S+)", answer)
    see = f"see: novum show {typed(directory)} {number[1] if number else '?'}"
    if answer.startswith("repeats"):
        return f"not run: it {answer}; {see}, or run it all the same with --again"
    return f"{answer} of campaign {campaign.tag}; {see}"


def _require_applicable(
    repo: Repo, ledger: Ledger, campaign: Campaign, edits: Sequence[Edit]
) -> None:
    """Refuse edits that do not fit the code that the campaign has reached, before anything runs."""
    lab = parse_lab(campaign.lab)
    standing = Standing.read(ledger, lab, campaign)
    files = repo.files(parent_of(standing), lab.files.editable)
    try:
        apply_edits(files, edits, lab.files.editable)
    except PatchError as error:
        raise PatchError(
            f"{error}: the campaign has moved on; merge autoresearch/{campaign.tag} into your "
            "branch, make the edit again, and try again"
        ) from None


def confirm(directory: Path, tag: str | None, asked: Asked, *, aside: bool = False) -> bool:
    """Confirm what a campaign found; False if it was handed to the campaign that is running.

    What happens is told on standard output or, `aside`, on standard error.

    Raises:
        UsageError: if there is no such campaign, or nothing that could be confirmed.
    """
    with closing(Ledger(directory)) as ledger:
        campaign = ledger.campaign(tag) if tag else opening.newest(ledger)
        if campaign is None:
            known = ", ".join(campaign.tag for campaign in ledger.campaigns()) or "none yet"
            which = f"there is no campaign {tag}" if tag else "no campaign of this lab has run"
            raise UsageError(f"{which}, so there is nothing to confirm; campaigns: {known}")
        lab = parse_lab(campaign.lab)
        if asked.dial is not None and asked.dial.keys() != lab.dial.keys():
            own = ", ".join(lab.dial) or "none"
            raise UsageError(f"the dial of this lab is: {own}; write --dial NAME=NUMBER with it")
        if campaign.state == IMPORTED or opening.baseline_failed(ledger, campaign):
            raise UsageError(f"campaign {campaign.tag} has no code that ran, so nothing to confirm")
        if ledger.is_running():
            if ledger.working_on() != campaign.id:
                raise UsageError(
                    f"something else than campaign {campaign.tag} is running in this lab; confirm "
                    "when it has ended, or end it with: novum stop"
                )
            ledger.requests.ask("confirm", asked.body(campaign.tag))
            return False
        with ledger.lock():
            _confirm(directory, ledger, campaign, asked, plain_console(aside=aside))
    return True


def _confirm(
    directory: Path, ledger: Ledger, campaign: Campaign, asked: Asked, console: Console
) -> None:
    stopped = confirm_now(directory, ledger, campaign, asked, console)
    for path in report(directory, ledger, campaign, None):
        console.print(f"wrote {path}", soft_wrap=True)
    if stopped:
        again = f"novum confirm {typed(directory)}, and the same options"
        console.print(f"stopped; it goes on with: {again}", soft_wrap=True)


def confirm_now(
    directory: Path, ledger: Ledger, campaign: Campaign, asked: Asked, console: Console
) -> bool:
    """Confirm what a campaign found, in this process; whether it was stopped before its end."""
    with _screen(console, None) as screen:
        observers = [ResultsFile(ledger), screen]
        machine = opening.assemble(
            directory, Repo(directory), ledger, campaign, observers, screen.notice, proposes=False
        )
        with _signals(machine.stop, screen.notice):
            try:
                machine.confirm(asked)
            except Stopped:
                return True
    return False


def _working_files(directory: Path, paths: tuple[str, ...]) -> dict[str, str]:
    texts = {}
    for path in paths:
        try:
            texts[path] = (directory / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read as text: {error}") from None
    return texts


def report(directory: Path, ledger: Ledger, campaign: Campaign, out: Path | None) -> list[Path]:
    """Write the report; by default into its folder in the lab."""
    return write_report(ledger, campaign, out or report_folder(directory, campaign.tag))


def report_folder(directory: Path, name: str) -> Path:
    """A folder of the lab for reports, which git does not see."""
    reports = directory / "report"
    (reports / name).mkdir(parents=True, exist_ok=True)
    (reports / ".gitignore").write_text("*\n")
    return reports / name


def _headline(campaign: Campaign, lab: Lab) -> str:
    seconds, default = campaign.settings["seconds"], lab.budget.seconds
    words = f"campaign {campaign.tag}: trials of {seconds:g} s"
    if seconds != default:
        words += f" (the lab's own default is {default:g} s)"
    words += "" if lab.self_reported else ", and their evaluation"
    target = campaign.settings["target"]
    many = counted(target, "experiment") if target else "until you stop it or ideas run out"
    words += f"; {many}"
    return words + f", proposed by {campaign.settings['researcher']}"


def _farewell(
    console: Console, directory: Path, ledger: Ledger, campaign: Campaign, *, stopped: bool
) -> None:
    campaign = ledger.campaign(campaign.tag) or campaign  # it may know its data only now
    console.print(keeps_table(ledger, campaign))
    for path in report(directory, ledger, campaign, None):
        console.print(f"wrote {path}", soft_wrap=True)
    if stopped:
        console.print(f"stopped; go on with: novum resume {typed(directory)}", soft_wrap=True)
    else:
        console.print(
            f"finished; the kept code is on branch autoresearch/{campaign.tag}\n"
            f"for more: {_more(directory, ledger, campaign)}",
            soft_wrap=True,
        )


def _more(directory: Path, ledger: Ledger, campaign: Campaign) -> str:
    """What to do for more experiments: ask for more, or see that there are more ideas."""
    target, done = campaign.settings["target"], len(ledger.experiments(campaign.id)) - 1
    resume = f"novum resume {typed(directory)}"
    if target is not None and done >= target:
        return f"{resume} --experiments {done + 20}"
    return f"write down more ideas, and then {resume}; or let others propose: --researcher NAME"


@contextmanager
def _screen(console: Console, target: int | None) -> Iterator[Screen]:
    if console.is_terminal:
        panel = LivePanel(console, target)
        with panel.live:
            yield panel
    else:
        yield PlainLines(console, target)


@contextmanager
def _signals(stop: Stop, notice: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C once: after the running trial; twice, or a termination: now."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if stop.wanted or number == signal.SIGTERM:
            stop.now.set()
            notice("stopping now")
        else:
            notice("stopping after the running trial; Ctrl-C again stops now")
        stop.after_trial.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
