"""The commands of a trial: the candidate's program, the lab's service beside it, the evaluator.

The candidate sees its own files, and nothing of Novum. The lab's own frozen programs see the files
of the start, what the candidate left, what they remember from trial to trial, and Novum's package.
"""

from collections.abc import Mapping
from pathlib import Path

from novum.runners import Order
from novum.sandbox import Command, Limits, Mount

_PACKAGE = Path(__file__).resolve().parents[1]
_SERVICE, _RECORD = "service", "record"  # directories of a trial's scratch


def training_command(order: Order, artifacts: Path) -> Command:
    """The candidate's program."""
    progress = order.scratch / "progress.jsonl"
    mounts: tuple[Mount, ...] = (
        Mount(order.tree, "/lab", writable=True),
        Mount(artifacts, "/novum/artifacts", writable=True),
        Mount(progress, "/novum/progress.jsonl", writable=True),
        *_data_mounts(order),
    )
    own: dict[str, str | Path] = {"NOVUM_PROGRESS": progress, "NOVUM_ARTIFACTS": artifacts}
    if order.lab.trial.service:
        mounts += (Mount(order.scratch / _SERVICE, "/novum/service"),)
        own["NOVUM_SERVICE"] = socket_of(order)
    return Command(
        order.lab.trial.run,
        order.tree,
        _limits(order, order.lab.timeout(order.seconds)),
        mounts,
        _environment(order, own),
        order.lab.sandbox.readable,
        order.lab.sandbox.gpu,
        hidden=(str(_PACKAGE),),
    )


def service_command(order: Order, argv: tuple[str, ...], seconds: float) -> Command:
    """The lab's program that answers the candidate; it may run for so many seconds.

    Makes the directories of its socket and its record.
    """
    for name in (_SERVICE, _RECORD):
        (order.scratch / name).mkdir()
    mounts = (
        Mount(order.scratch / _SERVICE, "/novum/service", writable=True),
        Mount(order.scratch / _RECORD, "/novum/record", writable=True),
    )
    own: dict[str, str | Path] = {
        "NOVUM_SERVICE": socket_of(order),
        "NOVUM_RECORD": order.scratch / _RECORD,
    }
    return _frozen_command(order, argv, seconds, mounts, own)


def evaluation_command(
    order: Order, argv: tuple[str, ...], artifacts: Path, private: Path
) -> Command:
    """The lab's program that measures what the candidate left; `private` is for its result."""
    mounts: tuple[Mount, ...] = (
        Mount(artifacts, "/novum/artifacts"),
        Mount(private, "/novum/result", writable=True),
    )
    own: dict[str, str | Path] = {
        "NOVUM_ARTIFACTS": artifacts,
        "NOVUM_RESULT": private / "result.json",
    }
    if order.control is not None:
        mounts += (Mount(order.control, "/novum/control"),)
        own["NOVUM_CONTROL"] = order.control
    if order.lab.trial.service:
        mounts += (Mount(order.scratch / _RECORD, "/novum/record"),)
        own["NOVUM_RECORD"] = order.scratch / _RECORD
    return _frozen_command(order, argv, order.lab.budget.evaluation, mounts, own)


def socket_of(order: Order) -> Path:
    """Where a service listens, and the candidate asks."""
    return order.scratch / _SERVICE / "socket"


def _frozen_command(
    order: Order,
    argv: tuple[str, ...],
    seconds: float,
    mounts: tuple[Mount, ...],
    own: Mapping[str, str | Path],
) -> Command:
    """A program of the lab's own, from its pristine files."""
    sandbox = order.lab.sandbox
    mounts += (
        Mount(order.pristine, "/lab"),
        Mount(_PACKAGE.parent, "/novum/python"),
        *_data_mounts(order),
    )
    environment: dict[str, str | Path] = {
        "PYTHONPATH": _PACKAGE.parent,
        "NOVUM_RUN": str(order.run),
        **own,
    }
    if order.heldout is not None:
        mounts += (Mount(order.heldout, "/novum/heldout"),)
        environment["NOVUM_HELDOUT"] = order.heldout
    if order.cache is not None:
        mounts += (Mount(order.cache, "/novum/cache", writable=True),)
        environment["NOVUM_CACHE"] = order.cache
    return Command(
        argv,
        order.pristine,
        _limits(order, seconds),
        mounts,
        _environment(order, {**environment, "NOVUM_SPLIT": order.split}),
        sandbox.readable,
        sandbox.gpu,
        network=sandbox.evaluator_network,
        passed=sandbox.evaluator_variables,
    )


def _limits(order: Order, seconds: float) -> Limits:
    budget = order.lab.budget
    return Limits(seconds, budget.memory_mb, budget.disk_mb, budget.log_mb, budget.processes)


def _environment(order: Order, own: Mapping[str, str | Path]) -> dict[str, str | Path]:
    return {
        **order.lab.trial.environment,
        **{_variable(name): str(value) for name, value in order.lab.dial.items()},
        "NOVUM_SEED": str(order.seed),
        "NOVUM_SECONDS": f"{order.seconds:.10g}",
        "NOVUM_CLOCK": order.lab.budget.clock,
        **({"NOVUM_DATA": order.data} if order.data is not None else {}),
        **own,
    }


def _variable(name: str) -> str:
    return "NOVUM_" + name.upper().replace("-", "_").replace(".", "_")


def _data_mounts(order: Order) -> tuple[Mount, ...]:
    return () if order.data is None else (Mount(order.data, "/novum/data"),)
