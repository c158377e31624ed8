"""The house itself: its walls hold, its locks are whole, and its chores know when to begin again."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement

from scripts import chores

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "bursar"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PURE_ROOMS = ("domain", "quant", "ledger", "risk", "trading", "gateway")
FUNCTION_LINES_MAX = 70


# -- walls between rooms -----------------------------------------------------------------------------------------------


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """Return a copy of the package and of the rules, in which a test may plant what is forbidden."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "bursar", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(tree: Path) -> tuple[int, str]:
    """Run the layers' check of `make check` on a tree; return its exit code and what it said, on one line."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200"}
    ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


def plant(tree: Path, file: str, line: str) -> int:
    """Append a line to a file of the package (made where it is missing); return the line's number."""
    path = tree / "src" / "bursar" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}{line}\n")
    return before.count("\n") + 1


def test_the_layers_hold_as_they_are(copied_tree: Path) -> None:
    code, said = lint_imports(copied_tree)
    assert code == 0, said


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_asyncio_planted_in_a_pure_room_is_named_with_its_line(copied_tree: Path, room: str) -> None:
    number = plant(copied_tree, f"{room}/planted.py", '"""Planted."""\n\nimport asyncio') + 2

    code, said = lint_imports(copied_tree)

    assert code == 1
    assert f"bursar.{room}.planted -> asyncio (l.{number})" in said


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("errors.py", "bursar.domain"),
        ("domain/planted.py", "bursar.quant"),
        ("quant/planted.py", "bursar.domain"),
        ("ledger/planted.py", "bursar.risk"),
        ("risk/planted.py", "bursar.trading"),
        ("trading/planted.py", "bursar.gateway"),
        ("gateway/planted.py", "bursar.trading"),
        ("research/planted.py", "bursar.adapters"),
        ("adapters/planted.py", "bursar.research"),
        ("adapters/planted2.py", "bursar.runtime"),
        ("runtime/planted.py", "bursar.desk"),
    ],
)
def test_an_import_upward_or_sideways_is_named_with_its_line(copied_tree: Path, file: str, imported: str) -> None:
    number = plant(copied_tree, file, f"import {imported}")

    code, said = lint_imports(copied_tree)

    importer = "bursar." + file.removesuffix(".py").replace("/", ".")
    assert code == 1
    assert f"{importer} -> {imported} (l.{number})" in said


def test_a_room_that_no_layer_names_is_refused(copied_tree: Path) -> None:
    plant(copied_tree, "cellar/__init__.py", '"""Planted."""')
    code, said = lint_imports(copied_tree)
    assert code == 1
    assert "not listed as layers: - bursar.cellar" in said


@pytest.mark.parametrize("client", ["ib_async", "bursar.adapters", "bursar.domain.orders"])
def test_the_gateway_never_meets_its_client(copied_tree: Path, client: str) -> None:
    plant(copied_tree, "gateway/planted.py", f"import {client}")
    code, said = lint_imports(copied_tree)
    assert code == 1
    assert "The gateway never meets its client BROKEN" in said


def test_only_the_server_of_the_gateway_may_hold_a_socket_and_no_pure_file_leans_on_it() -> None:
    graph = grimp.build_graph("bursar")
    server = "bursar.gateway.server"
    leaning = graph.find_modules_that_directly_import(server) if server in graph.modules else set()
    assert {module for module in leaning if module.startswith("bursar.gateway")} == set()


def test_the_domain_is_standard_library_only() -> None:
    for path in (PACKAGE / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "bursar"}, (
                    f"{path}:{node.lineno} imports {name}"
                )


PLANTED_CLOCKS = [
    ("import datetime", "datetime.datetime.now(datetime.UTC)"),
    ("import datetime", "datetime.date.today()"),
    ("import time", "time.time()"),
    ("import time", "time.sleep(1)"),
    ("import random", "random.random()"),
    ("import numpy as np", "np.random.normal()"),
]


def ruff(source: str, file: str) -> str:
    command = [str(Path(sys.executable).parent / "ruff"), "check", "--select", "TID251", "--output-format", "concise"]
    ran = subprocess.run(
        [*command, "--stdin-filename", file, "-"], cwd=ROOT, input=source, capture_output=True, text=True, check=False
    )
    return ran.stdout


@pytest.mark.parametrize("room", PURE_ROOMS)
@pytest.mark.parametrize(("imported", "call"), PLANTED_CLOCKS)
def test_a_clock_or_global_chance_in_a_pure_room_is_refused(room: str, imported: str, call: str) -> None:
    assert "TID251" in ruff(f"{imported}\nvalue = {call}\n", f"src/bursar/{room}/planted.py")


def test_the_rooms_that_reach_the_world_may_read_the_clock() -> None:
    for file in ("src/bursar/adapters/clock.py", "src/bursar/gateway/server.py", "src/bursar/runtime/loop.py"):
        assert "TID251" not in ruff("import time\nvalue = time.time()\n", file)


def test_every_function_fits_one_screen() -> None:
    too_long = []
    # A migration is a list of tables in the order in which they were laid out; there is nothing to follow in it.
    followed = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "versions"]
    for path in [*followed, *(ROOT / "scripts").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = ast.get_docstring(node) is not None
                first = node.body[min(1, len(node.body) - 1)] if documented else node.body[0]
                lines = (node.end_lineno or first.lineno) - first.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines")
    assert too_long == []


# -- locks -------------------------------------------------------------------------------------------------------------


LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def pins(lock: Path) -> set[str]:
    """Return a lock's lines `name==version ; marker`."""
    return set(re.findall(r"^([^\s#-][^\\\n]*?) \\$", lock.read_text(), re.MULTILINE))


def versions(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pin in pins(lock):
        requirement = Requirement(pin)
        (version,) = (each.version for each in requirement.specifier)
        found.setdefault(requirement.name.lower().replace("_", "-"), set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_each_package_of_a_lock_carries_hashes_and_no_lock_names_a_host(lock: Path) -> None:
    text = lock.read_text()
    for entry in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in entry, entry
    assert pins(lock)
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links| @ ", text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_holds_the_large_learning_libraries(lock: Path) -> None:
    assert not {
        name for name in versions(lock) if name == "torch" or name.startswith(("nvidia", "triton", "tensorflow"))
    }


def test_the_test_set_contains_the_run_set_pin_for_pin() -> None:
    assert pins(ROOT / "requirements/run.txt") <= pins(ROOT / "requirements/test.txt")


def test_the_wheel_with_prices_has_one_version_in_both_locks() -> None:
    assert versions(ROOT / "requirements/data.txt")["skfolio"] == versions(ROOT / "requirements/test.txt")["skfolio"]


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("run", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]),
        ("test", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["test"]),
        ("data", PROJECT["dependency-groups"]["data"]),
    ],
)
def test_a_lock_answers_each_dependency_that_the_project_asks_for(lock: str, asked: list[str]) -> None:
    locked = versions(ROOT / f"requirements/{lock}.txt")
    for line in asked:
        requirement = Requirement(line)
        name = requirement.name.lower().replace("_", "-")
        assert name in locked, f"{line}: not in requirements/{lock}.txt; run make lock"
        assert all(requirement.specifier.contains(version) for version in locked[name]), f"{line}: run make lock"


# -- the door and the chores -------------------------------------------------------------------------------------------


def test_the_door_can_be_read_by_an_old_python() -> None:
    ast.parse((ROOT / "scripts/do.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 1), (3, 15, 0)])
def test_an_unsupported_python_is_told_in_one_line_what_to_do(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "argv", ["do.py", "demo"])
    monkeypatch.setenv("PYTHON", sys.executable)

    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "scripts/do.py"), run_name="__main__")

    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said == (
        f"Bursar needs Python 3.11 to 3.14; this is {version[0]}.{version[1]} at {sys.executable}; "
        "install one, or name it: PYTHON=/path/to/python3.12 make demo\n"
    )


def test_each_word_of_the_makefile_is_a_chore_and_each_chore_a_word() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (words,) = re.findall(r"^([a-z ]+):\n\t@\$\(PYTHON\) scripts/do.py", makefile, re.MULTILINE)
    assert set(words.split()) == set(chores.WORDS)


def test_make_alone_explains_each_word() -> None:
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for word in chores.WORDS:
        assert re.search(rf"^  make {word}\s+\S", said, re.MULTILINE), word


def test_an_unknown_word_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert chores.main(["deno"]) == 2
    assert "the words are setup, demo, test" in capsys.readouterr().err


def made_environment(folder: Path) -> Path:
    """Return what an environment looks like from outside, after a set-up that went well."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "bin" / "pip").touch()
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n")
    chores.write_stamps(folder, {"made at": str(folder)})
    return folder


def test_a_sound_environment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON", raising=False)
    assert chores.why_rebuild(made_environment(tmp_path / "venv")) is None


def test_an_environment_that_cannot_be_trusted_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON", raising=False)
    venv = made_environment(tmp_path / "venv")

    assert chores.why_rebuild(tmp_path / "none") == "there is none yet"

    chores.write_stamps(venv, {"made at": str(venv), "unfinished": "run"})
    assert chores.why_rebuild(venv) == "its last set-up did not finish (run)"

    chores.write_stamps(venv, {"made at": "/elsewhere/.venv"})
    assert chores.why_rebuild(venv) == "the folder was moved"

    (venv / "pyvenv.cfg").write_text("version = 3.9.1\n")
    chores.write_stamps(venv, {})
    assert chores.why_rebuild(venv) == "the one that is there has Python 3.9"

    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(tmp_path / "removed")
    assert chores.why_rebuild(venv) == "the one that is there is broken"


def test_a_named_python_replaces_an_environment_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = made_environment(tmp_path / "venv")
    (venv / "pyvenv.cfg").write_text("version = 3.14.0\n" if sys.version_info[:2] != (3, 14) else "version = 3.11.0\n")
    monkeypatch.setenv("PYTHON", sys.executable)
    assert "and PYTHON names" in str(chores.why_rebuild(venv))


def test_stamps_that_were_cut_short_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "bursar-setup.json").write_text('{"run": "ab')
    assert chores.read_stamps(tmp_path) == {}


def test_a_changed_lock_changes_its_hash_and_parts_do_not_run_together(tmp_path: Path) -> None:
    lock = tmp_path / "run.txt"
    lock.write_text("a==1")
    before = chores.content_hash("3.12", lock)
    lock.write_text("a==2")
    assert chores.content_hash("3.12", lock) != before
    assert chores.content_hash("ab", "c") != chores.content_hash("a", "bc")


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Retrying: NewConnectionError(...): Failed to establish a new connection", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one that was locked"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "PIP_CERT"),
        ("something else\nentirely", "something else\nentirely"),
    ],
)
def test_a_failed_installation_says_why(printed: str, says: str, tmp_path: Path) -> None:
    assert says in chores.diagnose(printed, tmp_path / "setup.log")


@pytest.mark.parametrize(("harmless", "kept"), [(True, True), (False, False)])
def test_only_an_installation_that_touched_nothing_leaves_the_environment_trusted(
    harmless: bool, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = made_environment(tmp_path / "venv")
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr(chores, "VENV", venv)
    monkeypatch.setattr(chores, "PEERS", tmp_path)

    def fail(*_: object) -> None:
        raise chores.ChoreError("the package index cannot be reached", harmless=harmless)

    monkeypatch.setattr(chores, "install_sets", fail)
    with pytest.raises(chores.ChoreError, match="cannot be reached"):
        chores.set_up("run")

    assert (chores.why_rebuild(venv) is None) == kept


def test_a_second_set_up_waits_for_the_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); from scripts import chores, do; from pathlib import Path\n"
    script += "chores.PEERS = Path(sys.argv[2])\nwith chores.alone(): print('mine')"
    original, chores.PEERS = chores.PEERS, tmp_path
    try:
        with chores.alone():
            second = subprocess.Popen(
                [sys.executable, "-c", script, str(ROOT), str(tmp_path)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert second.stderr is not None
            assert "another set-up is at work" in second.stderr.readline()
            assert second.poll() is None
    finally:
        chores.PEERS = original
    assert second.communicate(timeout=60)[0] == "mine\n"


def test_a_benchmark_names_its_peers_without_being_run(tmp_path: Path) -> None:
    benchmark = tmp_path / "speed.py"
    benchmark.write_text('PEERS = ("mathematics",)\nraise SystemExit("run")\n')
    assert chores.peers_of(benchmark) == ("mathematics",)
    benchmark.write_text("import numpy\n")
    assert chores.peers_of(benchmark) == ()


def test_the_continuous_integration_runs_everybodys_words() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^make (\w+)$", script, re.MULTILINE) == ["check", "test"]
    assert os.access(ROOT / ".ci/run", os.X_OK)


# -- proofs ------------------------------------------------------------------------------------------------------------


PROOFS = """
import pytest

@pytest.mark.prove
def test_counted(evidence):
    evidence(orders=1000, breaches=0)

def test_everyday():
    pass
"""


def run_pytest(folder: Path, source: str, *arguments: str) -> tuple[int, str]:
    """Run a file of tests under the house's conftest and settings."""
    shutil.copy(ROOT / "tests/conftest.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "test_proofs.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder / "test_proofs.py"), *arguments]
    # Other people's plugins take longer to load than the tests to run.
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, env=bare)
    return ran.returncode, ran.stdout + ran.stderr


def test_proofs_stay_out_of_the_everyday_run(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, PROOFS)
    assert code == 0
    assert "1 passed, 1 deselected" in said


def test_a_proof_leaves_its_counts_as_evidence(tmp_path: Path) -> None:
    code, said = run_pytest(
        tmp_path, PROOFS, "-p", "xdist", "-m", "prove", "-n", "1", "--evidence", str(tmp_path / "prove.json")
    )
    assert code == 0, said
    (proof,) = json.loads((tmp_path / "prove.json").read_text()).values()
    assert proof["outcome"] == "passed"
    assert proof["counts"] == {"orders": 1000, "breaches": 0}


def test_a_proof_without_counts_is_no_proof(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, PROOFS.replace("evidence(orders=1000, breaches=0)", "pass"), "-m", "prove")
    assert code == 1
    assert "this proof recorded no counts" in said

    code, said = run_pytest(tmp_path, PROOFS.replace("(evidence)", "()"), "-m", "prove")
    assert code == 4
    assert "must take the fixture `evidence`" in said


def test_each_test_has_a_home_of_its_own(bursar_home: Path) -> None:
    assert os.environ["BURSAR_HOME"] == str(bursar_home)
    assert list(bursar_home.iterdir()) == []
