"""Data are prepared once, known by what they depend on and by what they are."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from novum.dataset import Dataset, prepared
from novum.errors import CampaignError

SCRIPT = """\
import os, pathlib
data, heldout = (pathlib.Path(os.environ[name]) for name in ("NOVUM_DATA", "NOVUM_HELDOUT"))
(data / "train.bin").write_bytes(b"train")
(data / "sub").mkdir()
(data / "sub" / "more").write_text("m")
(heldout / "valid.bin").write_bytes(b"valid")
print("fetched")
"""


@pytest.fixture
def make(bed, tmp_path):
    """Prepare the data of the bed's lab, from its checked-out files."""
    said = []

    def prepare_lab(script=SCRIPT, frozen='["evaluate.py", "prepare.py"]', command="python"):
        text = (bed.path / "lab.toml").read_text()
        if "prepare =" not in text:
            text = text.replace("[judge]", f'prepare = ["{command}", "prepare.py"]\n\n[judge]')
            text = text.replace('["evaluate.py"]', frozen)
        bed.commit("prepare", **{"lab.toml": text, "prepare.py": script})
        home = tmp_path / "home"
        return prepared(bed.lab, bed.repo, bed.repo.head(), bed.path, home, said.append)

    prepare_lab.said = said
    return prepare_lab


def test_a_lab_without_prepare_has_no_data(bed, tmp_path):
    assert prepared(bed.lab, bed.repo, bed.repo.head(), bed.path, tmp_path, print) == Dataset()


def test_trials_and_the_evaluator_get_a_directory_each(make):
    data = make()
    assert (data.data / "train.bin").read_bytes() == b"train"
    assert [path.name for path in data.heldout.iterdir()] == ["valid.bin"]
    assert not data.heldout.is_relative_to(data.data)
    assert make.said == ["preparing data: python prepare.py", "  fetched"]


def test_data_are_prepared_once(make):
    first = make()
    make.said.clear()
    assert make(SCRIPT) == first
    assert make.said == []


def test_another_program_makes_other_data(make):
    first = make()
    second = make(SCRIPT.replace("b'train'", "b'x'").replace('b"train"', 'b"other"'))
    assert second.data != first.data
    assert second.digest != first.digest
    assert (first.data / "train.bin").exists()


def test_another_program_makes_other_data_though_it_is_frozen_only_implicitly(make):
    first = make(frozen='["evaluate.py"]')
    second = make(SCRIPT.replace('b"train"', 'b"other"'))
    assert second.digest != first.digest


def test_the_same_data_have_the_same_digest(make):
    first = make()
    second = make(SCRIPT + "# a comment\n")
    assert (second.data != first.data, second.digest) == (True, first.digest)


@pytest.mark.parametrize(
    "change",
    [
        '(data / "train.bin").rename(data / "renamed")',
        '(data / "train.bin").write_bytes(b"trail")',
        '(data / "train.bin").rename(heldout / "train.bin")',
        '(data / "new").write_text("")',
    ],
)
def test_any_difference_of_the_data_is_in_the_digest(make, change):
    assert make().digest != make(SCRIPT + change).digest


def test_a_prepare_that_fails_shows_its_last_lines_and_leaves_nothing(make):
    with pytest.raises(CampaignError) as caught:
        make(SCRIPT + "for n in range(30): print('line', n)\nraise SystemExit('no network')\n")
    assert "python prepare.py" in str(caught.value)
    assert "line 29\nno network" in str(caught.value)
    assert "line 20" not in str(caught.value)
    assert make(SCRIPT + "# mended\n").digest


def test_what_a_failed_prepare_left_is_not_in_the_next_ones_data(make, tmp_path):
    failing = SCRIPT + f"if not os.path.exists({str(tmp_path / 'ok')!r}): raise SystemExit(1)\n"
    clean = make().digest
    with pytest.raises(CampaignError):
        make(failing + "(data / 'never').touch()\n")
    (tmp_path / "ok").touch()
    assert make(failing).digest == clean


def test_a_prepare_command_that_is_not_there_is_said(make):
    with pytest.raises(CampaignError, match="`no-such` was not found"):
        make(command="no-such")


def test_output_that_is_not_text_does_no_harm(make):
    assert make(SCRIPT + "os.write(1, b'\\xff\\xfe\\n')\n").digest


def test_prepare_has_the_labs_own_python(make):
    make(SCRIPT + "import sys; print(sys.executable)\n")
    assert Path(make.said[-1].strip()).parent == Path(sys.executable).parent


KILLED = """
import sys
from pathlib import Path
from novum.dataset import prepared
from novum.lab import read_lab
from novum.repo import Repo
lab = Path(sys.argv[1])
repo = Repo(lab)
prepared(read_lab(lab), repo, repo.head(), lab, Path(sys.argv[2]), print)
"""


def test_an_interrupted_prepare_is_begun_anew(bed, make, tmp_path):
    flag = tmp_path / "flag"
    hang = f"if not os.path.exists({str(flag)!r}): os.kill(os.getppid(), 9); raise SystemExit(1)\n"
    with pytest.raises(CampaignError):  # writes lab.toml and prepare.py, and is not killed itself
        make(SCRIPT + "raise SystemExit(1)\n")
    bed.commit("hang", **{"prepare.py": SCRIPT.replace("print(", hang + "print(", 1)})
    command = [sys.executable, "-c", KILLED, str(bed.path), str(tmp_path / "home")]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    flag.touch()
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "preparing data" in done.stdout) == (0, True), done.stderr
    finished = [path for path in (tmp_path / "home" / "data").iterdir() if path.suffix == ""]
    assert len(finished) == 1
    assert (finished[0] / "heldout" / "valid.bin").read_bytes() == b"valid"


def test_a_full_disk_while_preparing_is_explained(bed, make, small_disk):
    text = (bed.path / "lab.toml").read_text()
    text = text.replace("[judge]", 'prepare = ["python", "prepare.py"]\n\n[judge]')
    fill = SCRIPT + "\ntry:\n    (data / 'big').write_bytes(b'0' * 4_000_000)\n"
    fill += "except OSError: pass\nopen(data / 'rest', 'ab', 0).write(b'')\n"
    bed.commit("prepare", **{"lab.toml": text, "prepare.py": fill})
    with pytest.raises(CampaignError, match="No space left"):
        prepared(bed.lab, bed.repo, bed.repo.head(), bed.path, small_disk, print)
