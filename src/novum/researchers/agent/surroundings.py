"""What an agent finds around it: its tree, a private home, a way to its provider, nothing else.

With bubblewrap that is all there is: the system is read-only, there is no network, and a relay
inside takes what the agent sends to our proxy outside, which knows the allowed hosts. Elsewhere
the agent has a clean environment and an end that is ours, but sees what the person sees.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from novum.lab import Lab
from novum.researchers.agent import relay
from novum.researchers.agent.home import Home
from novum.researchers.agent.installation import Installation
from novum.researchers.agent.presets import Preset
from novum.researchers.agent.proxy import Hosts, Proxy, host_of, upstream_proxy
from novum.sandbox import Command, Confinement, Limits, Mount, search_path

TREE, HOME = "/lab", "/home/novum"
_PACKAGE = str(Path(relay.__file__).resolve().parents[2])
_RELAY, _SOCKET = "/novum/relay.py", "/novum/proxy.sock"
_PORT = 3128
DISK_MB, _LOG_MB = 4000, 8
# Where a network has certificates of its own, nothing else says which.
_CERTIFICATES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PASSED = ("LANG", "LC_ALL", "TZ", *_CERTIFICATES)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of one agent in one lab; `directory` is private to it, and it never sees what is `hidden`."""

    lab: Lab
    preset: Preset
    program: Installation
    confinement: Confinement
    directory: Path
    hidden: tuple[Path, ...]

    @property
    def confined(self) -> bool:
        """Whether the agent is held by a sandbox."""
        return self.confinement.tool == "bubblewrap"

    @property
    def allowed(self) -> frozenset[str]:
        """The kinds of action that are granted, beyond reading and editing."""
        told = self.lab.agent.allow
        if told is None:
            return frozenset({"execute"} if self.confined else ())
        return frozenset(told)

    @property
    def tree(self) -> Path:
        """The agent's tree, as we see it."""
        return self.directory / "tree"

    @property
    def home(self) -> Home:
        """The agent's private home."""
        return Home(self.directory, Path.home())

    def seen(self, path: Path) -> str:
        """A path below the tree as the agent sees it."""
        return str(Path(TREE) / path.relative_to(self.tree)) if self.confined else str(path)

    @property
    def hosts(self) -> Hosts:
        """What may be reached: the provider, and what the lab and the person's variables name."""
        named = [host_of(os.environ.get(name, "")) for name in self.preset.addresses]
        return Hosts([*self.preset.hosts, *self.lab.agent.hosts, *filter(None, named)])

    @contextmanager
    def entered(self) -> Iterator[Proxy | None]:
        """While this is entered, the home is furnished, and the proxy serves; None without one.

        Raises:
            OSError: if the disk does not take it.
        """
        if not self.confined:
            yield None
            return
        self.home.lend(*self._lent())
        try:
            with Proxy(self.hosts, self.directory, upstream_proxy(os.environ)) as proxy:
                yield proxy
        finally:
            self.home.take_back()

    def _lent(self) -> tuple[Sequence[str], Sequence[str]]:
        keyed = self.preset.one_provider and self.preset.has_key
        credentials = () if keyed else self.preset.credentials
        return credentials, (*self.preset.config, *self.lab.agent.home)

    def command(self, argv: Sequence[str], seconds: float, talks: bool = False) -> Command:
        """The agent's command, ready to run; the first word is replaced by the real program."""
        words = (self.program.program, *argv[1:])
        limits = Limits(seconds, disk_mb=DISK_MB, log_mb=_LOG_MB)
        if not self.confined:
            return Command(words, self.tree, limits, environment=self._environment(), talks=talks)
        ports = [str(_PORT), *(f"{p}=127.0.0.1:{p}" for p in self.hosts.local_ports())]
        # By its own path: the machine's Python is in the sandbox, but perhaps not our files.
        front = ("python", "-I", "-S", _RELAY, _SOCKET, ",".join(ports))
        mounts = (
            Mount(self.tree, TREE, writable=True),
            Mount(self.home.path, HOME, writable=True),
            Mount(Path(relay.__file__), _RELAY),
            Mount(self.directory / "proxy.sock", _SOCKET, writable=True),
        )
        certificates = [os.environ[name] for name in _CERTIFICATES if os.environ.get(name)]
        readable = (*self._program_files(), *self.lab.sandbox.readable, *certificates)
        return Command(
            (*front, *words),
            self.tree,
            limits,
            mounts,
            self._environment(),
            readable,
            internet_sockets=True,  # the relay's ports
            # What moves simulated visitors, for one, is not for researchers.
            hidden=(_PACKAGE, *map(str, self.hidden)),
            talks=talks,
        )

    def _program_files(self) -> Sequence[str]:
        """What the agent's program needs to be read; never a directory that the lab lies in."""
        here, own = self.directory.resolve(), self.program.readable
        apart = [place for place in own if not here.is_relative_to(Path(place).resolve())]
        return apart if len(apart) == len(own) else (*apart, self.program.program)

    def _environment(self) -> Mapping[str, str]:
        """All that the agent finds in its environment."""
        preset = self.preset
        names = (*_PASSED, *preset.keys, *preset.addresses, *preset.passed)
        names += self.lab.agent.environment
        if not self.confined:
            names += (*_PROXIES, *map(str.lower, _PROXIES))
        passed = {name: os.environ[name] for name in names if name in os.environ}
        # The person's PATH is the agent's, as far as it can see it.
        theirs = search_path() if self.confined else os.environ.get("PATH", "")
        own = {
            "PATH": os.pathsep.join((*self.program.path, theirs)),
            "HOME": HOME if self.confined else str(Path.home()),
            "TERM": "dumb",
            "NO_COLOR": "1",
        }
        model = self.lab.agent.model
        chosen = preset.model_environment if model else {}
        models = {name: text.replace("{model}", model) for name, text in chosen.items()}
        return {**passed, **preset.environment, **models, **own, **self._network()}

    def _network(self) -> Mapping[str, str]:
        if not self.confined:
            return {}
        address, local = f"http://127.0.0.1:{_PORT}", "127.0.0.1,localhost,::1"
        values = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "NO_PROXY": local}
        lower = {name.lower(): value for name, value in values.items()}
        return {**values, **lower, "NODE_USE_ENV_PROXY": "1"}
