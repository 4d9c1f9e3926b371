"""Every test here plays on a stage of its own; with `walls` it plays with and without a sandbox."""

import os

import pytest
from agent_stage import Stage

from novum.sandbox import detect


@pytest.fixture
def stage(bed, tmp_path, monkeypatch) -> Stage:
    home = tmp_path / "person"
    home.mkdir()
    place = tmp_path / "programs"
    (place / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)
    return Stage(bed, place, home)


@pytest.fixture(params=["confined", "bare"])
def walls(request, bed) -> str:
    """With bubblewrap, and without."""
    if request.param == "bare":
        text = (bed.path / "lab.toml").read_text()
        bed.toml(text + '\n[sandbox]\nmode = "none"\n')
    elif detect().tool == "none":
        pytest.skip("no bubblewrap here")
    return request.param


@pytest.fixture
def confined(bed) -> None:
    if detect().tool == "none":
        pytest.skip("no bubblewrap here")
