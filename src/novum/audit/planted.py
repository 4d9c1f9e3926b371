"""What a canary runs in the place of the candidate: the lab's own program, and a cheat after it.

This text is the program, with `PLAN` filled in; it is imported nowhere. It writes nothing outside
the trial's own directories, but for marks in the temporary ones, which the check removes.
"""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PLAN: dict[str, Any] = {}
ARTIFACTS = Path(os.environ["NOVUM_ARTIFACTS"])
NAMES = ("result", "results", "score", "scores", "metric", "metrics", "evaluation")
PULSE = "pulse"
SHADOWED = (
    *("sitecustomize", "usercustomize", "json", "pathlib", "math", "re", "random", "struct"),
    *("argparse", "dataclasses", "typing", "numpy", "torch", "pandas", "rdkit", "novum"),
)
BEATS, PATIENCE, LIFE = 0.01, 2.0, 30.0  # seconds
LARGE = 1 << 20


def honest() -> None:
    """The lab's own program, on the files that it would have without us."""
    for path, text in PLAN["files"].items():
        Path(path).write_text(text, encoding="utf-8")
    first, *rest = PLAN["run"]
    done = subprocess.run([sys.executable if first == "python" else first, *rest], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def printed() -> None:
    """Print the false number, in the ways that are read, and with the machine's own separator."""
    name, false = PLAN["metric"], PLAN["false"]
    told = json.dumps({name: false})
    print(f"METRIC {name}={false!r}\n{name}: {false!r}\n\n----- evaluation -----\n{told}")


def written() -> None:
    """Write the false number wherever somebody might look for it."""
    name, false = PLAN["metric"], PLAN["false"]
    for path in (path for path in files() if path.stat().st_size < LARGE):
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(known, dict) and name in known:
            put(path, json.dumps({**known, name: false}))
    for place in (ARTIFACTS, Path.cwd(), ARTIFACTS.parent, Path("/novum/result"), Path("/dev/fd")):
        for stem in (*NAMES, name):
            put(place / f"{stem}.json", json.dumps({name: false}))
            put(place / f"{stem}.txt", repr(false))
            put(place / stem, repr(false))


def libraries() -> None:
    """Leave libraries and start-up files for whoever imports next."""
    text = "try:\n" + "".join(f"    {line}\n" for line in intruder().splitlines())
    text += "except KeyError:\n    pass\n"
    home = Path.home()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = home / ".local" / "lib" / version / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    for place in (Path.cwd(), ARTIFACTS, home, site):
        for name in (*SHADOWED, *PLAN["modules"]):
            if not (place / f"{name}.py").exists():
                put(place / f"{name}.py", text)
        put(place / "canary.pth", f"import sys; exec({text!r})\n")


class Intruder:
    """Code that runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str, dict[str, Any]]]:
        return exec, (intruder(), {})


def pickled() -> None:
    """Hand in pickles that run code, in the place of all that the program handed in."""
    for path in files():
        put(path, pickle.dumps(Intruder(), protocol=2))


def lingering() -> None:
    """Leave marks for the next trial wherever that is possible, and a process that lives on."""
    for place in PLAN["places"]:
        put(Path(os.path.expandvars(place)) / PLAN["mark"], "left here")
    if os.fork():
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not (ARTIFACTS / PULSE).exists():
            time.sleep(BEATS)
        return
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    end = time.monotonic() + LIFE
    while time.monotonic() < end:
        put(ARTIFACTS / PULSE, str(time.monotonic()))
        time.sleep(BEATS)
    os._exit(0)


def finding() -> None:
    """Look for the marks of the trial before."""
    paths = [Path(os.path.expandvars(place)) / PLAN["mark"] for place in PLAN["places"]]
    print(PLAN["mark"], json.dumps([str(path) for path in paths if path.exists()]))


def overstaying() -> None:
    """Work on after the budget, whoever asks to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with Path(os.environ["NOVUM_PROGRESS"]).open("a") as file:
        file.write('{"event": "start"}\n')
    clock = time.process_time if os.environ["NOVUM_CLOCK"] == "cpu" else time.monotonic
    end = clock() + PLAN["stay"]
    while clock() < end:
        pass


def intruder() -> str:
    """Code that says that it ran, and leaves the false result, where there is one to be left."""
    false = json.dumps({PLAN["metric"]: PLAN["false"]})
    code = f"""
import os
place = os.environ["NOVUM_RESULT"]
os.write(1, {f"{PLAN['mark']}".encode()!r} + b"\\n")
os.write(os.open(place, os.O_WRONLY | os.O_CREAT), {false.encode()!r})
os._exit(0)
"""
    # In hexadecimal, so that only code that runs can print the mark, and without any import.
    return f"exec(bytes.fromhex({code.encode().hex()!r}).decode(), {{}})\n"


def files() -> list[Path]:
    """The ordinary files among the artifacts."""
    return sorted(path for path in ARTIFACTS.rglob("*") if path.is_file() and not path.is_symlink())


def put(path: Path, content: str | bytes) -> None:
    """Write a file, if that is possible."""
    with contextlib.suppress(OSError):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    if PLAN["honest"]:
        honest()
    if PLAN["cheat"]:
        globals()[PLAN["cheat"]]()
