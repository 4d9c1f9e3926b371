"""What visitors saw and did is remembered once, in order, whoever asks and whatever dies."""

import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.errors import SiteError
from novum.site.clock import Clock
from novum.site.records import (
    Arm,
    Conversion,
    Copy,
    Count,
    Counts,
    Exposure,
    LeftOut,
    Shown,
    Signal,
    State,
)
from novum.site.store import Store

OLD, NEW, OTHER = (
    Copy("Old"),
    Copy(
        "New",
        "sub",
        "Go",
        ("One.", "Two – «2»."),
    ),
    Copy("Other"),
)
HOUR = 3600.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "site.db"


@pytest.fixture
def store(path):
    store = Store(path)
    for copy in (OLD, NEW, OTHER):
        store.put_variant(copy)
    store.begin(OLD.digest, "me")
    yield store
    store.close()


@pytest.fixture
def experiment(store):
    return store.open_experiment(NEW.digest, OLD.digest)


def saw(experiment, *numbers, time=0.0):
    """Exposures: even numbers see the candidate."""
    arms = {0: (Arm.CANDIDATE, experiment.candidate), 1: (Arm.CONTROL, experiment.control)}
    return [Exposure(f"v{n}", experiment.id, *arms[n % 2], time) for n in numbers]


def did(experiment, *numbers, time=1.0):
    return [Conversion(f"v{n}", experiment.id, time) for n in numbers]


def test_a_copy_comes_back_as_it_was_and_has_one_name(store):
    assert store.variant(store.put_variant(NEW)) == NEW
    assert store.put_variant(NEW) == NEW.digest != OLD.digest
    assert len({OLD.digest, Copy("Old", "x").digest, Copy("Oldx").digest}) == 3
    with pytest.raises(SiteError, match="knows no copy"):
        store.variant("0" * 32)


def test_the_first_copy_stays_the_first_and_the_last_promoted_is_shown(store):
    assert store.incumbent() == store.first() == OLD.digest
    store.promote(NEW.digest, "judge")
    assert (store.incumbent(), store.first()) == (NEW.digest, OLD.digest)
    assert store.begin(OTHER.digest, "me") == NEW.digest
    store.promote(OLD.digest, "rollback")
    assert store.incumbent() == OLD.digest


def test_a_site_without_a_copy_says_how_it_gets_one(path):
    with pytest.raises(SiteError, match="novum serve"):
        Store(path).incumbent()


def test_the_same_pair_is_the_same_experiment(store, experiment):
    assert store.open_experiment(NEW.digest, OLD.digest) == experiment
    assert store.running() == (experiment,)
    assert (experiment.state, experiment.weight) == (State.RUNNING, 0.5)
    assert store.open_experiment(NEW.digest, OLD.digest, claim=True).id != experiment.id
    assert store.open_experiment(NEW.digest, None).id > 2


def test_one_experiment_is_shown_at_a_time(store, experiment):
    other = store.open_experiment(OTHER.digest, OLD.digest)
    assert store.running() == (other,)
    assert store.experiment(experiment.id).state is State.DONE
    assert store.open_experiment(NEW.digest, OLD.digest).state is State.RUNNING
    assert store.experiment(other.id).state is State.DONE


@pytest.mark.parametrize("state", [State.ROLLED_BACK, State.STOPPED, State.PAUSED])
def test_what_was_taken_away_does_not_come_back_by_itself(store, experiment, state):
    store.set_state(experiment.id, state, "no", "person")
    assert store.running() == ()
    assert store.open_experiment(NEW.digest, OLD.digest).state is state


def test_where_approval_is_wanted_nothing_is_shown_before(store):
    waiting = store.open_experiment(NEW.digest, OLD.digest, approval=True)
    assert (waiting.state, store.running()) == (State.WAITING, ())
    assert store.open_experiment(NEW.digest, OLD.digest, approval=True).state is State.WAITING
    store.set_state(waiting.id, State.RUNNING, "good", "person")
    assert store.running()[0].id == waiting.id


def test_events_that_are_told_twice_count_once(store, experiment):
    events = [*saw(experiment, 0, 1, 2), *did(experiment, 0, 1)]
    store.record(events)
    store.record(events)
    store.record([*saw(experiment, 0, time=5.0), *did(experiment, 0, time=9.0)])
    batch = store.batch(experiment.id, "one", 100)
    assert store.counts(batch, HOUR) == Counts(Count(2, 1), Count(1, 1))


def test_a_visitor_stays_in_the_arm_that_was_seen_first(store, experiment):
    store.record(saw(experiment, 0))
    store.record([Exposure("v0", experiment.id, Arm.CONTROL, OLD.digest, 3.0)])
    assert store.counts(store.batch(experiment.id, "b", 9), HOUR).control == Count()


def test_conversions_count_inside_the_window_and_with_their_exposure_only(store, experiment):
    store.record(saw(experiment, 0, 2, 4, 6, time=1000.0))
    store.record(did(experiment, 0, time=1000.0 + HOUR))
    store.record(did(experiment, 2, time=1000.0 + HOUR + 1))
    store.record(did(experiment, 4, time=999.0))  # a message that came first
    store.record(did(experiment, 6, time=100.0))  # long before the page was seen
    store.record(did(experiment, 8, time=1000.0))  # who never saw it
    batch = store.batch(experiment.id, "b", 9)
    assert store.counts(batch, HOUR).candidate == Count(4, 2)
    assert store.counts(batch, 2 * HOUR).candidate == Count(4, 3)


def test_batches_follow_the_order_of_first_exposure_even_when_the_clock_jumps(store, experiment):
    store.record(saw(experiment, 0, 1, 2, time=9e9))
    store.record(saw(experiment, 3, 4, 5, time=1.0))
    first = store.batch(experiment.id, "run-1", 4)
    second = store.batch(experiment.id, "run-2", 4)
    assert (first.seen, first.is_full, first.last) == (4, True, 9e9)
    assert (second.seen, second.is_full) == (2, False)
    store.record([*saw(experiment, 6, 7, 8), *did(experiment, 0, 6)])
    assert store.batch(experiment.id, "run-1", 4) == first
    second = store.batch(experiment.id, "run-2", 4)
    assert (second.seen, second.is_full) == (4, True)
    assert store.counts(first, HOUR * 1e9) == Counts(Count(2, 0), Count(2, 0))
    assert store.counts(second, HOUR) == Counts(Count(2, 1), Count(2, 0))


def test_a_batch_that_was_given_up_stays_as_it_was(store, experiment):
    store.record(saw(experiment, 0, 1))
    given_up = store.batch(experiment.id, "run-1", 100)
    store.batch(experiment.id, "run-2", 2)
    store.record(saw(experiment, 2, 3, 4))
    assert store.batch(experiment.id, "run-1", 100).seen == given_up.seen == 2
    assert store.batch(experiment.id, "run-2", 2).seen == 2


def test_an_empty_batch_is_no_error(store, experiment):
    batch = store.batch(experiment.id, "b", 5)
    assert (batch.seen, batch.last, batch.until) == (0, None, None)
    assert store.counts(batch, HOUR) == Counts(Count(), Count())
    assert store.values(batch, "bounce") == []


def test_the_holdout_group_is_the_control_of_a_claim(store):
    claim = store.open_experiment(NEW.digest, OLD.digest, claim=True)
    assert claim.beside is Arm.HOLDOUT
    store.record([Exposure("a", claim.id, Arm.HOLDOUT, OLD.digest, 0.0), *saw(claim, 0, 2)])
    store.record([Conversion("a", claim.id, 2.0)])
    counts = store.counts(store.batch(claim.id, "b", 9), HOUR)
    assert counts == Counts(Count(2, 0), Count(1, 1))


def test_of_each_visitor_the_first_signal_of_a_kind_is_told(store, experiment):
    store.record(saw(experiment, 2, 0, 1, 3))
    for number, value in ((0, 5.0), (1, 7.0), (2, 4.0), (2, 99.0), (8, 1.0)):
        store.record([Signal(f"v{number}", experiment.id, "interaction_ms", value, 1.0)])
    store.record([Signal("v0", experiment.id, "bounce", 1.0, 1.0)])
    batch = store.batch(experiment.id, "b", 9)
    found = store.values(batch, "interaction_ms")
    assert found == [(True, 4.0), (True, 5.0), (False, 7.0), (False, None)]
    assert [value for _, value in store.values(batch, "bounce")] == [None, 1.0, None, None]


def test_traffic_counts_each_visitor_once(store, experiment):
    store.record(saw(experiment, 0, 1, time=10.0))
    store.record([Exposure("v0", 0, Arm.OUTSIDE, OLD.digest, 12.0), *did(experiment, 0, time=11)])
    store.record([Exposure("late", 0, Arm.HOLDOUT, OLD.digest, 20.0)])
    traffic = store.traffic(0.0, 20.0)
    assert (traffic.visitors, traffic.conversions) == (2, 1)
    assert traffic.shown[0] == Shown(NEW.digest, Arm.CANDIDATE, 1, 1)
    assert len(traffic.shown) == 3


def test_what_is_left_out_is_added_up_by_its_reason(store):
    store.record([LeftOut("bot", 1.0), LeftOut("bot", 1.0), LeftOut("prefetch", 1.0)])
    store.record([LeftOut("bot", 2.0)])
    assert store.left_out() == {"bot": 3, "prefetch": 1}


def test_what_is_older_than_the_retention_is_gone(store, experiment):
    store.record([*saw(experiment, 0, 1, time=1.0), *did(experiment, 0, time=1.0)])
    store.record(saw(experiment, 2, time=100.0))
    assert store.forget(50.0) == 2
    assert store.batch(experiment.id, "b", 9).seen == 1
    assert store.traffic(0.0, 200.0).visitors == 1


def test_the_audit_log_tells_who_did_what_and_cannot_be_changed(path, store, experiment):
    store.set_weight(experiment.id, 0.25, "person")
    store.set_state(experiment.id, State.ROLLED_BACK, "ugly", "person")
    told = [(entry.who, entry.what, entry.experiment) for entry in store.audit()]
    assert told == [
        ("me", "promoted", None),
        ("campaign", "opened", experiment.id),
        ("campaign", "running", experiment.id),
        ("person", "weight", experiment.id),
        ("person", "rolled_back", experiment.id),
    ]
    assert store.audit()[-1].detail == {"reason": "ugly"}
    with sqlite3.connect(path) as other:
        for statement in ("DELETE FROM audit", "UPDATE audit SET who='nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                other.execute(statement)
    other.close()


def test_a_weight_is_a_share(store, experiment):
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(SiteError, match="from 0 to 1"):
            store.set_weight(experiment.id, weight, "me")
    assert store.experiment(experiment.id).weight == 0.5


def test_the_clock_is_remembered(path, store):
    assert abs(store.clock.now() - time.time()) < 5
    store.set_clock(Clock(start=1000.0, origin=time.time(), speed=3600.0))
    other = Store(path)
    assert other.clock == store.clock
    assert 1000.0 <= other.clock.now() < 1000.0 + 60 * 3600
    other.close()


def test_a_server_says_that_it_serves(store):
    assert store.served() is None
    store.beat()
    assert abs(store.served() - time.time()) < 5


def test_a_file_of_something_else_or_of_a_newer_novum_is_not_touched(tmp_path):
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    with pytest.raises(SiteError, match="something else"):
        Store(foreign)
    newer = tmp_path / "newer.db"
    Store(newer).close()
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(SiteError, match="newer Novum"):
        Store(newer)
    noise = tmp_path / "noise.db"
    noise.write_bytes(b"no database at all" * 100)
    with pytest.raises(SiteError, match="damaged"):
        Store(noise)
    with pytest.raises(SiteError, match="cannot be used"):
        Store(tmp_path / "no-such-directory" / "site.db")


WRITER = """
import sys
from pathlib import Path
from novum.site.records import Arm, Conversion, Exposure
from novum.site.store import Store
store, name = Store(Path(sys.argv[1])), sys.argv[2]
for n in range(int(sys.argv[3])):
    visitor = f"{name}-{n}"
    store.record([Exposure(visitor, 0, Arm.OUTSIDE, "x", 1.0), Conversion(visitor, 0, 1.0)])
    print(n, flush=True)
"""


def writer(path, name, count):
    words = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_at_once_from_the_very_start(path):
    writers = [writer(path, name, 40) for name in "abc"]
    assert [process.communicate()[0].count("\n") for process in writers] == [40] * 3
    store = Store(path)
    assert store.traffic(0.0, 9.0).conversions == 120
    store.close()


def test_what_was_written_stays_when_the_writer_is_killed(path):
    process = writer(path, "a", 10**6)
    told = [process.stdout.readline() for _ in range(30)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    store = Store(path)
    traffic = store.traffic(0.0, 9.0)
    assert traffic.visitors == traffic.conversions
    assert len(told) <= traffic.visitors <= len(told) + 1
    store.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 7))
def test_batches_part_the_visitors_of_an_experiment(tmp_path_factory, arrivals, size):
    store = Store(tmp_path_factory.mktemp("batches") / "site.db")
    store.put_variant(NEW)
    store.put_variant(OLD)
    experiment = store.open_experiment(NEW.digest, OLD.digest)
    store.record(saw(experiment, *arrivals))
    batches = [store.batch(experiment.id, str(n), size) for n in range(len(arrivals) // size + 1)]
    assert sum(batch.seen for batch in batches) == len(set(arrivals))
    assert all(batch.seen <= size for batch in batches)
    store.close()
