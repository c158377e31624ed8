#!/usr/bin/env python3
"""The door to every chore: `python3 scripts/do.py WORD [ARGS]`, or `make WORD`.

It needs nothing but a python3, of any age from 3.6: it finds a Python that Bursar supports and hands over to
chores.py, which does the work. The running interpreter is taken when it will do, else the newest on PATH.
PYTHON=/path/to/python names one, and then no other is tried.
"""

import os
import subprocess
import sys

OLDEST = (3, 11)
NEWEST = (3, 14)
RUNNING = (sys.version_info[0], sys.version_info[1])
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROBE = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])"


def supported(version):  # type: (tuple[int, int]) -> bool
    """Say whether Bursar runs on this (major, minor)."""
    return OLDEST <= version <= NEWEST


def can_make_environments():  # type: () -> bool
    """Say whether the running Python has what `python -m venv` needs; Debian packs that apart."""
    try:
        import ensurepip  # noqa: F401  only whether it is there
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def find_another():  # type: () -> str | None
    """Return the newest supported Python on PATH that can make environments, or None."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = "python3." + str(minor)
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, name)
            # A version manager's shim may stand on PATH for a Python that is not there: only an answer counts.
            if folder and os.access(path, os.X_OK) and answers(path, (3, minor)):
                return path
    return None


def answers(path, version):  # type: (str, tuple[int, int]) -> bool
    """Say whether this file is a Python of this version that can make environments."""
    try:
        asked = subprocess.Popen([path, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        said = asked.communicate()[0]
    except OSError:
        return False
    return asked.returncode == 0 and said.split() == [str(number).encode() for number in version]


def complaint(word):  # type: (str) -> str
    """Return the one line that says what is wrong with the running Python, and what to do."""
    remedy = "install one, or name it: PYTHON=/path/to/python3.12 make " + word
    here = "{}.{} at {}".format(RUNNING[0], RUNNING[1], sys.executable)
    if not supported(RUNNING):
        span = "{}.{} to {}.{}".format(*(OLDEST + NEWEST))
        return "Bursar needs Python " + span + "; this is " + here + "; " + remedy
    package = "python{}.{}-venv".format(*RUNNING)
    return (
        "Python " + here + " cannot make environments (it has no ensurepip); install it (Debian, Ubuntu: "
        "apt install " + package + "), or name another Python: PYTHON=/path/to/python3.12 make " + word
    )


def main():  # type: () -> int
    """Hand over to chores.py in this process, or in a better one."""
    word = sys.argv[1] if len(sys.argv) > 1 else "setup"
    if supported(RUNNING) and can_make_environments():
        sys.path.insert(0, ROOT)
        from scripts import chores

        return chores.main(sys.argv[1:])
    other = None if os.environ.get("PYTHON") else find_another()
    if other is None:
        sys.stderr.write(complaint(word) + "\n")
        return 2
    sys.stderr.flush()
    os.execv(other, [other, os.path.abspath(__file__), *sys.argv[1:]])
    return 2  # not reached: execv does not come back


if __name__ == "__main__":
    sys.exit(main())
