"""Starts the machine for an agent that proposes while nothing runs, as a process of its own.

The machine outlives this server: it ends by itself when nothing was proposed for a while.
"""

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Lock

from novum import asking
from novum.errors import CampaignError
from novum.ledger import Ledger
from novum.ledger.home import HOME, make_home
from novum.mcp.wording import without_places

LOG_FILE = "outside.log"
LARGEST_LOG = 1_000_000  # bytes, after which it is begun anew
START_SECONDS, LOOK_SECONDS = 30.0, 0.05
SETTLED_SECONDS = 5.0  # a machine that works so long has begun: it prepares data
LINES, CHARACTERS = 6, 1000  # at most, of what it said when it failed
RUNNING, STARTED, RESUMED = "running", "started a new campaign", "went on with campaign {}"


class Starter:
    """Sees that a machine works in the lab."""

    def __init__(self, directory: Path, researcher: str = "outside") -> None:
        self._directory, self._researcher = directory.resolve(), researcher
        self._home = self._directory / HOME
        self._lock = Lock()  # several tools may be called at once
        self._child: subprocess.Popen[bytes] | None = None
        self._begin = 0  # where the words of the child begin in the log

    def is_running(self) -> bool:
        """Whether some process works in the lab."""
        if not Ledger.exists(self._directory):
            return False
        with closing(Ledger(self._directory)) as ledger:
            return ledger.is_running()

    def ensure(self) -> str:
        """See that a machine works; returns in words whether one did, or what was started.

        Raises:
            CampaignError: if it does not start, with what it said.
        """
        with self._lock:
            if self.is_running():
                return RUNNING
            before = self._failure()  # of a machine that we started, and that has ended since
            if before is not None:
                raise CampaignError(before)
            words, what = self._command()
            child = self._spawn(words)
            if self._has_begun(child):
                return what
            if self.is_running():  # somebody else's was faster
                return RUNNING
            raise CampaignError(self._failure() or "the machine ended at once; see `novum status`")

    def failure(self) -> str | None:
        """What the machine that was started here said when it failed; None if it did not."""
        with self._lock:
            return self._failure()

    def _failure(self) -> str | None:
        child = self._child
        code = child.poll() if child is not None else None
        if not code or code < 0:  # killed: it goes on where it was, when it is started again
            return None
        self._child = None  # told once; the next call may start another
        return f"the machine could not go on: {self._said() or f'exit status {code}'}"

    def _command(self) -> tuple[list[str], str]:
        """The words of the command, and what it does."""
        lab = str(self._directory)
        if Ledger.exists(self._directory):
            with closing(Ledger(self._directory)) as ledger:
                campaign = asking.present(self._directory, ledger)
            if campaign is not None:
                words = ["resume", lab, "--tag", campaign.tag, "--researcher", self._researcher]
                return words, RESUMED.format(campaign.tag)
        return ["run", lab, "--researcher", self._researcher], STARTED

    def _spawn(self, words: list[str]) -> subprocess.Popen[bytes]:
        path = make_home(self._directory) / LOG_FILE
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.unlink()
        with path.open("ab") as log:
            self._begin = log.tell()
            # -P: no file of the lab may stand in for a module of ours
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "novum", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
            )
        return self._child

    def _has_begun(self, child: subprocess.Popen[bytes]) -> bool:
        """Wait until the machine works on a campaign; False if it ended instead."""
        begun = time.monotonic()
        while (spent := time.monotonic() - begun) < START_SECONDS:
            if child.poll() is not None:
                return child.returncode == 0
            if Ledger.exists(self._directory):
                with closing(Ledger(self._directory)) as ledger:
                    if ledger.working_on() is not None:
                        return child.poll() is None
                    if spent > SETTLED_SECONDS and ledger.is_running():
                        return True
            time.sleep(LOOK_SECONDS)
        return True

    def _said(self) -> str:
        """The last complaint in the log, without paths of this machine."""
        path = self._home / LOG_FILE
        with path.open("rb") as log:
            log.seek(self._begin)
            text = log.read().decode("utf-8", "replace")
        _, found, complaint = f"\n{text}".rpartition("\nnovum: ")
        lines = (complaint if found else text).strip().splitlines()
        shown = "\n".join(lines[:LINES] if found else lines[-LINES:])[:CHARACTERS]
        return without_places(shown, self._directory)
