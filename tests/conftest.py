"""Shared fixtures: a real lab in a real git repository, and campaigns in it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from bed_cases import Bed, make_bed


@pytest.fixture(autouse=True, scope="session")
def own_git_configuration(tmp_path_factory) -> Iterator[None]:
    """No test depends on how git is set up on this machine."""
    nowhere = str(tmp_path_factory.mktemp("no-git-configuration"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        patch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Person")
            patch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
        for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            patch.delenv(variable, raising=False)
        levels = (
            pygit2.enums.ConfigLevel.GLOBAL,
            pygit2.enums.ConfigLevel.XDG,
            pygit2.enums.ConfigLevel.SYSTEM,
        )
        for level in levels:
            pygit2.settings.search_path[level] = nowhere
        yield


@pytest.fixture
def bed(tmp_path) -> Iterator[Bed]:
    with contextlib.closing(make_bed(tmp_path / "lab")) as made:
        yield made


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A directory on a disk of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
