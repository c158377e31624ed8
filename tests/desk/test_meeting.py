"""A meeting in its four forms: they tell the same, hide nothing, and let no stranger's word act."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bursar.adapters.memory import MemoryNews, RecordedModel
from bursar.adapters.signals import SignalBox
from bursar.desk import cli, meeting, meeting_page
from bursar.desk.meeting import Sitting
from bursar.domain.committee import Action
from bursar.domain.events import Event
from bursar.errors import InputError
from bursar.ports import Headline
from bursar.research.reasoning import Reasoner
from tests.runtime.test_morning import CLOSES_ALONE, MONDAY, WHOLE, answers, engine, held, job, signal, weeks

HOSTILE = '<script>alert("x")</script>\x1b[2J profits rose'


@pytest.fixture(scope="module")
def events() -> Sequence[Event]:
    """Twelve weeks of meetings, and one more with a hostile headline, a signal and a model that was asked."""
    news = MemoryNews([Headline(symbols=("ACME",), text=HOSTILE, source=HOSTILE, known_at=MONDAY - timedelta(days=1))])
    hostile = replace(WHOLE, news=news)
    model = RecordedModel(answers(held(job(hostile))))
    made = job(
        hostile,
        signals=[signal(reason=HOSTILE)],
        reasoner=Reasoner(model=model),
        signals__sources="desk",
        committee__probability_min="0.5",
    )
    past = weeks(12, made)
    return [*past, *asyncio.run(made.hold(engine(MONDAY, past)))]


@pytest.fixture(scope="module")
def sitting(events: Sequence[Event]) -> Sitting:
    return meeting.sitting_on(events, None)


def drawn(shown: Sitting) -> str:
    out = StringIO()
    Console(file=out, width=140).print(meeting.as_table(shown))
    return out.getvalue()


# ---------------------------------------------------------------- which meeting


def test_a_journal_s_meetings_are_found_by_their_day(events: Sequence[Event]) -> None:
    assert len(meeting.sittings(events)) == 13
    first = meeting.sittings(events)[0].met
    assert meeting.sitting_on(events, first.at.date()).met == first
    with pytest.raises(InputError, match=r"no committee met on 2020-01-01; the 13 meetings .* are from 2021-06-07"):
        meeting.sitting_on(events, date(2020, 1, 1))
    with pytest.raises(InputError, match="no committee met in this journal"):
        meeting.sitting_on([], None)


def test_a_meeting_can_be_shown_for_some_symbols_and_only_those_it_was_about(sitting: Sitting) -> None:
    shown = sitting.only(["REST"])
    assert [each.symbol for each in shown.met.resolutions] == ["REST"]
    assert {view.symbol for view in shown.views} == {"REST"}
    assert not shown.signals
    assert sitting.only([]) is sitting
    with pytest.raises(InputError, match="not about XYZ; it was about ACME, REST"):
        sitting.only(["XYZ"])


# ---------------------------------------------------------------- what is told


def test_every_form_tells_the_same(sitting: Sitting) -> None:
    words, shown = meeting.reasoning(sitting), drawn(sitting)
    told = json.loads(meeting.as_json(sitting, {"day": "2022-01-03"}))
    page = meeting_page.page(sitting)
    for each in sitting.met.resolutions:
        assert f"{each.symbol}: {each.action.upper()}" in words
        assert re.search(rf"{each.symbol}\s+{each.action.value}.*\b{each.confidence}\b", shown)
        assert f"confidence {each.confidence}" in page
    assert [each["symbol"] for each in told["resolutions"]] == ["ACME", "REST"]
    assert told["day"] == "2022-01-03"
    assert told["quorate"] == len(sitting.met.quorate)
    for seat in sitting.met.seats:
        assert seat.analyst in words
        assert seat.analyst in shown
        assert seat.analyst.replace("_", " ") in page
    for step in ("Screen", "Views", "Pooling", "Ranking", "Diversification"):
        assert step in words
        assert step in shown
        assert step in page


def test_dissent_abstentions_and_the_model_are_shown(sitting: Sitting) -> None:
    words = meeting.reasoning(sitting)
    dissenting = [each for each in sitting.met.resolutions if each.dissent]
    assert dissenting
    assert words.count("(against the others)") == sum(len(each.dissent) for each in dissenting)
    assert "sentiment abstains: no headline of it in 30 days" in words  # of REST
    assert "to a language model answered" in meeting_page.page(sitting)
    assert "to a language model answered" in drawn(sitting)


def test_without_a_quorum_the_page_says_so_first_and_shows_the_views_all_the_same() -> None:
    sitting = meeting.sitting_on(held(job(CLOSES_ALONE)), None)
    page = meeting_page.page(sitting)
    assert "No verdict." in page
    assert "the 50-day average is" in page
    assert "0 of 2 symbols had a quorum of 3 sources." in drawn(sitting)
    assert "What was said" in drawn(sitting)


def test_a_symbol_that_nobody_voted_on_has_an_empty_strip(sitting: Sitting) -> None:
    silent = replace(sitting.met.resolutions[0], votes={}, confidence=0, dissent=(), action=Action.HOLD)
    drawn_strip = meeting_page.strip(silent, sitting.met.seats)
    assert "nobody voted" in drawn_strip
    assert "<circle" not in drawn_strip
    assert "pooled" not in drawn_strip


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_asks_nobody_for_anything_and_runs_no_script(sitting: Sitting) -> None:
    page = meeting_page.page(sitting)
    tags = Tags(page).found
    assert not {"script", "iframe", "object", "form", "img"} & {tag for tag, _ in tags}
    for tag, attributes in tags:
        for name in ("src", "href", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), (tag, value)
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page


def test_no_form_lets_a_strangers_word_control_a_terminal(sitting: Sitting) -> None:
    for shown in (meeting.reasoning(sitting), drawn(sitting), meeting_page.page(sitting)):
        assert "\x1b" not in shown
        assert "profits rose" in shown


# ---------------------------------------------------------------- on the command line


@pytest.fixture
def bursar(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert cli.main(list(words)) == code
        said = capsys.readouterr()
        return said.out if code == 0 else said.err

    return run


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_three_symbols_of_one_morning(
    bursar: Callable[..., str], prices: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(prices))
    page = tmp_path / "pages" / "meeting.html"
    told = json.loads(bursar("analyze", "aapl", "MSFT", "JPM", "--date", "2012-06-29", "--json", "--html", str(page)))
    assert [each["symbol"] for each in told["resolutions"]] == ["AAPL", "MSFT", "JPM"]
    assert told["at"] == "2012-06-29T13:00:00Z"  # nine o'clock in New York
    assert (told["quorate"], told["quorum"]) == (0, 3)
    # The morning knows the close of the day before, and nothing later.
    days = {
        day for view in told["views"] for e in view["evidence"] for day in re.findall(r"\d{4}-\d\d-\d\d", e["source"])
    }
    assert days == {"2012-06-28"}
    assert told["climate"].keys() == {"turbulence", "mood", "breadth"}
    assert "Committee of Fri 29\N{NO-BREAK SPACE}Jun 2012" in page.read_text(encoding="utf-8")
    shown = bursar("analyze", "AAPL", "--date", "2012-06-29", "--agents", "technical_analyst")
    assert "AAPL" in shown
    assert "MSFT" not in shown
    assert "Committee of 2012-06-29 13:00 UTC" in bursar("analyze", "AAPL", "--date", "2012-06-29", "--reasoning")
    assert "no session" in bursar("analyze", "--date", "2012-07-04", code=2)
    assert "was not about TSLA" in bursar("analyze", "TSLA", "--date", "2012-06-29", code=2)


def test_a_signal_is_sent_heard_and_kept(
    bursar: Callable[..., str], prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(prices))
    monkeypatch.setenv("BURSAR_SIGNALS_SOURCES", "desk")
    words = ["--expects", "0.02", "--confidence", "0.7", "--reason", "orders [b]are[/b] strong", "--issued"]
    sent = bursar("signal", "ko", *words, "2012-06-28T20:00:00Z", "--id", "7")
    assert "desk.7.json" in sent
    told = json.loads(bursar("analyze", "KO", "--date", "2012-06-29", "--json"))
    assert told["resolutions"][0]["votes"]["signal desk"] == pytest.approx(0.7)
    assert told["signals"][0]["refused"] == ""
    assert "which has no zone" in bursar("signal", "KO", *words, "2012-06-28T20:00:00", code=2)
    assert "give a time" in bursar("signal", "KO", *words, "yesterday", code=2)
    assert "its confidence is 7.0" in bursar(
        "signal", "KO", "--expects", "0.02", "--confidence", "7", "--reason", "x", code=2
    )
    bursar("signal", "KO", "--expects", "-0.01", "--confidence", "0.6", "--reason", "now")
    assert len(list((prices / "signals").glob("desk.*.json"))) == 2
    assert not SignalBox(prices / "signals").unread()


def test_the_meetings_of_a_run_can_be_looked_at_again(
    bursar: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prices: Path
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(prices))
    monkeypatch.setenv("BURSAR_COMMITTEE_SHOW_REASONING", "true")
    bursar("demo", "--days", "2", "--in-process", "--json")
    monkeypatch.delenv("BURSAR_COMMITTEE_SHOW_REASONING")
    assert "Committee of Tue 4\N{NO-BREAK SPACE}Jan 2022" in bursar("committee")
    whole = bursar("committee", "AAPL", "--date", "2022-01-03", "--reasoning")
    assert "Committee of 2022-01-03 14:00 UTC" in whole
    assert "technical (bullish)" in whole
    told = json.loads(bursar("committee", "--json"))
    assert len(told["resolutions"]) == 20
    page = tmp_path / "m.html"
    assert str(page) in bursar("committee", "--html", str(page)).replace("\n", "")
    assert "give a day, such as" in bursar("committee", "--date", "soon", code=2)
    assert "no committee met on 2022-02-01" in bursar("committee", "--date", "2022-02-01", code=2)


def test_a_run_prints_its_meetings_where_that_is_wished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], prices: Path
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(prices))
    assert cli.main(["demo", "--days", "1", "--in-process", "--json"]) == 0
    assert "1. Screen:" not in capsys.readouterr().err
    # committee__show_reasoning
    monkeypatch.setenv("BURSAR_COMMITTEE_SHOW_REASONING", "true")
    assert cli.main(["demo", "--days", "1", "--in-process", "--json"]) == 0
    said = capsys.readouterr()
    assert "1. Screen:" in said.err
    json.loads(said.out)
