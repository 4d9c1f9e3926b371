"""A lab whose challengers race, and people who come to it, as a server would choose for them."""

import random
import shutil
import subprocess
import time
from pathlib import Path

import novum.labs
from novum.site import measuring
from novum.site.choosing import Chooser
from novum.site.config import read_site
from novum.site.copies import COPY
from novum.site.records import NOWHERE, Conversion
from novum.site.store import Store, store_of
from novum.site.tokens import read_token, site_key

SHIPPED = Path(novum.labs.__file__).parent / "copy"
START = "Invoicing software for freelancers"
GOOD, FAIR, POOR, BAD = "Get paid on time", "Write it once", "Invoices for all", "Ask politely"
QUICK = """
[traffic]
share = 0.8
visitors = 200
[attribution]
window_hours = 0.00001
"""


class Stopped(BaseException):
    """As a kill: nothing of the race runs any more."""


class People:
    """In place of each pause: some come, new ones and some who were here; by headline they differ.

    `rates` are of the headlines, `after` says what happens at which pause.
    """

    def __init__(self, lab: Path, store: Store, rates=None, *, each=60, after=None):
        self.store, self.rates, self.each = store, rates or {}, each
        self.after = after or {}
        self.key = site_key(lab)
        # A connection of its own, as a server has: it sees what others write.
        self.chooser = Chooser(store_of(lab), self.key, read_site(lab))
        self.chance, self.cookies, self.pauses = random.Random(1), [], 0

    def __call__(self, seconds: float) -> None:
        time.sleep(0.001)
        self.store.beat()
        self.pauses += 1
        if self.pauses in self.after:
            self.after[self.pauses]()
        self.come(self.each)
        assert self.pauses < 900, "the race goes on for ever"

    def come(self, count: int) -> None:
        events = []
        for _ in range(count):
            back = self.cookies and self.chance.random() < 0.2
            guest = self.chooser.guest(self.chance.choice(self.cookies) if back else None)
            self.cookies.append(guest.cookie)
            token = read_token(self.key, guest.token, self.store.clock.now(), 1e6)
            if token.experiment == NOWHERE:
                continue
            now = self.store.clock.now()
            events.append(token.exposure(now))
            if self.chance.random() < self.rates.get(self.headline(token.variant), 0.2):
                events.append(Conversion(token.visitor, token.experiment, now))
        self.store.record(events)

    def headline(self, digest: str) -> str:
        return self.store.variant(digest).headline


def new_lab(path: Path, site: str = QUICK) -> Path:
    """A committed copy lab with small batches."""
    novum.labs.create("copy", path)
    (path / "site.toml").write_text(site)
    commit(path)
    return path


def commit(path: Path) -> None:
    subprocess.run(["git", "commit", "-qam", "quicker"], cwd=path, check=True)


def copies(lab: Path, *headlines: str) -> tuple[Path, ...]:
    """Files beside the lab, each the lab's copy with another headline."""
    text = (lab / COPY).read_text()
    paths = []
    for headline in headlines:
        path = lab.parent / f"{headline.replace(' ', '-')}.toml"
        path.write_text(text.replace(START, headline))
        paths.append(path)
    return tuple(paths)


def trial_of(lab: Path, headline: str) -> measuring.Trial:
    """What a campaign does with the copy of that headline: its first trial."""
    for name in ("artifacts", "control"):
        (lab.parent / name).mkdir(exist_ok=True)
        shutil.copy(lab / COPY, lab.parent / name)
    path = lab.parent / "artifacts" / COPY
    path.write_text(path.read_text().replace(START, headline))
    return measuring.Trial(
        lab, lab.parent / "artifacts", lab.parent / "control", lab / ".novum" / "cache"
    )
