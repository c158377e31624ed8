"""Language models, behind ``ports.LanguageModel``: what is recorded first, then the first model, then a cheaper one.

    recorded   an answer that was given to the very same question, for nothing
    primary    the model that was chosen
    small      a cheaper one, where it was named: when the first fails, or would cost more than is left
    nothing    no answer, with the reason; whoever asked goes on by rule

A ceiling holds for each cycle. Before a question is put, the most that it can cost with all its repetitions is set
aside, and where that is more than is left it is not put: the ceiling is kept beforehand and not noticed afterwards.
A model that failed three times in a row is left alone until the next cycle, so that a morning does not wait for a
server that is down.

The client library (pydantic-ai, any of its providers) is loaded when the first question is put. A model is given the
prompt and the shape of the answer: no tool, no memory, no key but its own, which is taken out of every message.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import ROUND_UP, Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from bursar.adapters.answers import Recordings
from bursar.errors import InputError
from bursar.ports import Answer, Result

#: Tokens that an answer may have, and that an instruction to mend one and the shape of the answer may add.
ANSWER_TOKENS, SHAPE_TOKENS = 600, 700
#: Bytes of a prompt that are a token at least; four is usual for English.
TOKEN_BYTES = 2
MILLION = Decimal(1_000_000)
CENT_OF_A_CENT = Decimal("0.000001")
#: Failures in a row after which a model is left alone until the next cycle.
FAILURES_MAX = 3
#: Questions that are on their way at once.
AT_ONCE = 4
PROBLEM_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens."""

    tokens_in: Decimal = Decimal(0)
    tokens_out: Decimal = Decimal(0)

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """What so many tokens cost, rounded up."""
        cost = (self.tokens_in * tokens_in + self.tokens_out * tokens_out) / MILLION
        return cost.quantize(CENT_OF_A_CENT, rounding=ROUND_UP)


class Rung(Protocol):
    """One model of the chain."""

    @property
    def name(self) -> str: ...

    def worst(self, prompt: str) -> Decimal:
        """The most that one question can cost."""
        ...

    async def ask(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]: ...


class ModelChain:
    """A ``LanguageModel`` that asks what costs least first and never spends more than its ceiling in a cycle.

    rungs  models to ask, in order; the recorded answers of each are tried before any is asked
    live   False repeats what is recorded and asks nobody
    """

    def __init__(self, rungs: Sequence[Rung], recordings: Recordings, ceiling: Decimal, *, live: bool) -> None:
        if not rungs:
            raise InputError("a chain of models needs one at least")
        self._rungs = tuple(rungs)
        self._recordings = recordings
        self._ceiling = ceiling
        self._live = live
        self.spent = Decimal(0)
        self._aside = Decimal(0)
        self._failed: dict[str, int] = {}
        self._gate: asyncio.Semaphore | None = None

    def begin(self) -> None:
        """A cycle begins: nothing is spent yet, and whoever failed is asked again."""
        self.spent = self._aside = Decimal(0)
        self._failed = {rung.name: 0 for rung in self._rungs}
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def ask(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]:
        """See ``ports.LanguageModel``."""
        if self._gate is None:
            self.begin()
        assert self._gate is not None
        recorded = self._recorded(prompt, schema, check)
        if recorded is not None or not self._live:
            return recorded or Answer(
                value=None, problem="no answer was recorded to this prompt", model=self._rungs[0].name, recorded=True
            )
        async with self._gate:
            return await self._asked(prompt, schema, check)

    def _recorded(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result] | None:
        adapter: TypeAdapter[Result] = TypeAdapter(schema)
        for rung in self._rungs:
            text = self._recordings.find(rung.name, prompt, adapter.json_schema())
            if text is None:
                continue
            try:
                value = adapter.validate_json(text)
            except ValidationError:
                continue
            if not check(value):
                return Answer(value=value, problem="", model=rung.name, recorded=True, text=text)
        return None

    async def _asked(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]:
        tried: list[Answer[Result]] = []
        for rung in self._rungs:
            dear = rung.worst(prompt)
            if self._failed[rung.name] >= FAILURES_MAX:
                why = f"it failed {FAILURES_MAX} times in a row and is left alone until the next cycle"
                tried.append(Answer(value=None, problem=why, model=rung.name))
                continue
            if self.spent + self._aside + dear > self._ceiling:
                why = f"it could cost ${dear:f}, and ${self._left():f} of ${self._ceiling:f} a cycle is left"
                tried.append(Answer(value=None, problem=why, model=rung.name))
                continue
            self._aside += dear
            try:
                answer = await rung.ask(prompt, schema, check)
            finally:
                self._aside -= dear
            self.spent += answer.cost
            tried.append(answer)
            self._failed[rung.name] = 0 if answer.value is not None else self._failed[rung.name] + 1
            if answer.value is not None:
                shape = TypeAdapter(schema).json_schema()
                self._recordings.keep(rung.name, prompt, shape, TypeAdapter(schema).dump_json(answer.value).decode())
                break
        return _told(tried)

    def _left(self) -> Decimal:
        return max(self._ceiling - self.spent - self._aside, Decimal(0))


def _told(tried: Sequence[Answer[Result]]) -> Answer[Result]:
    """The last answer, with what all of them cost, and why the ones before it were none."""
    last = tried[-1]
    problems = [f"{each.model}: {each.problem}" for each in tried if each.problem]
    return replace(
        last,
        problem="" if last.value is not None else "; ".join(problems),
        attempts=sum(each.attempts for each in tried),
        tokens_in=sum(each.tokens_in for each in tried),
        tokens_out=sum(each.tokens_out for each in tried),
        cost=sum((each.cost for each in tried), Decimal(0)),
    )


# ---------------------------------------------------------------- one model


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where a model is asked. key: not shown and never written."""

    name: str
    key: str = field(default="", repr=False)
    base_url: str = ""

    @property
    def local(self) -> bool:
        """Whether it listens on this machine, where asking costs nothing."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderModel:
    """A model of a provider, asked through pydantic-ai."""

    provider: Provider
    model: str
    price: Price
    timeout_seconds: float = 30.0
    attempts_max: int = 2

    @property
    def name(self) -> str:
        """Provider and model, as the journal names them."""
        return f"{self.provider.name}:{self.model}"

    def worst(self, prompt: str) -> Decimal:
        """The most that a question costs: every attempt has the prompt, the answers before it, and a full answer."""
        first = len(prompt.encode()) // TOKEN_BYTES + SHAPE_TOKENS
        attempts = self.attempts_max
        tokens_in = attempts * first + (ANSWER_TOKENS + SHAPE_TOKENS) * attempts * (attempts - 1) // 2
        return self.price.of(tokens_in, attempts * ANSWER_TOKENS)

    async def ask(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]:
        """The answer, or why there is none. Whatever happens on the way is an answer and no exception."""
        # A second and a half to load, and for those alone who ask.
        from pydantic_ai import RunUsage, capture_run_messages
        from pydantic_ai.exceptions import AgentRunError, UserError

        usage, value, problem = RunUsage(), None, ""
        with capture_run_messages() as messages:
            try:
                async with asyncio.timeout(self.timeout_seconds), _client(self.provider) as model:
                    value = await _run(model(self.model), self, prompt, schema, check, usage)
            except TimeoutError:
                problem = f"no answer within {self.timeout_seconds:g} seconds"
            except (AgentRunError, UserError, OSError) as error:
                # Beneath "too many retries" lies what was wrong with the last answer.
                problem = str(error.__cause__ or error)
        return Answer(
            value=value,
            problem=self._said(problem),
            model=self.name,
            text=self._without_key(_last_words(messages)),
            attempts=max(usage.requests, 1),
            tokens_in=usage.input_tokens,
            tokens_out=usage.output_tokens,
            cost=self.price.of(usage.input_tokens, usage.output_tokens),
        )

    def _said(self, problem: str) -> str:
        plain = " ".join(self._without_key(problem).split())
        return plain if len(plain) <= PROBLEM_LENGTH else f"{plain[:PROBLEM_LENGTH]}..."

    def _without_key(self, text: str) -> str:
        return text.replace(self.provider.key, "(key)") if self.provider.key else text


async def _run(
    model: Any,
    asked: ProviderModel,
    prompt: str,
    schema: type[Result],
    check: Callable[[Result], str],
    usage: Any,
) -> Result:
    from pydantic_ai import Agent, ModelRetry

    agent: Any = Agent(model, output_type=schema, retries={"tools": 0, "output": asked.attempts_max - 1})

    @agent.output_validator  # type: ignore[untyped-decorator]  # the agent is made of values, not of types
    def checked(value: Result) -> Result:
        complaint = check(value)
        if complaint:
            raise ModelRetry(complaint)
        return value

    run = await agent.run(prompt, usage=usage, model_settings={"max_tokens": ANSWER_TOKENS, "temperature": 0.0})
    answer: Result = run.output
    return answer


@asynccontextmanager
async def _client(provider: Provider) -> AsyncIterator[Callable[[str], Any]]:
    """What makes a model of its name, while the line to its provider is open. The line itself repeats nothing."""
    if provider.name == "openai":
        import openai
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        # Local servers ask for no key, and the client insists on one.
        async with openai.AsyncOpenAI(
            api_key=provider.key or "none", base_url=provider.base_url or None, max_retries=0
        ) as line:
            yield lambda name: OpenAIChatModel(name, provider=OpenAIProvider(openai_client=line))
    elif provider.name == "anthropic":
        import anthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        async with anthropic.AsyncAnthropic(
            api_key=provider.key or None, base_url=provider.base_url or None, max_retries=0
        ) as other:
            yield lambda name: AnthropicModel(name, provider=AnthropicProvider(anthropic_client=other))
    else:
        from pydantic_ai.models import infer_model

        # Its key is found where the provider's own library looks for it.
        yield lambda name: infer_model(f"{provider.name}:{name}")


def _last_words(messages: Sequence[Any]) -> str:
    """What the model said last, as text: the answer's fields, or words where it had none."""
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            said = [
                part.args_as_json_str() if isinstance(part, ToolCallPart) else part.content
                for part in message.parts
                if isinstance(part, ToolCallPart | TextPart)
            ]
            return "\n".join(said)
    return ""


def published_price(provider: Provider, model: str) -> Price:
    """What the provider asks for a model; nothing on this machine. Raises InputError where nobody knows."""
    if provider.local:
        return Price()
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1_000_000, output_tokens=1_000_000), model, provider_id=provider.name)
    except LookupError:
        raise InputError(
            f"nobody knows what {provider.name}:{model} costs, so no ceiling could hold; "
            "set models.price_in and models.price_out, in US dollars for a million tokens"
        ) from None
    return Price(tokens_in=Decimal(found.input_price), tokens_out=Decimal(found.output_price))
