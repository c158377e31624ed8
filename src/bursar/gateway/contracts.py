"""Instruments as clients describe them, and back: numbers, symbols, exchanges and currencies in IBKR's words.

Stocks, funds and pairs of currencies. A class of shares has a dot inside Bursar (``BRK.B``) and a blank at IBKR
(``BRK B``); a pair (``EUR.USD``) is the symbol EUR in USD there, of the kind CASH, at IDEALPRO.
"""

from __future__ import annotations

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.gateway.messages.replies import SymbolSample
from bursar.gateway.messages.values import Condition, Contract
from bursar.gateway.world import World

SMART = "SMART"
STOCK, PAIR = "STK", "CASH"
#: Where pairs of currencies are dealt in.
IDEALPRO = "IDEALPRO"
#: How many look-alikes reqMatchingSymbols gives at most.
SAMPLES_MAX = 16
#: IBKR's names of the exchanges that instruments are listed on.
EXCHANGES = {
    "XNYS": "NYSE",
    "XNAS": "NASDAQ",
    "ARCX": "ARCA",
    "XASE": "AMEX",
    "BATS": "BATS",
    "XASX": "ASX",
    "XETR": "IBIS",
    "XLON": "LSE",
}
_TRADED = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.CURRENCY})


class Contracts:
    """What can be traded in one world, by number and by name."""

    def __init__(self, world: World) -> None:
        stocks = [each for each in world.instruments if each.kind in _TRADED]
        self._contracts = {each.symbol: _describe(each, world.contract_ids[each.symbol]) for each in stocks}
        self._by_number = {contract.con_id: symbol for symbol, contract in self._contracts.items()}
        self._by_name = {_name(contract): symbol for symbol, contract in self._contracts.items()}
        self._instruments = {each.symbol: each for each in stocks}

    def __getitem__(self, symbol: str) -> Contract:
        """What is told of ``symbol``: its number, its listing, smart routing."""
        return self._contracts[symbol]

    def symbol(self, number: int) -> str | None:
        """Whose number it is."""
        return self._by_number.get(number)

    def symbol_in(self, condition: Condition) -> str | None:
        """What a condition is about: by number, or for one on executions by name, kind and exchange."""
        if not condition.symbol:
            return self._by_number.get(condition.con_id)
        symbol = self._by_name.get(condition.symbol)
        known = self._contracts.get(symbol or "")
        agrees = known is not None and condition.sec_type in ("", known.sec_type)
        return (
            symbol if known and agrees and condition.exchange in ("", known.exchange, known.primary_exchange) else None
        )

    def find(self, asked: Contract) -> Instrument | None:
        """The one instrument that ``asked`` describes, or None: error 200 in IBKR's words."""
        symbol = self._by_number.get(asked.con_id) if asked.con_id else self._by_name.get(_name(asked))
        if symbol is None or not _agrees(asked, self._contracts[symbol]):
            return None
        return self._instruments[symbol]

    def matching(self, pattern: str) -> tuple[SymbolSample, ...]:
        """Stocks whose symbol begins with ``pattern``, then those whose name holds it; none for an empty one."""
        wanted = pattern.strip().upper()
        if not wanted:
            return ()
        begins = [symbol for symbol, each in self._contracts.items() if each.symbol.startswith(wanted)]
        named = [
            symbol for symbol, each in self._instruments.items() if wanted in each.name.upper() and symbol not in begins
        ]
        found = sorted(begins, key=lambda symbol: (len(symbol), symbol)) + sorted(named)
        return tuple(self._sample(symbol) for symbol in found[:SAMPLES_MAX])

    def _sample(self, symbol: str) -> SymbolSample:
        contract = self._contracts[symbol]
        return SymbolSample(
            con_id=contract.con_id,
            symbol=contract.symbol,
            sec_type=contract.sec_type,
            primary_exchange=contract.primary_exchange,
            currency=contract.currency,
            description=self._instruments[symbol].name,
        )


def _name(contract: Contract) -> str:
    """What tells a contract from others: its symbol; for a pair both of its currencies."""
    if contract.sec_type == PAIR:
        return contract.local_symbol or f"{contract.symbol}.{contract.currency}"
    return contract.symbol or contract.local_symbol


def _describe(instrument: Instrument, number: int) -> Contract:
    if instrument.kind is InstrumentKind.CURRENCY:
        return Contract(
            con_id=number,
            symbol=instrument.symbol.partition(".")[0],
            sec_type=PAIR,
            exchange=IDEALPRO,
            primary_exchange=IDEALPRO,
            currency=instrument.currency,
            local_symbol=instrument.symbol,
            trading_class=instrument.symbol,
        )
    listed_on = EXCHANGES.get(instrument.exchange, instrument.exchange)
    name = instrument.symbol.replace(".", " ")
    return Contract(
        con_id=number,
        symbol=name,
        sec_type=STOCK,
        exchange=SMART,
        primary_exchange=listed_on,
        currency=instrument.currency,
        local_symbol=name,
        trading_class="NMS" if listed_on == "NASDAQ" else name,
    )


def _agrees(asked: Contract, known: Contract) -> bool:
    """True unless ``asked`` says something of the contract that is not so. A number needs nothing beside it."""
    said = (
        (asked.sec_type, (known.sec_type,)),
        (asked.symbol, (known.symbol,)),
        (asked.currency, (known.currency,)),
        (asked.exchange, (known.exchange, known.primary_exchange)),
        (asked.primary_exchange, (known.primary_exchange,)),
    )
    wrong = any(word and word not in allowed for word, allowed in said)
    return not wrong and bool(asked.con_id or (asked.sec_type and asked.currency))
