"""Thinking: a researcher that takes its time is asked in a thread of its own, while trials run.

What it costs and what it proposes is in the ledger as soon as it is known, so that nothing of it is
lost when the machine is.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import Event, RLock, Thread

from novum.briefing import Briefing
from novum.campaign.events import Notice, Observer
from novum.errors import LedgerError, NovumError, ResearcherError
from novum.ledger import Ledger
from novum.ledger.consultations import CANCELLED, FAILED, NOTHING, WAITING
from novum.records import Proposal, Usage
from novum.researchers import Desk, Researcher

PATIENCE = 5.0  # seconds that a researcher has to end when it is told to


class Thinker:
    """Asks one researcher one question at a time."""

    def __init__(
        self, researcher: Researcher, ledger: Ledger, campaign: int, tell: Observer
    ) -> None:
        self._researcher, self._ledger, self._campaign = researcher, ledger, campaign
        self._tell = tell
        self._cancel, self._done = Event(), Event()
        self._thread: Thread | None = None
        self._problem: NovumError | None = None
        self._writing = RLock()  # held while the thread writes to the ledger
        self._left = False  # nobody listens any more: the ledger may be closed
        self._number = 0  # of the question in the ledger
        self.exhausted = False  # its last answer was that it has nothing to propose

    @property
    def thinking(self) -> bool:
        """Whether it has a question that it has not answered."""
        return self._thread is not None and not self._done.is_set()

    def ask(
        self, briefing: Briefing, usd_left: float, tokens_left: float, request: int | None
    ) -> None:
        """Begin to think; `request` is the person's idea that the briefing holds."""
        self._number = number = self._ledger.consultations.open(
            self._campaign, self._researcher.name, briefing.parent, request
        )
        transcript: list[tuple[str, str]] = []

        def keep(name: str, text: str) -> None:
            transcript.append((name, text))
            self._write(lambda: self._ledger.consultations.keep(number, transcript))

        def spend(usage: Usage) -> None:
            self._write(lambda: self._ledger.consultations.spend(number, usage))

        def notice(text: str) -> None:
            if not self._left:
                self._tell(Notice(text))

        desk = Desk(self._cancel, usd_left, tokens_left, notice, keep, spend)
        self._done.clear()
        self.exhausted = False
        self._thread = Thread(
            target=self._think, args=(number, briefing, desk), name="researcher", daemon=True
        )
        self._thread.start()

    def _write(self, record: Callable[[], None]) -> None:
        with self._writing:
            if not self._left:
                record()

    @property
    def troubled(self) -> bool:
        """Whether its last question ended with a problem that nobody has been told of."""
        return self._problem is not None

    def wait(self, seconds: float) -> None:
        """Wait until it has answered, or so long."""
        self._done.wait(seconds)

    def require_sound(self) -> None:
        """See that its last question did not end with a problem.

        Raises:
            NovumError: what stopped it; then it may be asked again.
        """
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Tell it to end, and wait for that as long as it may take; then leave it alone."""
        self._cancel.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)
        with self._writing:
            if self.thinking:
                self._ledger.consultations.close(self._number, FAILED, None, CANCELLED)
            self._left = True

    def _think(self, number: int, briefing: Briefing, desk: Desk) -> None:
        try:
            desk.require_means()
            self._answer(number, self._researcher.propose(briefing, desk))
        except NovumError as error:
            self._fail(number, error)
        except BaseException as error:  # somebody else's researcher may raise anything
            kind = type(error).__name__
            failure = ResearcherError(f"{self._researcher.name} failed: {kind}: {error}")
            failure.__cause__ = error
            self._fail(number, failure)
        finally:
            self._done.set()

    def _answer(self, number: int, proposal: Proposal | None) -> None:
        close = self._ledger.consultations.close
        if proposal is not None:
            self._write(lambda: close(number, WAITING, proposal))
        elif self._cancel.is_set():
            self._write(lambda: close(number, FAILED, None, CANCELLED))
        else:
            self.exhausted = True
            self._write(lambda: close(number, NOTHING, None, "it had nothing to propose"))

    def _fail(self, number: int, error: NovumError) -> None:
        self._problem = error
        with suppress(LedgerError):  # then that is the problem, and it is told already
            self._write(lambda: self._ledger.consultations.close(number, FAILED, None, str(error)))
