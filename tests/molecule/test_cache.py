"""No answer is paid for twice, whoever asks, and whatever happens to who asked before."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from hypothesis import given, settings
from hypothesis import strategies as st
from own_oracles import MOLECULES, Broken, Counting, Shifted

from novum.errors import CacheError, NovumError
from novum.molecule.cache import Cache, Remembered, digest
from novum.molecule.scores import Score, Status

VALUES = (
    st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)
SETTINGS = st.dictionaries(st.text(), VALUES, max_size=6)


@pytest.fixture
def cache(tmp_path):
    cache = Cache(tmp_path / "oracles.db")
    yield cache
    cache.close()


class Answering(Counting):
    """Gives what it was given."""

    def __init__(self, **answers):
        super().__init__()
        self.answers = answers

    def one(self, smiles):
        return replace(self.answers["score"], smiles=smiles)


def python(code, *arguments):
    here = str(Path(__file__).parent)
    path = os.pathsep.join([here, *(entry for entry in sys.path if entry)])
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_is_known_is_not_asked_again(cache):
    oracle = Counting()
    first = Remembered(oracle, cache).score(MOLECULES)
    again = Remembered(oracle, cache)
    assert again.score(list(reversed(MOLECULES))) == list(reversed(first))
    assert oracle.calls == MOLECULES
    assert (again.found, again.asked) == (10, 0)


def test_a_molecule_is_known_however_it_is_written(cache):
    oracle = Counting()
    answers = Remembered(oracle, cache).score(["OCC", "CCO", "C(O)C", "CCO", " CCO "])
    assert oracle.calls == ["CCO"]
    assert [answer.smiles for answer in answers] == ["CCO"] * 5
    assert len(cache) == 1


def test_all_of_an_answer_is_remembered(cache):
    told = Score("CC", -7.25, numbers={"qed": 0.5, "runs": 3.0}, pose="pose µ\n" * 500, seconds=1.5)
    Remembered(Answering(score=told), cache).score(["CC"])
    assert Remembered(Answering(), cache).score(["CC"]) == [told]


def test_a_failure_is_remembered_with_its_reason(cache):
    failure = Score.without("CC", Status.FAILED, "it falls apart")
    Remembered(Answering(score=failure), cache).score(["CC"])
    assert Remembered(Answering(), cache).score(["CC"]) == [failure]


@pytest.mark.parametrize("status", [status for status in Status if not status.lasting])
def test_what_may_change_is_asked_again(cache, status):
    Remembered(Answering(score=Score.without("C", status, "later")), cache).score(["C"])
    assert len(cache) == 0
    assert Remembered(Answering(score=Score("C", 1.0)), cache).score(["C"])[0].value == 1.0


def test_the_first_answer_stays(cache):
    cache.keep(Counting(), [("C", Score("C", 1.0))])
    cache.keep(Counting(), [("C", Score("C", 2.0))])
    assert cache.answers(Counting(), ["C"])["C"].value == 1.0


def test_a_dear_answer_is_on_the_disk_when_it_is_kept_and_a_cheap_one_costs_no_sync(cache):
    levels = []
    for smiles, seconds in (("C", 0.001), ("CC", 30.0), ("CCC", 0.001)):
        cache.keep(Counting(), [(smiles, Score(smiles, 1.0, seconds=seconds))])
        with cache._file.reading() as db:
            levels.append(db.execute("PRAGMA synchronous").fetchone()[0])
    assert levels == [1, 2, 1]  # NORMAL, FULL


def test_where_settings_change_by_themselves_an_answer_counts_for_its_own_only(cache):
    class Growing(Counting):
        """Like plates: each import changes its settings, and maybe its answers."""

        imports = 0

        @property
        def settings(self):
            return {"imports": self.imports}

        @settings.setter
        def settings(self, _):
            pass

        def one(self, smiles):
            self.imports += 1  # a file comes in while it is asked
            return Score(smiles, float(self.imports))

    oracle = Growing()
    assert Remembered(oracle, cache).score(["C"])[0].value == 1.0
    assert Remembered(oracle, cache).score(["C"])[0].value == 2.0, "nothing was kept as of after"


def test_another_setting_or_version_is_another_question(cache):
    Remembered(Counting({"seed": 1}), cache).score(["C"])
    for other in (Counting({"seed": 2}), Counting({"seed": 1, "box": 3})):
        Remembered(other, cache).score(["C"])
        assert other.calls == ["C"]
    newer = Counting({"seed": 1})
    newer.version = "2"
    Remembered(newer, cache).score(["C"])
    assert newer.calls == ["C"]


@given(SETTINGS, st.randoms())
def test_the_order_of_settings_does_not_matter(table, random):
    items = list(table.items())
    random.shuffle(items)
    assert digest("o", "1", dict(items)) == digest("o", "1", table)


@given(SETTINGS.filter(bool), VALUES, st.data())
def test_any_change_of_a_setting_changes_the_key(table, value, data):
    key = data.draw(st.sampled_from(sorted(table)))
    same = type(table[key]) is type(value) and repr(table[key]) == repr(value)
    changed = {**table, key: value}
    assert (digest("o", "1", changed) == digest("o", "1", table)) is same
    assert digest("o", "1", {k: v for k, v in table.items() if k != key}) != digest("o", "1", table)


@given(st.text(), st.text(), st.text(), st.text())
def test_name_and_version_do_not_run_together(name, version, other, another):
    same = (name, version) == (other, another)
    assert (digest(name, version, {}) == digest(other, another, {})) is same


def test_a_setting_that_is_not_finite_is_none():
    with pytest.raises(ValueError):
        digest("o", "1", {"box": float("nan")})


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_asked_for_once_and_never_taken_for_a_molecule(text):
    class Refusing(Counting):
        def one(self, smiles):
            return Score.without(smiles, Status.UNREADABLE, "no")

    cache = Cache(":memory:")
    for _ in range(2):
        answer = Remembered(Refusing(), cache).score([text, "CCO"])
        assert answer[1].smiles == "CCO"
    cache.close()


def test_an_oracle_that_breaks_its_contract_is_told_of(cache):
    with pytest.raises(NovumError, match="9 answers for 10"):
        Remembered(Broken(), cache).score(MOLECULES)
    with pytest.raises(NovumError, match="asked for C, and answered CC"):
        Remembered(Shifted(), cache).score(MOLECULES)
    assert len(cache) == 0


WRITING = """
import sys
from pathlib import Path
from own_oracles import Counting
from novum.molecule.cache import Cache, Remembered
start = int(sys.argv[2])
oracle = Remembered(Counting(), Cache(Path(sys.argv[1])))
for size in range(start, start + 150):
    assert oracle.score(["C" * (size % 90 + 1)])[0].value == size % 90 + 1
print(len(oracle.oracle.calls))
"""


def test_several_processes_may_write_at_once(tmp_path):
    path = tmp_path / "oracles.db"
    running = [python(WRITING, path, start) for start in (0, 40, 80)]
    done = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("SELECT count(*) FROM question").fetchone()[0] == 1
    db.close()
    cache = Cache(path)
    assert len(cache) == 90
    cache.close()
    assert sum(map(int, done)) >= 90


KILLED = """
import sys
from pathlib import Path
from own_oracles import Noting
from novum.molecule.cache import Cache, Remembered
class Slow(Noting):
    def score_each(self, molecules):
        yield from super().score_each(molecules)
oracle = Remembered(Slow(Path(sys.argv[2])), Cache(Path(sys.argv[1])))
for position, score in oracle.score_each(["C" * size for size in range(1, 90)]):
    print(score.smiles, flush=True)
"""


def test_what_was_answered_survives_a_kill(tmp_path):
    path, noted = tmp_path / "oracles.db", tmp_path / "asked.txt"
    process = python(KILLED, path, noted)
    told = [process.stdout.readline().strip() for _ in range(8)]
    process.send_signal(signal.SIGKILL)
    told += [
        line.strip() for line in process.stdout.read().splitlines(keepends=True) if line[-1] == "\n"
    ]
    process.wait()
    process.stdout.close()
    oracle = Counting()
    cache = Cache(path)
    Remembered(oracle, cache).score(["C" * size for size in range(1, 90)])
    assert not set(told) & set(oracle.calls)
    asked = noted.read_text().split()
    assert len(set(asked) & set(oracle.calls)) <= 1, "only what was under way is asked again"
    cache.close()


def test_a_file_of_something_else_is_not_touched(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE people (name)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(CacheError, match="something else; name another file"):
        Cache(path)
    assert path.read_bytes() == before
    path.write_text("number,smiles\n1,CC\n" * 100)
    with pytest.raises(CacheError, match=r"other\.db is damaged .* move it away"):
        Cache(path)


def test_a_newer_file_is_not_touched(tmp_path, cache):
    with sqlite3.connect(cache.path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(CacheError, match="newer Novum; upgrade"):
        Cache(cache.path)


def test_a_damaged_answer_is_never_believed_nor_missed(tmp_path):
    path = tmp_path / "oracles.db"
    cache = Cache(path)
    Remembered(Counting(), cache).score(MOLECULES)
    cache.close()
    with sqlite3.connect(path) as db:  # a flipped bit that SQLite does not see
        db.execute("UPDATE answer SET value = value + 1 WHERE molecule = 'CCO'")
    db.close()
    cache = Cache(path)
    assert Remembered(Counting(), cache).score(["C"])[0].value == 1.0
    with pytest.raises(CacheError, match="CCO is not what was written"):
        Remembered(Counting(), cache).score(["CCO"])
    cache.close()


@pytest.mark.parametrize("where", [20, 4096, 9000])
def test_a_file_with_rubbish_in_it_is_an_error(tmp_path, where):
    path = tmp_path / "oracles.db"
    cache = Cache(path)
    Remembered(Counting(), cache).score(["C" * size for size in range(1, 90)])
    cache.close()
    content = bytearray(path.read_bytes())
    content[where : where + 3000] = b"\xa5" * 3000
    path.write_bytes(bytes(content[: len(content) - 1000]))
    with pytest.raises(CacheError, match=r"move it away|cannot be used"):
        opened = Cache(path)
        try:
            Remembered(Counting(), opened).score(["C" * size for size in range(1, 90)])
        finally:
            opened.close()


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path):
    with pytest.raises(CacheError, match="unable to open"):
        Cache(tmp_path / "nowhere" / "oracles.db")
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:  # tmp_path cannot be seen by others
        path = Path(name) / "oracles.db"
        Cache(path).close()
        path.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            if is_root:  # who may write everywhere
                os.seteuid(65534)
            with pytest.raises(CacheError, match="writable, or name another file"):
                Cache(path)
        finally:
            if is_root:
                os.seteuid(0)
            path.parent.chmod(0o755)


def test_a_cache_waits_for_one_that_is_writing(tmp_path):
    path = tmp_path / "oracles.db"
    Cache(path).close()
    code = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(0.5)
db.execute("COMMIT")
"""
    process = python(code, path)
    assert process.stdout.readline() == "locked\n"
    cache = Cache(path)
    assert Remembered(Counting(), cache).score(["C"])[0].value == 1.0
    cache.close()
    process.communicate()
