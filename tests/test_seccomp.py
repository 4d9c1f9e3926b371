"""The filter of system calls: its numbers are the kernel's, and a confined command meets it."""

import platform
import re
from pathlib import Path

import pytest

from novum.sandbox import Command, Limits, Mount, detect, run
from novum.sandbox.seccomp import MACHINES, filter_program

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
filtered_only = pytest.mark.skipif(not detect().filters, reason="no filter here")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip("no kernel headers here")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    known = {name: int(number) for name, number in found}
    ours = MACHINES[machine]
    assert ours.forbidden == {name: known[name] for name in ours.forbidden if name in known}
    assert (ours.socket, ours.clone, ours.ioctl) == (
        known["socket"],
        known["clone"],
        known["ioctl"],
    )


def test_the_two_processors_forbid_the_same_but_for_what_only_one_has():
    only_x86 = {"modify_ldt", "iopl", "ioperm"}
    names = {machine: set(known.forbidden) for machine, known in MACHINES.items()}
    assert names["x86_64"] - names["aarch64"] == only_x86
    assert not names["aarch64"] - names["x86_64"]


def test_an_unknown_processor_has_no_filter():
    assert filter_program(internet=False, machine="pdp11") == b""


PROBE = """
import ctypes, errno, os, socket, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
def error(*words):
    result = libc.syscall(*words)
    return "allowed" if result >= 0 else errno.errorcode[ctypes.get_errno()]
for name, number in CALLS.items():
    print(name, error(number, 0, 0, 0, 0, 0))
print("clone", error(CLONE, 0x10000000, 0, 0, 0, 0))
for family in ("AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"):
    try:
        socket.socket(getattr(socket, family)).close()
        print(family, "allowed")
    except OSError as problem:
        print(family, errno.errorcode[problem.errno])
thread = threading.Thread(target=lambda: print("threads work"))
thread.start()
thread.join()
print(subprocess.run(["echo", "programs work"], capture_output=True, text=True).stdout.strip())
"""


def probe(tmp_path, **more) -> list[str]:
    machine = MACHINES[platform.machine()]
    calls = f"CALLS, CLONE = {dict(machine.forbidden)!r}, {machine.clone}\n"
    command = Command(
        ("python", "-c", calls + PROBE), tmp_path, Limits(20), (Mount(tmp_path, "/lab"),), **more
    )
    process = run(command, detect())
    assert process.status == 0, process.output.bytes().decode()
    return process.output.bytes().decode().splitlines()


@filtered_only
def test_a_trial_opens_none_of_these_doors(tmp_path):
    told = dict(line.split(maxsplit=1) for line in probe(tmp_path))
    assert (told.pop("threads"), told.pop("programs")) == ("work", "work")
    assert told.pop("AF_UNIX") == "allowed"
    assert {told.pop(name) for name in list(told) if name.startswith("AF_")} == {"EAFNOSUPPORT"}
    assert told.pop("clone3") == "ENOSYS"
    assert set(told.values()) == {"EPERM"}, told


@filtered_only
def test_a_command_that_may_have_a_network_can_make_its_sockets(tmp_path):
    told = dict(line.split(maxsplit=1) for line in probe(tmp_path, internet_sockets=True))
    assert told["AF_INET"] == "allowed" and told["ptrace"] == "EPERM"
