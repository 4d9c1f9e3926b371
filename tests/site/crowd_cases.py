"""A stand-in site and a crowd, as processes of their own."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

STANDIN = Path(__file__).with_name("standin.py")
PLAIN = {
    "headline": "Invoices for freelancers",
    "subhead": "Write an invoice in a minute.",
    "call_to_action": "Start a trial",
    "body": ["Quillet reminds your clients.", "It costs nine euros."],
}
CURIOUS = {
    "headline": "Why do 4,000 illustrators never chase their money any more?",
    "subhead": "She stopped writing reminders. Here's what happened next.",
    "call_to_action": "See how it works",
    "body": ["You write, we remind."],
}
SUNDAY = 1_799_625_600  # 2027-01-10, midnight in UTC


class Site:
    """The stand-in server, which can be killed and started again on the same port."""

    def __init__(self, place: Path, pages: list[dict]) -> None:
        self._pages, self._events = place / "pages.json", place / "events.jsonl"
        self._pages.write_text(json.dumps(pages), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        argv = [sys.executable, STANDIN, str(self.port), self._pages, self._events]
        self._process = subprocess.Popen(argv)
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("the stand-in site did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def events(self, what: str | None = None) -> list[dict]:
        lines = self._events.read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if what is None or event["what"] == what]


def crowd(site: Site, *options: object) -> list[str]:
    """The command line of a crowd for that site; its week begins on a Sunday at noon."""
    url = f"http://127.0.0.1:{site.port}"
    start = ["--start", SUNDAY + 12 * 3600, "--speed", 200_000]
    argv = [sys.executable, "-m", "novum.site.visitors", "--url", url, *start, *options]
    return [str(word) for word in argv]


def told_by(argv: list[str]) -> dict:
    """What a crowd says that it did."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)
