"""The commands of a trial: the candidate's program, the lab's service beside it, the evaluator.

The candidate sees its own files, and nothing of Novum. The lab's own frozen programs see the files
of the start, what the candidate left, what they remember from trial to trial, and Novum's package.
"""

from collections.abc import Mapping
from pathlib import Path

from novum.runners import Order
from novum.sandbox import Command, Limits, Mount
from novum.sandbox.command import Value

_PACKAGE = Path(__file__).resolve().parents[1]
_ISOLATED = ("-P", "-s")
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
    own: dict[str, Value] = {"NOVUM_PROGRESS": progress, "NOVUM_ARTIFACTS": artifacts}
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
        hidden=(str(_PACKAGE), *map(str, order.hidden)),
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
    own: dict[str, Value] = {
        "NOVUM_SERVICE": socket_of(order),
        "NOVUM_RECORD": order.scratch / _RECORD,
    }
    return _frozen_command(order, argv, seconds, mounts, own)


def evaluation_command(
    order: Order, argv: tuple[str, ...], artifacts: Path, result: int
) -> Command:
    """The lab's program that measures what the candidate left, and writes to the descriptor."""
    mounts: tuple[Mount, ...] = (Mount(artifacts, "/novum/artifacts"),)
    own: dict[str, Value] = {
        "NOVUM_ARTIFACTS": artifacts,
        "NOVUM_RESULT": f"/dev/fd/{result}",
    }
    if order.control is not None:
        mounts += (Mount(order.control, "/novum/control"),)
        own["NOVUM_CONTROL"] = order.control
    if order.lab.trial.service:
        mounts += (Mount(order.scratch / _RECORD, "/novum/record"),)
        own["NOVUM_RECORD"] = order.scratch / _RECORD
    seconds = order.lab.budget.evaluation
    return _frozen_command(order, argv, seconds, mounts, own, (result,))


def socket_of(order: Order) -> Path:
    """Where a service listens, and the candidate asks."""
    return order.scratch / _SERVICE / "socket"


def _frozen_command(
    order: Order,
    argv: tuple[str, ...],
    seconds: float,
    mounts: tuple[Mount, ...],
    own: Mapping[str, Value],
    descriptors: tuple[int, ...] = (),
) -> Command:
    """A program of the lab's own, from its pristine files, which imports from them alone."""
    sandbox = order.lab.sandbox
    mounts += (
        Mount(order.pristine, "/lab"),
        Mount(_PACKAGE.parent, "/novum/python"),
        *_data_mounts(order),
    )
    argv, directory = _isolated(order, argv)
    environment: dict[str, Value] = {
        "PYTHONPATH": (directory, _PACKAGE.parent),
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
        descriptors=descriptors,
    )


def _isolated(order: Order, argv: tuple[str, ...]) -> tuple[tuple[str, ...], str | Path]:
    """The command, with Python's path isolated, and the directory where it looks first.

    `-I` would leave out the lab's own modules and the package. So two parts of it are asked for:
    neither the script's nor the working directory comes first by itself (`-P`), nor is there
    one of the user's (`-s`). The third would ignore the environment, which is all made by us.
    """
    first, *rest = argv
    if first != "python":
        return argv, order.pristine
    return (first, *_ISOLATED, *rest), _directory_of(_script(rest), order.pristine)


def _script(words: list[str]) -> str:
    """The file among the words that Python is called with; empty if there is none."""
    remaining = iter(words)
    for word in remaining:
        if not word.startswith("-"):
            return word
        if word.startswith(("-m", "-c")):
            return ""
        if word in {"-X", "-W"}:
            next(remaining, "")
    return ""


def _directory_of(script: str, pristine: Path) -> str | Path:
    """Where Python would look for a script's modules: beside the file that it really is."""
    real, top = (pristine / script).resolve(), pristine.resolve()
    if not script or real == top:
        return pristine
    if real.is_relative_to(top):
        return pristine / real.relative_to(top).parent
    return str(real.parent)


def _limits(order: Order, seconds: float) -> Limits:
    budget = order.lab.budget
    return Limits(seconds, budget.memory_mb, budget.disk_mb, budget.log_mb, budget.processes)


def _environment(order: Order, own: Mapping[str, Value]) -> dict[str, Value]:
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
