"""Attacks on a small lab, aimed at the machine that watches a trial and cleans up after it.

They are programs as in small_lab_attacks.py, and run in the same place.
"""

from attack import ENDED, HONEST, LEFT, programs

TIME = {
    "floods its progress file, and trains on while that is read": r"""
        end = time.monotonic() + float(os.environ['NOVUM_SECONDS']) - 0.2
        while time.monotonic() < end: pass
        with open(os.environ['NOVUM_PROGRESS'], 'ab') as file:
            file.write(b'{"a":1}\n' * (1 << 20))
        while time.monotonic() < end + 3: pass
    """,
}
ENDINGS = {
    "kills itself, to draw its luck again": "import signal; os.kill(os.getpid(), signal.SIGKILL)",
    "ends as if it had been killed, to draw its luck again": "os._exit(137)",
    "prints what takes minutes to be searched for errors": r"os.write(1, b'\n' * 70000); exit(1)",
    "fills the disk below paths that are too long": """
        os.chdir(artifacts)
        for _ in range(25):
            os.mkdir('d' * 250); os.chdir('d' * 250)
        for number in range(20):
            with open(f'big{number}', 'wb') as file:
                os.posix_fallocate(file.fileno(), 0, 19 << 20)
        time.sleep(0.7)
    """,
    "fills the disk with files that it removes, and keeps open": """
        files = []
        for _ in range(20):
            files.append(open(artifacts / 'big', 'wb'))
            os.remove(artifacts / 'big')
            os.posix_fallocate(files[-1].fileno(), 0, 19 << 20)
        time.sleep(0.7)
    """,
}
NOTES = {
    "leaves directories among its artifacts that are too deep to be removed": """
        os.chdir(artifacts)
        for _ in range(3000):
            os.mkdir('d'); os.chdir('d')
    """,
    "leaves notes for the next trial beside the content of its files": """
        for path in ('.', 'notes.txt', 'frozen', 'frozen/table.txt'):
            got += [path for name in os.listxattr(path) if name == 'user.note']
            got += [path] if os.stat(path).st_mtime_ns == 123456789 else []
            try:
                os.setxattr(path, 'user.note', b'x' * 2000)
            except OSError:
                pass
            os.utime(path, ns=(123456789, 123456789))
    """,
}
ON_WATCH = [
    *programs("the watch", ENDED, "timeout", TIME),
    *programs("the watch", ENDED, "crash", ENDINGS),
    *programs(LEFT, HONEST, "measured", NOTES),
]
