"""Where everything of the machine is in a lab's directory."""

from pathlib import Path

HOME = ".novum"
CACHE = "cache"  # below it: what evaluators remember from trial to trial


def make_home(lab: Path) -> Path:
    """The machine's directory in a lab, made if need be; the person's git does not see it.

    Nor do other users: held-out data is in it, and programs that candidates left as the person.
    """
    home = lab.resolve() / HOME
    home.mkdir(mode=0o700, exist_ok=True)
    if not (home / ".gitignore").exists():
        (home / ".gitignore").write_text("*\n")
    return home
