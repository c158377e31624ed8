"""The pages tell the truth: links lead somewhere, commands exist, and each requirement has its row."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
import typer

from scripts import chores

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REQUIREMENTS = ROOT / "docs" / "requirements.md"
ROWS_BY_GROUP = {"B": 13, "A": 9, "G": 7, "O": 8, "R": 10, "P": 12, "M": 9, "L": 7, "X": 17}
STATES = ("built", "in part", "not built yet")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(make|bursar)\b(.*)$")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> list[list[str]]:
    """Return the commands that a page shows, in blocks and in the line, as words without comments."""
    shown = [
        line
        for language, block in FENCE.findall(page.read_text())
        if language in ("", "sh")
        for line in block.splitlines()
    ]
    shown += re.findall(r"`((?:make|bursar) [^`]+)`", prose(page))
    found = [COMMAND.match(line.split(" #")[0].strip()) for line in shown]
    return [[match[1], *match[2].split()] for match in found if match]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{name_of(page)} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(goal), f"{name_of(page)} links to {target}, and there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_command_of_a_page_exists(page: Path) -> None:
    for program, *arguments in commands(page):
        words = set(chores.WORDS) if program == "make" else subcommands()
        word = next((each for each in arguments if not each.startswith("-") and "=" not in each), None)
        known = word is None or word in words or not re.fullmatch(r"[a-z-]+", word)
        assert known, f"{name_of(page)} shows `{program} {word}`; there are {', '.join(sorted(words))}"


def subcommands() -> set[str]:
    """Return the words that follow `bursar`, asked from the command line itself."""
    command = typer.main.get_command(importlib.import_module("bursar.desk.cli").app)
    return set(getattr(command, "commands", {}))


def test_the_readme_shows_the_two_commands() -> None:
    shown = [words[:2] for words in commands(ROOT / "README.md")]
    assert ["make", "demo"] in shown
    assert ["make", "test"] in shown


def rows() -> dict[str, list[str]]:
    """Return the cells of each requirement's row, by its ID."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in REQUIREMENTS.read_text().splitlines()
        if re.match(r"\| [A-Z]\d+ \|", line)
    ]
    ids = [row[0] for row in cells]
    assert len(ids) == len(set(ids)), "a row stands twice in docs/requirements.md"
    return {row[0]: row[1:] for row in cells}


def test_each_requirement_has_its_row() -> None:
    expected = {f"{group}{number}" for group, count in ROWS_BY_GROUP.items() for number in range(1, count + 1)}
    assert set(rows()) == expected


def test_each_row_says_what_it_asks_and_how_far_it_is_and_what_shows_it() -> None:
    for row, cells in rows().items():
        assert len(cells) == 4, f"{row} has {len(cells)} cells after its ID; it needs what, where, shown by, state"
        what, where, shown_by, state = cells
        assert what, row
        assert state.startswith(STATES), f"{row} is {state!r}; the states are {', '.join(STATES)}"
        if state.startswith("not built yet"):
            assert not shown_by, f"{row} is not built, so nothing can show it"
        else:
            assert "`src/" in where or "`deploy/" in where or "`scripts/" in where, f"{row} does not say where it lives"
            assert "`tests/" in shown_by or "`make " in shown_by or "`bursar " in shown_by, f"{row}: nothing shows it"
        if state.startswith("in part"):
            assert len(state) > len("in part: "), f"{row} is in part, and does not say what is missing"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_path_and_test_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:src|tests|docs|scripts|benchmarks|deploy|requirements)/[^`\s]*)`", prose(page))
    for name in named:
        path, _, test = name.partition("::")
        if re.search(r"[A-Z*<]", path.split("/")[-1]):
            continue  # a pattern such as bench-NAME.txt
        assert (ROOT / path).exists(), f"{name_of(page)} names {path}, which is not there"
        if test:
            assert test in functions_of(ROOT / path), f"{name_of(page)} names {name}, and the file has no such test"


def functions_of(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def test_the_changelog_keeps_a_place_for_what_comes_next() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])


def test_decisions_are_numbered_without_gaps_and_say_what_was_given_up() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert numbers == list(range(1, len(numbers) + 1))
    for path in decisions:
        assert path.read_text().startswith(f"# {path.name[:4]}: "), path.name
        assert "gave up" in path.read_text(), f"{path.name} does not say what was given up"
