"""A page as a picture, by a browser without a window, where one is installed."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
SECONDS = 60
FLAGS = (
    "--headless",
    "--hide-scrollbars",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--use-gl=angle",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--force-device-scale-factor=2",
)


def browser() -> str | None:
    """The browser that would be used: the first of `BROWSERS` on PATH."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def screenshot(page: Path, fragment: str, picture: Path, size: tuple[int, int]) -> bool:
    """Write a PNG of a local page, `size` in CSS pixels (two of the PNG each); whether it worked.

    False without a browser, and if it fails or takes longer than `SECONDS`.
    """
    program = browser()
    if program is None:
        return False
    with TemporaryDirectory(prefix="novum-browser-", ignore_cleanup_errors=True) as profile:
        shot = Path(profile) / "shot.png"
        words = [program, *FLAGS, f"--user-data-dir={profile}", f"--screenshot={shot}"]
        if os.geteuid() == 0:  # its own sandbox does not start as root; the page is ours
            words.append("--no-sandbox")
        address = f"{page.resolve().as_uri()}#{fragment}"
        _run([*words, f"--window-size={size[0]},{size[1]}", address])
        if not shot.is_file():
            return False
        picture.write_bytes(shot.read_bytes())
    return True


def _run(words: list[str]) -> None:
    """Run a command to its end, and end all that it started."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        words, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
