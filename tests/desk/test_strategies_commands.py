"""`bursar strategies`: for people and for programs, and the page about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bursar.adapters.vendors import bokeh, wheels
from bursar.config import load
from bursar.config.settings import Settings
from bursar.desk.cli import main
from bursar.research.templates import shipped, template
from bursar.runtime.offers import morning, stance
from scripts.strategies_page import PAGE, SOURCES, cell, page


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert main(["strategies", *words]) == code
    told = capsys.readouterr()
    return told.out, told.err


def test_a_template_is_shown_in_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "show", "mean_reversion")
    assert "oversold_rsi: the 14-day RSI." in out
    assert "At most 5 positions" in out
    told = json.loads(run(capsys, "show", "mean_reversion", "--json")[0])
    assert told["version"] in out
    assert told["size"]["risk"] == 0.015


def test_a_name_or_a_file_that_is_wrong_is_named_with_its_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, err = run(capsys, "show", "momentm", code=2)
    assert "Did you mean momentum?" in " ".join(err.split())
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n', encoding="utf-8")
    _, err = run(capsys, "show", str(path), code=2)
    assert "[size] is missing" in " ".join(err.split())


def test_the_list_says_what_the_sample_supports(capsys: pytest.CaptureFixture[str]) -> None:
    told = {each["name"]: each for each in json.loads(run(capsys, "list", "--json")[0])}
    assert list(told) == list(shipped())
    assert told["momentum"]["here"] == "works without volume_momentum"
    assert told["trend"]["here"] == "works"
    assert told["long_call"]["here"] == "abstains: the source has no option_quotes"
    assert told["quality_value"]["here"].startswith("abstains: verdict")


def test_the_ranking_explains_each_offer(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "rank", "--top", "1", "--date", "1994-06-01")
    said = " ".join(out.split())
    assert "not distinguishable from luck" in said or "above everything held alike" in said
    assert "stops and targets are placed for what was filled" in said
    assert "all of them outlived" in said
    assert "momentum" in err  # progress, one line each where nobody looks
    told = json.loads(run(capsys, "rank", "--json", "--date", "1994-06-01")[0])
    assert told["simulated"] is False
    by_name = {each["name"]: each for each in told["offers"]}
    assert set(by_name) == {name for name, each in shipped().items() if not each.baseline}
    for each in told["offers"]:
        assert each["offered"] == (not each["not_offered"])
        if each["offered"]:
            assert each["chance"] >= 0.6
            assert each["risk"] <= 0.05
            assert each["timeline"]
    assert by_name["long_put"]["not_offered"] == ["abstains: the source has no option_quotes"]
    assert told["together"] == sorted(told["together"], key=lambda each: (-each["chance"], each["symbol"]))


def test_what_is_composed_says_how_many_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "generate", "--json", "--date", "1994-06-01")[0])
    assert told["trials"] == len(told["offers"]) == 19
    assert all(each["kind"] == "generated" for each in told["offers"])
    _, err = run(capsys, "generate", "--top", "-1", code=2)
    assert "--top is -1; give 0 or more" in " ".join(err.split())


# ---------------------------------------------------------------- the page


def test_the_page_about_the_strategies_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m scripts.strategies_page`"


def settings(world: str) -> Settings:
    from bursar.config import Given

    return load(None, command_line={"market.source": Given(world, "in a test")})


@pytest.mark.parametrize("world", ["sample", "bokeh", "synthetic"])
def test_the_matrix_is_what_the_templates_really_do(world: str, bursar_home: Path) -> None:
    from datetime import date

    kind, fields = SOURCES[world]
    day = date(2012, 6, 1)
    ready = morning(settings(world), bursar_home, day, with_views=False)
    for each in shipped().values():
        if "views" in each.needs:
            continue
        said, told = cell(each, kind, fields), stance(each, ready)
        assert said.startswith("abstains") == told.startswith("abstains"), (each.name, said, told)
        assert ("without" in said) == ("without" in told), (each.name, said, told)


def test_a_source_that_ships_says_what_it_has() -> None:
    assert SOURCES["sample"][1] == wheels.STOCKS.fields
    assert SOURCES["bokeh"][1] == bokeh.SOURCE.fields
    assert cell(template("volatility_expansion"), "real", {"close"}) == (
        "abstains: no days of reports, no implied volatility, no quotes of options"
    )
