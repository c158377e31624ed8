"""What each word of the Makefile does: set up `.venv` from the locks, then run the chore in it.

Set-up is a list of steps, each stamped in `.venv/bursar-setup.json` with a hash of what it was made from, so that
a second call only compares hashes. One set-up runs at a time in a folder (a lock that dies with its holder). An
environment whose installation was cut short is never trusted: the next call builds it anew.

Standard library only, Python 3.11 and up; scripts/do.py sees to that. Linux and macOS.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
PEERS = ROOT / ".venvs"
COVERAGE_LEAST_PCT = 95.0
LOG_LINES_SHOWN = 15
STARTED = time.monotonic()


class ChoreError(Exception):
    """A chore cannot go on: one line that says what is wrong and what to do.

    harmless  True when the environment is as it was before, and can still be trusted
    """

    def __init__(self, message: str, *, harmless: bool = False) -> None:
        super().__init__(message)
        self.harmless = harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of set-up.

    name  its key among the stamps
    made_from  hash of all that it depends on; the step is repeated when this changes
    act   does it, given the set-up lock
    also  stamps of other steps that this one makes true
    """

    name: str
    made_from: str
    act: Callable[[IO[str]], None]
    also: tuple[tuple[str, str], ...] = ()


# -- saying what happens -----------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print one line with the seconds since the start, on standard error, so that `--json` output stays clean."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def diagnose(output: str, log: Path) -> str:
    """Return one line that says why an installation failed, from what pip printed."""
    if "No space left on device" in output or "Errno 28" in output:
        return f"the disk is full: free some where {ROOT} or the temporary folder lies, and run it again"
    if "DO NOT MATCH THE HASHES" in output:
        return f"a package is not the one that was locked: it was refused and nothing of it ran; see {log}"
    unreachable = ("NewConnectionError", "NameResolutionError", "name resolution", "Connection refused", "ProxyError")
    if any(sign in output for sign in (*unreachable, "Max retries exceeded", "ConnectTimeoutError", "timed out")):
        return f"the package index cannot be reached: check the network, or pip's settings (pip config list); see {log}"
    if "SSLError" in output or "CERTIFICATE_VERIFY_FAILED" in output:
        return f"the package index's certificate is not trusted: name your certificates with PIP_CERT; see {log}"
    last = "\n".join(output.splitlines()[-LOG_LINES_SHOWN:])
    return f"an installation failed; the end of {log}:\n{last}"


# -- the environment ---------------------------------------------------------------------------------------------------


def environment(**extra: str) -> dict[str, str]:
    """Return the variables for a child: ours, without what would lead Python or pip out of `.venv`."""
    misleading = {
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
        "__PYVENV_LAUNCHER__",
    }
    return (
        {name: value for name, value in os.environ.items() if name not in misleading}
        | {"PYTHONNOUSERSITE": "1"}
        | extra
    )


def program(name: str, venv: Path = VENV) -> str:
    """Return the path of a program in an environment."""
    return str(venv / "bin" / name)


def content_hash(*parts: Path | str) -> str:
    """Hash files (their bytes) and words, in this order; a file that is not there counts as empty."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part.read_bytes() if part.exists() else b""
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


@contextmanager
def alone() -> Iterator[IO[str]]:
    """Hold the folder's set-up lock. It goes with the process, and with the pip that it started."""
    PEERS.mkdir(exist_ok=True)
    with (PEERS / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this folder: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def read_stamps(venv: Path) -> dict[str, str]:
    """Return what set-up has done in an environment; nothing when the file is missing or cut short."""
    try:
        stamps = json.loads((venv / "bursar-setup.json").read_text())
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def write_stamps(venv: Path, stamps: dict[str, str]) -> None:
    """Replace the stamps in one move, so that an interruption leaves the old or the new."""
    fresh = venv / "bursar-setup.json.new"
    fresh.write_text(json.dumps(stamps, indent=1))
    fresh.replace(venv / "bursar-setup.json")


def python_of(venv: Path) -> str | None:
    """Return "3.12" for an environment of Python 3.12, or None when it has no Python that could run."""
    try:
        settings = (venv / "pyvenv.cfg").read_text()
    except OSError:
        return None
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", settings, re.MULTILINE)
    return found[1] if found and os.access(venv / "bin" / "python", os.X_OK) else None


def why_rebuild(venv: Path) -> str | None:
    """Return the reason why an environment cannot be used as it is, or None when it can."""
    if not venv.exists():
        return "there is none yet"
    version = python_of(venv)
    stamps = read_stamps(venv)
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if version is None or not (venv / "bin" / "pip").exists():
        return "the one that is there is broken"
    if stamps.get("made at", str(venv)) != str(venv):
        return "the folder was moved"
    if "unfinished" in stamps:
        return f"its last set-up did not finish ({stamps['unfinished']})"
    if not (3, 11) <= tuple(map(int, version.split("."))) <= (3, 14):
        return f"the one that is there has Python {version}"
    if os.environ.get("PYTHON") and version != running:
        return f"it has Python {version}, and PYTHON names {running}"
    return None


def build_environment(venv: Path, reason: str) -> None:
    """Make an empty environment of the running Python, in place of whatever is there."""
    say(f"making {venv.relative_to(ROOT)} with Python {sys.version.split()[0]} ({reason})")
    if venv.is_symlink():
        venv.unlink()
    elif venv.exists():
        shutil.rmtree(venv)
    # From inside an environment the base interpreter must be used, or the new one would hang on the one just removed.
    base = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run(
        [base, "-m", "venv", str(venv)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise ChoreError(diagnose(made.stdout + made.stderr, venv / "pyvenv.cfg"))
    write_stamps(venv, {"made at": str(venv)})


def pip(venv: Path, lock: IO[str], *arguments: str | Path) -> None:
    """Run `pip install` in an environment, its output in build/setup.log; raise ChoreError when it fails."""
    BUILD.mkdir(exist_ok=True)
    log = BUILD / "setup.log"
    command = [
        program("python", venv),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        *map(str, arguments),
    ]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(lock.fileno(),),
    ) as running:
        assert running.stdout is not None
        lines = list(show_progress(running.stdout))
    output = "".join(lines)
    log.write_text(output)
    if running.returncode != 0:
        # pip fetches everything before it installs anything.
        raise ChoreError(
            diagnose(output, log.relative_to(ROOT)), harmless="Installing collected packages" not in output
        )


def show_progress(lines: Iterable[str]) -> Iterator[str]:
    """Pass pip's lines on; on a terminal, show the newest in one line that is wiped at the end."""
    live = sys.stderr.isatty()
    for line in lines:
        if live:
            print(
                f"\r\x1b[K[{time.monotonic() - STARTED:6.1f} s]   {line.strip()[:90]}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        yield line
    if live:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def package_count(lock: Path) -> int:
    """Count the packages that a lock names."""
    return len(set(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z, -]+\])?==", lock.read_text(), re.MULTILINE)))


def install(venv: Path, lock: IO[str], name: str) -> None:
    """Install a locked set into an environment, every file checked against its hash."""
    requirements = REQUIREMENTS / f"{name}.txt"
    say(f"installing {package_count(requirements)} locked packages (requirements/{name}.txt)")
    # Nothing in data.txt is imported for its code, so what it depends on stays out.
    bare = ["--no-deps"] if name == "data" else []
    pip(venv, lock, "--require-hashes", *bare, "-r", requirements)


def install_sets(lock: IO[str], *names: str) -> None:
    """Install these sets into `.venv`, one after another."""
    for name in names:
        install(VENV, lock, name)


def install_package(lock: IO[str]) -> None:
    """Install Bursar itself, editable; its build backend is already there, so no index is asked."""
    say("installing Bursar itself (editable)")
    pip(VENV, lock, "--no-index", "--no-deps", "--no-build-isolation", "--editable", ROOT)


def compile_kernels(_lock: IO[str]) -> None:
    """Compile the mathematics now, so that no trading day waits for the compiler."""
    if not (ROOT / "src/bursar/quant/compile_kernels.py").exists():
        return
    say("compiling the kernels")
    run(
        [program("python"), "-m", "bursar.quant.compile_kernels"],
        what="the kernels do not compile",
        stdout=subprocess.DEVNULL,
    )


def steps(wanted: str) -> list[Step]:
    """Return the steps that a set needs: "run" for the product, "test" for the checks on top."""
    python = str(python_of(VENV))
    hashes = {
        "run": content_hash(python, REQUIREMENTS / "run.txt", REQUIREMENTS / "data.txt"),
        "test": content_hash(python, REQUIREMENTS / "test.txt", REQUIREMENTS / "data.txt"),
    }
    # The test set contains the run set at the same versions; a test checks that.
    also = (("run", hashes["run"]),) if wanted == "test" else ()
    kernels = sorted((ROOT / "src/bursar/quant").rglob("*.py"))
    return [
        Step(name=wanted, made_from=hashes[wanted], act=lambda lock: install_sets(lock, wanted, "data"), also=also),
        Step(name="package", made_from=content_hash(python, ROOT / "pyproject.toml"), act=install_package),
        Step(name="kernels", made_from=content_hash(python, *kernels), act=compile_kernels),
    ]


def ready(wanted: str) -> bool:
    """Say whether `.venv` already has everything; costs a few milliseconds."""
    if why_rebuild(VENV) is not None:
        return False
    stamps = read_stamps(VENV)
    return all(stamps.get(step.name) == step.made_from for step in steps(wanted))


def set_up(wanted: str) -> None:
    """Bring `.venv` to what the locks say."""
    if ready(wanted):
        return
    with alone() as lock:
        reason = why_rebuild(VENV)
        if reason is not None:
            build_environment(VENV, reason)
        for step in steps(wanted):
            stamps = read_stamps(VENV) | {"made at": str(VENV)}
            if stamps.get(step.name) == step.made_from:
                continue
            # Installing can be cut short and leave half a package that pip takes for whole; compiling cannot.
            if step.name != "kernels":
                write_stamps(VENV, {**stamps, "unfinished": step.name})
            try:
                step.act(lock)
            except ChoreError as trouble:
                if trouble.harmless:
                    write_stamps(VENV, stamps)
                raise
            write_stamps(VENV, {**stamps, step.name: step.made_from, **dict(step.also)})
    say("set-up is done")


def set_up_peer(name: str) -> None:
    """Bring `.venvs/NAME` to requirements/bench-NAME.txt: other libraries, kept apart from the product."""
    venv = PEERS / name
    requirements = REQUIREMENTS / f"bench-{name}.txt"
    made_from = content_hash(str(python_of(venv)), requirements)
    if why_rebuild(venv) is None and read_stamps(venv).get("peers") == made_from:
        return
    with alone() as lock:
        build_environment(venv, "peers for the benchmarks")
        write_stamps(venv, {"made at": str(venv), "unfinished": "peers"})
        install(venv, lock, f"bench-{name}")
        write_stamps(venv, {"made at": str(venv), "peers": content_hash(str(python_of(venv)), requirements)})


# -- running -----------------------------------------------------------------------------------------------------------


def run(
    command: Sequence[str],
    *,
    what: str = "",
    stdout: int | IO[str] | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Run a command in the repository's root; return its exit code, or raise ChoreError with `what` where given."""
    finished = subprocess.run(command, cwd=ROOT, env=environment(**variables), stdout=stdout, check=False)
    if what and finished.returncode != 0:
        raise ChoreError(f"{what} (exit code {finished.returncode})")
    return finished.returncode


def become_bursar(word: str, arguments: Sequence[str]) -> int:
    """Set up, then let `bursar WORD` take the place of this process, in the caller's folder."""
    set_up("run")
    sys.stderr.flush()
    os.execve(program("bursar"), [program("bursar"), word, *arguments], environment())


def pytest(*arguments: str, **variables: str) -> int:
    """Run pytest; each worker keeps to one thread of linear algebra, or two workers would fight over two cores."""
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return run([program("python"), "-m", "pytest", *arguments], variables=one_thread | variables)


def workers() -> list[str]:
    """Return pytest's options for all cores; slow tests move to whoever is free."""
    return ["-n", str(min(max(os.cpu_count() or 2, 2), 8)), "--dist", "worksteal"]


# -- the words ---------------------------------------------------------------------------------------------------------


def setup(arguments: Sequence[str]) -> int:
    """Install what the demo needs; `make setup ARGS=test` adds what the tests need."""
    wanted = arguments[0] if arguments else "run"
    if wanted not in ("run", "test"):
        raise ChoreError(f"there is no set {wanted!r} to install; the sets are run and test")
    set_up(wanted)
    if not ready(wanted):
        raise ChoreError("the files that set-up was made from changed meanwhile; run it again")
    say("ready: .venv/bin/bursar --help")
    return 0


def demo(arguments: Sequence[str]) -> int:
    """Trade on real closing prices and show what happened."""
    return become_bursar("demo", arguments)


def desk(arguments: Sequence[str]) -> int:
    """Open the desk."""
    return become_bursar("run", arguments)


def test(arguments: Sequence[str]) -> int:
    """Run all tests and measure coverage; with arguments, run pytest with those alone."""
    set_up("test")
    if arguments:
        return pytest(*arguments)
    BUILD.mkdir(exist_ok=True)
    for old in BUILD.glob("coverage*"):
        old.unlink()
    code = 0
    measured = ["--cov=bursar", "--cov-branch", "--cov-append", *workers()]
    if (ROOT / "tests/quant").exists():
        # The compiler hides what it compiled: this pass runs the kernels as the plain Python that they also are.
        say("tests of the mathematics, compiler off")
        code = pytest(
            "tests/quant", "-m", "not prove and not compiled", "--cov-report=", *measured, NUMBA_DISABLE_JIT="1"
        )
    say("all tests")
    code = pytest("--cov-report=term", "--cov-report=json:build/coverage.json", *measured) or code
    return code or coverage_verdict()


def coverage_verdict() -> int:
    """Say how much of lines and of branches the tests reached, and whether that is enough."""
    totals = json.loads((BUILD / "coverage.json").read_text())["totals"]
    reached = {
        "lines": 100 * totals["covered_lines"] / max(totals["num_statements"], 1),
        "branches": 100 * totals["covered_branches"] / max(totals["num_branches"], 1),
    }
    figures = ", ".join(f"{kind} {pct:.2f} %" for kind, pct in reached.items())
    enough = min(reached.values()) >= COVERAGE_LEAST_PCT
    say(f"coverage: {figures} (at least {COVERAGE_LEAST_PCT:.0f} % of each: {'kept' if enough else 'MISSED'})")
    return 0 if enough else 1


def check(arguments: Sequence[str]) -> int:
    """Style, types, layers and documentation; all of them run, and any failure fails the whole."""
    if arguments:
        raise ChoreError(f"check takes no arguments, and was given {' '.join(arguments)}")
    set_up("test")
    failed = []
    # Types take longer than all else together, and one core: they are looked at beside the rest, and told last.
    with tempfile.TemporaryFile("w+") as said:
        types = subprocess.Popen([program("mypy")], cwd=ROOT, env=environment(), stdout=said, stderr=subprocess.STDOUT)
        for name, command in {
            "style (ruff check)": ["ruff", "check", "."],
            "format (ruff format)": ["ruff", "format", "--check", "."],
            "layers (import-linter)": ["lint-imports", "--no-logo"],
            "documentation": ["pytest", "tests/test_docs.py"],
        }.items():
            say(name)
            if run([program(command[0]), *command[1:]]) != 0:
                failed.append(name)
        say("types (mypy --strict)")
        if types.wait() != 0:
            failed.append("types (mypy --strict)")
        said.seek(0)
        sys.stdout.write(said.read())
        sys.stdout.flush()
    say(f"check: {'all well' if not failed else 'failed: ' + ', '.join(failed)}")
    return 1 if failed else 0


def prove(arguments: Sequence[str]) -> int:
    """Run the large counts and keep what they counted in build/prove.json."""
    set_up("test")
    BUILD.mkdir(exist_ok=True)
    code = pytest("-m", "prove", "--evidence", str(BUILD / "prove.json"), *(arguments or workers()))
    say("evidence: build/prove.json")
    return code


def simulate(arguments: Sequence[str]) -> int:
    """Play seeded schedules of faults and kills on all cores: RUNS of them, or what ARGS say."""
    set_up("test")
    asked = ["--runs", os.environ["RUNS"]] if os.environ.get("RUNS") else []
    return run([program("python"), "-m", "tests.simulation", *asked, *arguments])


def bench(arguments: Sequence[str]) -> int:
    """Run each benchmark (or those named), with the peers that it asks for; results go to build/bench/."""
    found = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if not path.name.startswith("_"))
    unknown = set(arguments) - {path.stem for path in found}
    if unknown:
        raise ChoreError(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(path.stem for path in found) or 'none'}"
        )
    set_up("test")
    (BUILD / "bench").mkdir(parents=True, exist_ok=True)
    worst = 0
    for path in found:
        if arguments and path.stem not in arguments:
            continue
        for peer in peers_of(path):
            set_up_peer(peer)
        say(f"benchmark {path.stem}")
        result = BUILD / "bench" / f"{path.stem}.json"
        with result.open("w") as kept:
            code = run([program("python"), "-m", f"benchmarks.{path.stem}", "--json"], stdout=kept)
        print(result.read_text(), end="")
        worst = max(worst, code)
    return worst


def results(arguments: Sequence[str]) -> int:
    """Run every strategy that the data supports and write docs/results.md, whatever came of it."""
    set_up("test")
    return run([program("python"), "-m", "scripts.results", *arguments])


def peers_of(benchmark: Path) -> tuple[str, ...]:
    """Return the environments that a benchmark names in `PEERS = ("mathematics",)`; read, not run."""
    for node in ast.parse(benchmark.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "PEERS" for to in node.targets):
            return tuple(ast.literal_eval(node.value))
    return ()


def lock(arguments: Sequence[str]) -> int:
    """Resolve the dependencies again; `make lock ARGS=--upgrade` takes newer versions."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise ChoreError(
            "writing locks needs uv, and it is not on PATH: pip install uv, or name it: UV=/path/to/uv make lock"
        )
    common = [
        uv,
        "pip",
        "compile",
        "--universal",
        "--generate-hashes",
        # pip 23 looks for "coverage[toml]" anew, without its hash, where the lock names "coverage" alone.
        "--no-strip-extras",
        "--python-version",
        "3.11",
        "--quiet",
        "--no-emit-index-url",
    ]
    common += ["--custom-compile-command", "make lock", *arguments]
    # The test set first: the run set must be a part of it, version by version.
    run(
        [*common, "pyproject.toml", "--group", "build", "--group", "test", "-o", "requirements/test.txt"],
        what="no lock for test",
    )
    held = ["--constraint", "requirements/test.txt"]
    run([*common, *held, "pyproject.toml", "--group", "build", "-o", "requirements/run.txt"], what="no lock for run")
    run([*common, *held, "--no-deps", "--group", "data", "-o", "requirements/data.txt"], what="no lock for data")
    for peers in sorted(REQUIREMENTS.glob("bench-*.in")):
        source = str(peers.relative_to(ROOT))
        run([*common, source, "-o", source.removesuffix(".in") + ".txt"], what=f"no lock for {peers.stem}")
    return 0


WORDS: dict[str, Callable[[Sequence[str]], int]] = {
    chore.__name__: chore for chore in (setup, demo, test, check, prove, simulate, bench, results, desk, lock)
}


def main(arguments: Sequence[str]) -> int:
    """Do the chore that the first argument names; return the exit code."""
    word, *rest = arguments or ["help"]
    if word not in WORDS:
        print(f"there is no chore {word!r}; the words are {', '.join(WORDS)}", file=sys.stderr)
        return 2
    try:
        return WORDS[word](rest)
    except ChoreError as trouble:
        say(str(trouble))
    except OSError as error:
        say(diagnose(str(error), BUILD / "setup.log") if error.errno == 28 else f"{word}: {error}")
    except KeyboardInterrupt:
        say("interrupted; run it again, and it begins where it must")
        return 130
    return 2
