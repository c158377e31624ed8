"""A request can be written down and read back, so that another process makes the same world."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.config import Given, build
from bursar.errors import InputError
from bursar.runtime.request import DemoRequest, read

SETTINGS = build(
    {
        key: Given(value, "a test")
        for key, value in {
            "risk.stop_loss": "7%",
            "market.watchlist": "AAPL, JPM",
            "schedule.analysis": "10:15",
            "models.openai_api_key": "sk-secret",
        }.items()
    }
)


def request(home: Path) -> DemoRequest:
    return DemoRequest(
        days=3, first=date(2022, 1, 3), seed=7, cash=Decimal("1000.50"), settings=SETTINGS, home=home, in_process=True
    )


def test_a_request_is_read_back_whole_but_for_its_secrets(tmp_path: Path) -> None:
    request(tmp_path).write(tmp_path)
    again = read(tmp_path, tmp_path)
    assert again.text() == request(tmp_path).text().replace(
        'openai_api_key = \\"set\\"', 'openai_api_key = \\"not set\\"'
    )
    assert replace(again, settings=SETTINGS) == request(tmp_path)
    assert again.settings.risk == SETTINGS.risk
    assert again.settings.market == SETTINGS.market
    assert again.settings.schedule == SETTINGS.schedule
    assert again.settings.models.openai_api_key is None


def test_no_secret_is_written_down(tmp_path: Path) -> None:
    request(tmp_path).write(tmp_path)
    assert all("sk-secret" not in path.read_text() for path in tmp_path.iterdir())


def test_a_folder_knows_the_request_that_it_was_made_for(tmp_path: Path) -> None:
    asked = request(tmp_path)
    assert not asked.is_kept_in(tmp_path)
    asked.write(tmp_path)
    assert asked.is_kept_in(tmp_path)
    assert not replace(asked, seed=8).is_kept_in(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"days": 3}', '{"days": 3, "first": "tomorrow"}'])
def test_a_file_that_is_no_request_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "request.json").write_text(content)
    with pytest.raises(InputError, match=r"request\.json is not the request"):
        read(tmp_path, tmp_path)
