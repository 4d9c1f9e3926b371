"""The comparison that docs/comparing.md shows: four researchers in a small lab.

    python benchmarks/comparing.py --out DIR       # about a minute; compare.png and compare.md

A run takes no time: its loss is a formula of four settings, and luck by the seed. Two of them are
numbers, which the tuner varies; the other two only ideas change. So ideas can find more than the
grid, and the two together most. What it prints is what `novum compare` prints.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from repository import commit_all

RESEARCHERS = "backlog,tuner,null,mix:tuner=1,backlog=1"
LAB = """
[lab]
name = "small"
[metric]
name = "loss"
direction = "minimize"
[budget]
seconds = 20
[files]
editable = ["settings.toml"]
[trial]
run = ["python", "run.py"]
[space]
rate = { low = 0.005, high = 0.5, log = true }
width = { low = 4, high = 32 }
"""
SETTINGS = 'rate = 0.2\nwidth = 8\nschedule = "constant"\nnorm = "layer"\n'
RUN = """
import math, os, random, tomllib

told = tomllib.load(open("settings.toml", "rb"))
loss = 2 + 0.03 * math.log(told["rate"] / 0.03) ** 2 + 0.0006 * (told["width"] - 16) ** 2
loss -= {"cosine": 0.08, "linear": 0.05}.get(told["schedule"], 0)
loss -= 0.05 * (told["norm"] == "rms")
print("METRIC loss=", loss + random.Random(int(os.environ["NOVUM_SEED"])).gauss(0, 0.01), sep="")
"""
IDEAS = (
    ('schedule = "constant"', 'schedule = "linear"'),
    ("rate = 0.2", "rate = 0.1"),
    ("width = 8", "width = 12"),
    ('norm = "layer"', 'norm = "none"'),
    ("rate = 0.2", "rate = 0.6"),
    ('norm = "layer"', 'norm = "rms"'),
    ("width = 8", "width = 4"),
)


def make_lab(directory: Path) -> None:
    """The small lab, in a repository of its own."""
    directory.mkdir()
    ideas = [
        f"[[idea]]\nkey = '{number}'\ntitle = '{replace}'\n"
        f"[[idea.edit]]\nfile = 'settings.toml'\nsearch = '{search}'\nreplace = '{replace}'\n"
        for number, (search, replace) in enumerate(IDEAS)
    ]
    files = {
        "lab.toml": LAB,
        "settings.toml": SETTINGS,
        "run.py": RUN,
        "ideas.toml": "".join(ideas),
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    commit_all(directory)


def main() -> None:
    """Run the comparison, and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    python = sys.version.split()[0]
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {python}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        lab = Path(place) / "lab"
        make_lab(lab)
        words = ["--researchers", RESEARCHERS, "--experiments", "15", "--name", "small"]
        words += ["--repeats", str(asked.repeats), "--out", str(asked.out.resolve())]
        subprocess.run([sys.executable, "-m", "novum", "compare", str(lab), *words], check=True)


if __name__ == "__main__":
    main()
