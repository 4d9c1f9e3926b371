"""Facts about the machine that a campaign runs on: scores mean something on equal machines only."""

import os
import platform
import sys
from functools import cache
from pathlib import Path

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


@cache
def facts() -> dict[str, str]:
    """Host, processor, number of processors, system, and versions."""
    from importlib.metadata import version  # noqa: PLC0415  9 ms, and rarely needed

    return {
        "host": platform.node(),
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "novum": version("novum"),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
