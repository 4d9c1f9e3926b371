"""A real site on this machine, and people who visit it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import IO

import httpx2

import novum.labs
from novum.site.records import Copy, Count, Experiment
from novum.site.store import Store, store_of

LAB = Path(novum.labs.__path__[0]) / "copy"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
HOUR = 3600.0
SITE = """\
[traffic]
share = 1.0
holdout = 0.0
"""
BETTER = Copy("A better headline", "sub", "Press here", ("First.", "Second."))
TOKEN = re.compile(r'/go\?t=([^"]+)"')


def new_lab(directory: Path, site: str = SITE) -> Path:
    """A copy lab; the layout and the copy are those of ours."""
    directory.mkdir(exist_ok=True)
    for name in ("layout.html", "copy.toml"):
        shutil.copy(LAB / name, directory)
    (directory / "site.toml").write_text(site)
    return directory


@contextmanager
def serving(lab: Path, *options: str):
    """`novum serve`, until the end; its address and its process."""
    words = [sys.executable, "-m", "novum", "serve", str(lab), "--port", "0", *options]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    complaints = tempfile.TemporaryFile("a+")  # noqa: SIM115  closed with the process
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        where = process.stdout.readline().strip()
        assert where.startswith("http://"), complaints.seek(0) or complaints.read()
        own = process.stdout.readline().split()[-1]
        with httpx2.Client(base_url=where, verify=False, timeout=30) as client:
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            yield Served(lab, where, own, process, client, complaints)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()
        complaints.close()


@dataclass
class Served:
    lab: Path
    where: str
    own: str
    process: subprocess.Popen
    client: httpx2.Client
    complaints: IO[str]  # what the server said to its owner

    def complaint(self) -> str:
        """The next thing that it complains of."""
        while True:
            self.complaints.seek(0)
            if found := self.complaints.read():
                return found
            time.sleep(0.05)

    def store(self) -> Store:
        return store_of(self.lab)

    def person(self, **headers: str) -> "Person":
        return Person(self.client, headers)


class Person:
    """A visitor with a browser that has cookies of its own, and no JavaScript."""

    def __init__(self, client: httpx2.Client, headers: dict[str, str]) -> None:
        self._client = client
        self._headers = {"user-agent": FIREFOX, **headers}
        self.cookies: dict[str, str] = {}
        self.token: str | None = None

    def ask(self, method: str, path: str, **said):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**({"cookie": cookie} if cookie else {}), **self._headers}
        answer = self._client.request(method, path, headers=headers, **said)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def land(self, path: str = "/"):
        self.page = self.ask("GET", path)
        found = TOKEN.search(self.page.text)
        self.token = found[1] if found else None
        return self.page

    def see(self):
        return self.ask("GET", "/seen", params={"t": self.token})

    def convert(self):
        return self.ask("GET", "/go", params={"t": self.token})


def counted(store: Store, experiment: Experiment) -> tuple[Count, Count]:
    """All visitors of an experiment, and who of them converted: candidate and control."""
    counts = store.counts(store.batch(experiment.id, "all", 10**6), HOUR)
    return counts.candidate, counts.control


def signalled(store: Store, experiment: int, kind: str) -> list[float]:
    """What visitors told of this kind, in the order of their exposures."""
    found = store.values(store.batch(experiment, "all", 10**6), kind)
    return [value for _, value in found if value is not None]
