"""From settings to the language model that judges analysts' evidence again, or to none."""

from __future__ import annotations

from pathlib import Path

from bursar.adapters.answers import Recordings
from bursar.adapters.llm import ModelChain, Price, Provider, ProviderModel, published_price
from bursar.config import Settings
from bursar.errors import InputError
from bursar.research.reasoning import Reasoner


def reasoner(settings: Settings, home: Path) -> Reasoner | None:
    """Who judges again, with the answers that ``home`` holds; None where models.reasoning is off.

    Raises InputError where a model is to be asked and there is no key, or no price that a ceiling could be kept by.
    """
    models = settings.models
    if models.reasoning == "off":
        return None
    live = models.reasoning == "live"
    key = models.openai_api_key.get_secret_value() if models.openai_api_key and models.provider == "openai" else ""
    provider = Provider(name=models.provider, key=key, base_url=models.base_url)
    if live and provider.name == "openai" and not key and not provider.local:
        raise InputError(
            "models.reasoning is live and there is no key; set OPENAI_API_KEY, or models.reasoning to recorded or off"
        )
    names = [name for name in (models.primary_model, models.small_model) if name]
    rungs = [
        ProviderModel(
            provider=provider,
            model=name,
            price=_price(settings, provider, name) if live else Price(),
            timeout_seconds=float(models.timeout_seconds),
            attempts_max=models.attempts_max,
        )
        for name in dict.fromkeys(names)
    ]
    chain = ModelChain(rungs, Recordings(home / "data" / "answers"), models.cycle_cost_max, live=live)
    return Reasoner(model=chain)


def _price(settings: Settings, provider: Provider, name: str) -> Price:
    models = settings.models
    if models.price_in or models.price_out:
        return Price(tokens_in=models.price_in, tokens_out=models.price_out)
    return published_price(provider, name)
