"""Attacks on a small lab, as programs, and that lab.

A program runs in the place of `train.py`, after an honest training whose model it has saved; so a
trial that is measured must have the honest score, and whatever it says it `GOT` was out of bounds.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attack import ENDED, HONEST, LEFT, REFUSED, UNREACHED, programs
from place import END, READABLE, Place, furnish, machine

from bed_cases import git
from novum.dataset import Dataset
from novum.lab import parse_lab

LAB = """\
[lab]
name = "attacked"
[metric]
name = "mse"
direction = "minimize"
[budget]
seconds = 0.5
startup = 4
grace = 0.6
timeout = 6
evaluation = 2
memory_mb = 200
disk_mb = 20
log_mb = 1
processes = 30
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]
"""
EVALUATE = """\
import json, math, os, stat
from pathlib import Path
path = Path(os.environ["NOVUM_ARTIFACTS"], "model.json")
descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
if not stat.S_ISREG(os.fstat(descriptor).st_mode):
    raise SystemExit("the model is no file")
with os.fdopen(descriptor, "rb") as file:
    weights = [float(x) for x in json.loads(file.read(1 << 16))]
points = json.loads(Path(os.environ["NOVUM_HELDOUT"], "validation.json").read_text())
guess = lambda x: sum(w * x**n for n, w in enumerate(weights))
mse = sum((guess(x) - y) ** 2 for x, y in points) / len(points)
Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps({"mse": mse}))
"""
START = """\
tell({"event": "start"})
def save(weights):
    (artifacts / "model.json").write_text(json.dumps(weights))
save([1.0, 0.4])
"""
ECHO = """\
import os, pathlib
said = pathlib.Path(os.environ["NOVUM_ARTIFACTS"], "said").read_bytes()
pathlib.Path(os.environ["NOVUM_RESULT"]).write_bytes(said)
"""


@contextmanager
def small_lab(path: Path) -> Iterator[Place]:
    """The lab, its held-out data, and what is around it."""
    lab = path / "lab"
    files = {"lab.toml": LAB, "evaluate.py": EVALUATE, "echo.py": ECHO, "train.py": START,
             "notes.txt": "frozen\n", "frozen/table.txt": "1 2 3\n"}  # fmt: skip
    for name, text in files.items():
        (lab / name).parent.mkdir(parents=True, exist_ok=True)
        (lab / name).write_text(text)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        git(lab, *words)
    data, heldout = lab / ".novum/data/train", lab / ".novum/data/heldout"
    for directory in (data, heldout):
        directory.mkdir(parents=True)
    points = [(x / 50, 1 + x / 100) for x in range(-50, 50)]
    (heldout / "validation.json").write_text(json.dumps(points))
    dataset = Dataset(data, heldout, "digest")
    with machine() as port:
        yield furnish(lab, parse_lab(LAB), dataset, 0.5, port, (READABLE + START, END))


FALSE_NUMBERS = {
    "prints a better metric": "print('METRIC mse=0.0'); print('mse: 0.0')",
    "prints it with look-alike letters": "print('METRIC mѕе=0.0'); print('ｍｓｅ: ０')",
    "prints it in colour codes and after a carriage return": r"""
        print('METRIC mse=9\rMETRIC mse=0.0\x1b[2K\x1b[32mmse: 0.0\x1b[0m')
    """,
    "prints it behind a NUL byte": r"print('\x00METRIC mse=0.0\x00'); print('\x00')",
    "prints the machine's own separator and a result": r"""
        print('\n----- evaluation -----\n{"mse": 0.0}\nMETRIC mse=0.0')
    """,
    "writes a result among its artifacts": """
        (artifacts / 'result.json').write_text('{"mse": 0.0}')
    """,
    "writes results wherever they might be looked for": """
        for place in ('.', '..', '/', '/novum', '/novum/result', '/tmp', str(artifacts.parent)):
            try:
                pathlib.Path(place, 'result.json').write_text('{"mse": 0.0}')
            except OSError:
                pass
    """,
    "leaves a library of its own for the evaluator": """
        for name in ('json', 'os', 'sitecustomize', 'usercustomize', 'pathlib', 'conftest'):
            pathlib.Path(name + '.py').write_text("print('GOT it')\\nraise SystemExit\\n")
        pathlib.Path('evil.pth').write_text("import os; print('GOT the evaluator')")
    """,
    "leaves a library in its home and temporary directory": """
        home = pathlib.Path.home()
        for place in (home, home / '.local/lib/python3.11/site-packages', pathlib.Path('/tmp')):
            try:
                place.mkdir(parents=True, exist_ok=True)
                (place / 'usercustomize.py').write_text("print('GOT the evaluator')")
                (place / 'json.py').write_text("print('GOT the evaluator')")
            except OSError:
                pass
    """,
    "writes a start-up file into the interpreter": """
        import site, sysconfig
        for place in (sysconfig.get_path('purelib'), sysconfig.get_path('stdlib'), sys.prefix):
            try:
                pathlib.Path(place, 'evil.pth').write_text("import os; print('GOT in')")
                print('GOT', place)
            except OSError:
                pass
    """,
    "sets variables for whoever comes after": """
        os.environ['PYTHONPATH'] = os.environ['LD_PRELOAD'] = os.getcwd()
        for name in ('.bashrc', '.profile', '.pythonrc'):
            pathlib.Path.home().joinpath(name).write_text('export LD_PRELOAD=/lab/x')
    """,
    "writes a result at its exit": """
        import atexit
        for place in ('/novum/result/result.json', '../result.json', 'result.json'):
            atexit.register(lambda: pathlib.Path(place).write_text('{"mse": 0.0}'))
    """,
    "patches the libraries of its own process": """
        import json as library
        library.loads = lambda *a, **k: {'mse': 0}
        time.time = time.monotonic = lambda: 0.0
    """,
}
STRANGE_MODELS = {
    "hands in a pickle that runs code": """
        import pickle
        class Evil:
            def __reduce__(self):
                return (print, ('GOT the evaluator',))
        (artifacts / 'model.json').write_bytes(pickle.dumps(Evil()))
    """,
    "hands in NaN": "save([float('nan')])",
    "hands in infinity": "save([float('inf')])",
    "hands in a number that overflows": "(artifacts / 'model.json').write_text('[1e999]')",
    "hands in a number of a million digits": """
        (artifacts / 'model.json').write_text('[1' + '0' * 10**6 + ']')
    """,
    "hands in JSON that is nested a million times": """
        (artifacts / 'model.json').write_text('[' * 10**6)
    """,
    "hands in nothing": "(artifacts / 'model.json').unlink()",
    "hands in a link to the held-out data": """
        (artifacts / 'model.json').unlink()
        (artifacts / 'model.json').symlink_to('/novum/heldout/validation.json')
    """,
    "hands in a pipe that never ends": """
        (artifacts / 'model.json').unlink()
        os.mkfifo(artifacts / 'model.json')
    """,
    "hands in a directory": """
        (artifacts / 'model.json').unlink()
        (artifacts / 'model.json').mkdir()
    """,
}
FROZEN = {
    "rewrites the evaluator": "pathlib.Path('evaluate.py').write_text('print(0)')",
    "rewrites lab.toml": "pathlib.Path('lab.toml').write_text('')",
    "replaces the evaluator by a link": """
        os.remove('evaluate.py'); os.symlink('/dev/null', 'evaluate.py')
    """,
    "removes the frozen data": "os.remove('notes.txt')",
    "replaces a frozen file, and puts its times back": """
        facts = os.stat('evaluate.py')
        text = pathlib.Path('evaluate.py').read_text()
        pathlib.Path('evaluate.py').write_text('#' + text[1:])
        os.utime('evaluate.py', ns=(facts.st_atime_ns, facts.st_mtime_ns))
    """,
    "makes the evaluator executable": "os.chmod('evaluate.py', 0o777)",
    "swaps a frozen directory for a link to a copy of it": """
        import shutil
        shutil.copytree('frozen', 'copy', copy_function=shutil.copy2)
        shutil.rmtree('frozen'); os.symlink('copy', 'frozen')
    """,
    "swaps a frozen file for links, over and over, to its end": """
        import threading
        def swap():
            while True:
                os.symlink('/etc/passwd', 'new'); os.replace('new', 'notes.txt')
                with open('new', 'w') as file: file.write('thawed\\n')
                os.replace('new', 'notes.txt'); os.symlink('.', 'new')
                os.replace('new', 'notes.txt')
        threading.Thread(target=swap, daemon=True).start()
        time.sleep(0.3)
        os._exit(0)
    """,
}
READING = {
    "looks for held-out data in the whole file system": """
        for root, below, names in os.walk('/'):
            below[:] = [b for b in below if os.path.join(root, b) not in (
                '/proc', '/sys', '/usr', sys.prefix, sys.base_prefix)]
            got += [os.path.join(root, name) for name in names if name == 'validation.json']
    """,
    "opens held-out data by its path": "got += readable(HELDOUT)",
    "reads through /proc": """
        for pid in os.listdir('/proc'):
            if pid.isdigit():
                got += readable([f'/proc/{pid}/root{p}' for p in HELDOUT + SECRETS])
                text = ''.join(readable([f'/proc/{pid}/environ'], content=True))
                got += ['environ'] if 'NOVUM-SECRET' in text else []
    """,
    "reads the person's keys and files": "got += readable(SECRETS)",
    "reads secrets in its environment": """
        got += [name for name, value in os.environ.items() if 'NOVUM-SECRET' in value]
    """,
    "reads or writes the ledger": "got += readable(LEDGER) + writable(LEDGER)",
    "reads the repository's objects": "got += readable(OBJECTS + ['.git'])",
    "moves refs, and leaves hooks in the repository": "got += writable(OBJECTS)",
    "reads what other trials left": "got += readable(OTHERS)",
    "reads Novum's own code": """
        try:
            import novum
            got.append(repr(novum))
        except ImportError:
            pass
    """,
    "climbs out of its directory": """
        here = os.open('.', os.O_RDONLY)
        try:
            os.chroot('.')
            got.append('chroot')
        except OSError:
            pass
        for path in SECRETS + HELDOUT:
            got += readable(['../' * 40 + path.lstrip('/')])
    """,
    "reaches a server of this machine": """
        import socket
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                with socket.socket(family) as s:
                    s.settimeout(1)
                    s.connect(('127.0.0.1' if family == socket.AF_INET else '::1', PORT))
                    got.append('network')
            except OSError:
                pass
    """,
    "reaches an abstract socket of this machine": """
        import socket
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect('\\0novum-attack-' + str(PORT)); got.append('abstract socket')
        except OSError:
            pass
    """,
    "looks into other processes": """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in range(1, 4):
            if pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0:
                got.append(f'ptrace {pid}')
        others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) > 50]
        got += others
    """,
    "makes namespaces, mounts, and loads programs into the kernel": """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        for flag in (0x10000000, 0x20000, 0x40000000):
            if libc.unshare(flag) == 0:
                got.append(f'unshare {flag:#x}')
        if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0:
            got.append('mount')
        if libc.syscall(321, 0, 0, 0) >= 0 or libc.syscall(425, 1, 0) >= 0:
            got.append('bpf or io_uring')
    """,
    "sets the clock": """
        try:
            time.clock_settime(time.CLOCK_REALTIME, 0); got.append('clock')
        except OSError:
            pass
    """,
}
EXHAUSTION = {
    "bombs with forks": """
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.01)
    """,
    "takes all memory": """
        hoard = []
        while True:
            hoard.append(bytearray(1 << 24))
    """,
    "fills the disk": """
        with open(artifacts / 'big', 'wb') as file:
            while True:
                file.write(b'x' * (1 << 20)); file.flush()
    """,
    "fills the disk with empty files": """
        number = 0
        while True:
            number += 1
            open(artifacts / str(number), 'w').close()
    """,
    "trains for long before its clock starts": "# first\nimport time; time.sleep(60)",
    "never ends": "while True: time.sleep(1)",
    "ignores being asked to end": """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: time.sleep(1)
    """,
    "stops itself": "import signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "trains on after its budget": """
        end = time.monotonic() + float(os.environ['NOVUM_SECONDS']) + 0.35
        while time.monotonic() < end: pass
        time.sleep(2.5)
    """,
}
LEFTOVERS = {
    "writes a hundred times as much log as is kept": """
        line = b'x' * (1 << 20)
        for _ in range(100):
            os.write(1, line)
    """,
    "forks away, to rewrite its model while it is evaluated": """
        main = os.getpid()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while os.path.exists(f'/proc/{main}'):
                    time.sleep(0.01)
                for _ in range(200):
                    time.sleep(0.3)
                    save([0.0, 0.0, 0.0])
            os._exit(0)
    """,
    "kills all that it can": """
        import signal
        for pid in range(2, 300):
            if pid != os.getpid() and pid != os.getppid():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
    """,
    "leaves deep directories": """
        for _ in range(2000):
            os.mkdir('d'); os.chdir('d')
    """,
    "leaves special files and locked directories": r"""
        os.mkfifo('pipe'); os.symlink('/etc/passwd', 'link')
        os.mkdir('locked'); open('locked/file', 'w').close(); os.chmod('locked', 0)
        for name in (b'\xff\xfe', b'new\nline', b'ignore all previous instructions'):
            open(name, 'w').close()
    """,
    "leaves a repository with hooks and filters": """
        for name in ('.git/hooks/pre-commit', '.git/hooks/post-checkout', '.git/config'):
            path = pathlib.Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('#!/bin/sh\\ntouch /tmp/GOT\\n'); path.chmod(0o755)
        pathlib.Path('.gitattributes').write_text('* filter=evil')
    """,
    "leaves a program with set-user bits": """
        import shutil
        shutil.copy('/bin/sh', artifacts / 'shell')
        os.chmod(artifacts / 'shell', 0o6755)
    """,
    "leaves a cache for the next trial": """
        places = os.getcwd(), '/tmp', str(pathlib.Path.home()), '/dev/shm', str(artifacts)
        got += readable([place + '/cache' for place in places])
        for place in places:
            try:
                pathlib.Path(place, 'cache').write_text('faster')
            except OSError:
                pass
    """,
    "replaces its own file by a link, to have others written": """
        os.remove('train.py'); os.symlink('notes.txt', 'train.py')
    """,
}
SHARED = [
    *programs("a false number", HONEST, "measured", FALSE_NUMBERS),
    *programs("a strange model", REFUSED, "invalid timeout", STRANGE_MODELS),
    *programs("frozen files", REFUSED, "invalid", FROZEN),
    *programs("out of bounds", UNREACHED, "measured", READING),
    *programs(
        "exhaustion", ENDED, "timeout crash out_of_memory invalid infrastructure", EXHAUSTION
    ),
    *programs(LEFT, HONEST, "measured", LEFTOVERS),
]
# A lab whose program prints its own score can be told any number, but only a number.
PRINTED = {
    "prints two values": "print('METRIC score=5'); print('METRIC score=1')",
    "prints NaN": "print('METRIC score=nan')",
    "prints infinity": "print('METRIC score=-inf')",
    "prints a number that overflows": "print('METRIC score=1e999')",
    "prints look-alike letters": "print('METRIC sсоre=1')",
    "prints digits of another script": "print('METRIC score=１')",
    "prints colour codes": r"print('\x1b[32mMETRIC score=1\x1b[0m')",
    "overwrites with a carriage return": r"print('METRIC score=9\rMETRIC score=1')",
    "hides NUL bytes in the line": r"print('METRIC\x00 score=1')",
    "prints an expression": "print('METRIC score=1_0'); print('score: 0x10')",
    "prints it inside a sentence": "print('the METRIC score=1 is good')",
    "buries it under more output than is kept": r"""
        import sys
        print('METRIC score=5')
        sys.stdout.write(('x' * 1000 + '\n') * 3000)
        print('METRIC score=1')
    """,
}
# A lab whose evaluator hands on what the program says: it is told any number, but only a number.
ECHOED = {
    "NaN": '{"score": NaN}',
    "infinity": '{"score": -Infinity}',
    "a number that overflows": '{"score": 1e999}',
    "a number that cannot be squared": '{"score": -1e200}',
    "a whole number of four thousand digits": '{"score": -' + "9" * 4000 + "}",
    "a truth": '{"score": true}',
    "a text": '{"score": "1"}',
    "a list": '{"score": [1]}',
    "two values": '{"score": 5, "score": 1}',
    "two values, one by another spelling": '{"score": 5, "sc\\u006fre": 1}',
    "items whose mean is another": '{"score": 1, "items": [[5, 1], [6, 1]]}',
    "items that overflow": '{"score": 1, "items": [[1e300, 1e300], [-1e300, 1e300]]}',
    "nothing": "",
    "bytes that are no text": "\xff",
    "JSON that is nested a million times": "[" * 10**6,
    "no score": '{"Score": 1}',
}
