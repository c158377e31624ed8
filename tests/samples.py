"""One event of every kind, with every field filled: what the journal, its bytes and the store are tried on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from bursar.domain import events as e
from bursar.domain.committee import Action, Resolution, Seating, Step
from bursar.domain.instruments import Instrument, InstrumentKind, OptionRight
from bursar.domain.money import Money
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side, TimeInForce
from bursar.domain.proposals import End, Leg, Outlook, Proposal, ProposalState
from bursar.domain.signals import Signal
from bursar.domain.targets import Bound, Target, Trim, Unit
from bursar.domain.views import Evidence, View

AT = datetime(2022, 1, 3, 14, 30, 0, 250_000, tzinfo=UTC)
DAY = date(2022, 1, 3)
ACCOUNT, MAIN, AAPL = "DU9000001", "main", "AAPL"
#: 21 characters: root, expiry, right, strike in thousandths.
CALL = "AAPL  220121C00150000"

ORDER = Order(
    order_id="o-00000001",
    account=ACCOUNT,
    symbol=AAPL,
    side=Side.SELL,
    quantity=Decimal("12.5"),
    portfolio=MAIN,
    strategy="momentum",
    effect=Effect.CLOSE,
    purpose=Purpose.PROTECTION,
    type=OrderType.STOP_LIMIT,
    limit_price=Decimal("171.10"),
    stop_price=Decimal("171.20"),
    time_in_force=TimeInForce.GOOD_TILL_DATE,
    good_till=AT,
    parent_id="o-00000000",
    oca_group="exit",
    reason="protects “AAPL”, 5 % below",
)
VIEW = View(
    view_id="v-00000001",
    analyst="technical",
    symbol=AAPL,
    horizon_days=21,
    expected_excess_return=0.1 + 0.2,
    confidence=0.55,
    evidence=(Evidence(statement="12-1 momentum is high", source="closes to 2021-12-31", value=0.31),),
    known_at=AT,
)
PROPOSAL = Proposal(
    proposal_id="p-00000001",
    account=ACCOUNT,
    portfolio=MAIN,
    strategy="pairs",
    legs=(
        Leg(
            symbol="KO", side=Side.SELL, quantity=Decimal(10), effect=Effect.CLOSE, price=Decimal("60.5"), reason="dear"
        ),
        Leg(symbol="PEP", side=Side.BUY, quantity=Decimal("3.5"), effect=Effect.OPEN, price=Decimal(170), reason="y"),
    ),
    made_at=AT,
    expires_at=AT.replace(hour=16),
    confidence=0.7,
    expected_return=0.012,
    horizon_days=21,
    risk_max=0.02,
    loss_max=Decimal("29.75"),
    reasons=("the spread is two deviations wide",),
    view_ids=("v-00000001",),
)
OUTLOOK = Outlook(
    cost=Decimal("1.5"),
    unwinding_cost=Decimal(3),
    legging_loss_max=Decimal(20),
    adverse_move=Decimal("0.02"),
    refusals=("it expired",),
    prices={"KO": Decimal("60.4"), "PEP": Decimal("170.1")},
)
OPTION = Instrument(
    symbol=CALL,
    kind=InstrumentKind.OPTION,
    name="Apple 150 call",
    multiplier=Decimal(100),
    sector="technology",
    underlying=AAPL,
    expiry=date(2022, 1, 21),
    strike=Decimal(150),
    right=OptionRight.CALL,
    contract_id=123456,
)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


_HERE: dict[str, object] = {"account": ACCOUNT, "portfolio": MAIN}
_MADE: list[tuple[type[e.Event], dict[str, object]]] = [
    (
        e.RunStarted,
        {
            "run_id": "r",
            "mode": e.Mode.PAPER,
            "account": ACCOUNT,
            "seed": 7,
            "settings": "a = 1",
            "simulated": ("prices",),
        },
    ),
    (e.SessionOpened, {"day": DAY, "exchange": "XNYS"}),
    (e.TaskFinished, {"task": "decide", "day": DAY}),
    (e.TasksMissed, {"exchange": "XNYS", "day": DAY, "tasks": ("close", "review")}),
    (e.Marked, {"prices": {AAPL: Decimal("182.01")}, "official": True, "rates": {"EUR": Decimal("1.1300")}}),
    (
        e.SessionClosed,
        {"day": DAY, "exchange": "XNYS", "equity": Decimal("100000.00"), "cash": Decimal("1.5"), "notes": ("calm",)},
    ),
    (e.TradingStateChanged, {"account": ACCOUNT, "state": e.TradingState.HALTED, "reason": "drill", "by": "operator"}),
    (e.KillOrdered, {"account": ACCOUNT, "form": e.KillForm.FLATTEN, "reason": "drill", "by": "operator"}),
    (e.KillFinished, {"account": ACCOUNT, "kept": (AAPL,)}),
    (
        e.AccountSwitched,
        {"account": ACCOUNT, "to": "DU9000002", "mode": e.Mode.PAPER, "reason": "a drill", "by": "operator"},
    ),
    (e.SwitchRefused, {"account": ACCOUNT, "to": "savings", "why": "no budget", "by": "operator"}),
    (e.RearmRefused, {"account": ACCOUNT, "reason": "not closed yet", "by": "operator"}),
    (e.SignedIn, {"person": "owner", "address": "127.0.0.1", "factors": ("password", "code")}),
    (e.SignInRefused, {"person": "owner", "address": "127.0.0.1", "why": "a wrong password"}),
    (e.AccessChanged, {"what": "role", "whom": "guest", "by": "owner", "detail": "viewer"}),
    (e.CommandReceived, {"command": "halt", "arguments": {"why": "drill"}, "by": "operator"}),
    (e.LineChanged, {"state": "down", "reason": "1100"}),
    (e.Alerted, {"severity": "warning", "message": "line down"}),
    (e.ViewFormed, {"event_id": "v-00000001", "view": VIEW}),
    (e.Abstained, {"analyst": "technical", "symbols": (AAPL, "JPM"), "reason": "no volume"}),
    (
        e.CommitteeMet,
        {
            "portfolio": MAIN,
            "quorum": 3,
            "seats": (
                Seating(
                    analyst="technical",
                    reads=("prices",),
                    weight=0.6,
                    votes=120,
                    hit_rate=0.55,
                    brier=0.24,
                    rank_ic=0.03,
                    skill=0.1,
                    uniqueness=0.9,
                ),
                Seating(analyst="dissenter", reads=(), weight=0.4),
            ),
            "steps": (Step(name="Screen", summary="abstains", kept=(AAPL,), dropped={"XOM": "too small"}),),
            "resolutions": (
                Resolution(
                    symbol=AAPL,
                    action=Action.BUY,
                    quantity=Decimal(66),
                    weight=0.1,
                    confidence=61,
                    probability=0.61,
                    expected_excess_return=0.004,
                    horizon_days=21,
                    coverage=0.8,
                    sources=3,
                    reason="bullish",
                    votes={"technical": 0.62},
                    dissent=("dissenter",),
                ),
            ),
            "climate": {"turbulence": 0.12, "mood": 41.5},
        },
    ),
    (
        e.ModelAsked,
        {
            "analyst": "sentiment",
            "symbol": AAPL,
            "model": "openai:gpt-4o-mini",
            "recorded": True,
            "prompt": "Judge “it”",
            "answer": "{}",
            "problem": "no valid answer",
            "attempts": 2,
            "tokens_in": 410,
            "tokens_out": 32,
            "cost": Decimal("0.000081"),
        },
    ),
    (
        e.SignalReceived,
        {
            "portfolio": MAIN,
            "signal": Signal(
                signal_id="2022-01-03.1",
                source="desk",
                symbol=AAPL,
                horizon_days=21,
                expected_excess_return=0.02,
                confidence=0.7,
                issued=AT,
                reason="orders are said to be “strong”",
            ),
            "refused": "not listened to",
        },
    ),
    (
        e.Decided,
        {
            "portfolio": MAIN,
            "strategy": "momentum",
            "targets": (
                Target(symbol=AAPL, weight=0.05, reason="ranked first", strategy="momentum", view_ids=("v-00000001",)),
            ),
            "equity": Decimal("100000.00"),
            "prices": {AAPL: Decimal("182.01")},
            "bounds": (
                Bound("KO", "momentum", -0.012, 0.0, Unit.FRACTION, 0.0, 0.0, "momentum is -1.2%; above 0.0% is asked"),
                Bound("XOM", "unknown", None, None, Unit.NUMBER, 0.0, 0.0, "momentum cannot be told of it"),
            ),
        },
    ),
    (
        e.Trimmed,
        {
            "portfolio": MAIN,
            "trims": (
                Trim(AAPL, "cash", Decimal("200.00"), Decimal("100.00"), Unit.MONEY, Decimal(10), Decimal(5), "half"),
            ),
        },
    ),
    (e.DecisionSkipped, {"portfolio": MAIN, "reason": "no quote"}),
    (
        e.ExitTriggered,
        {"portfolio": MAIN, "symbol": AAPL, "reason": "stop loss", "level": Decimal(171), "observed": Decimal("170.9")},
    ),
    (
        e.Approved,
        {
            "order_id": "o-00000001",
            "checks": (e.Check(rule="position", measured=Decimal("0.05"), limit=Decimal("0.2")),),
        },
    ),
    (
        e.Rejected,
        {
            "order": ORDER,
            "rule": "position",
            "measured": Decimal("0.25"),
            "limit": Decimal("0.2"),
            "message": "too large",
        },
    ),
    (e.OrderPlaced, {"event_id": "o-00000001", "order": ORDER}),
    (e.OrderAccepted, {"order_id": "o-00000001", "permanent_id": 2_000_000_001}),
    (e.OrderRejected, {"order_id": "o-00000001", "code": 201, "message": "margin"}),
    (e.CancelRequested, {"order_id": "o-00000001", "reason": "kill"}),
    (e.CancelRejected, {"order_id": "o-00000001", "code": 161, "message": "done"}),
    (e.OrderCanceled, {"order_id": "o-00000001", "reason": "kill"}),
    (e.OrderExpired, {"order_id": "o-00000001"}),
    (e.AmendRequested, {"order": ORDER}),
    (e.OrderAmended, {"order_id": "o-00000001"}),
    (e.AmendRejected, {"order_id": "o-00000001", "code": 105, "message": "mismatch"}),
    (e.OrderFlagged, {"order_id": "o-00000001", "reason": "unknown"}),
    (
        e.Filled,
        _HERE
        | {
            "order_id": "o-00000001",
            "execution_id": "0001.01",
            "symbol": AAPL,
            "side": Side.BUY,
            "quantity": Decimal("12.5000"),
            "price": Decimal("182.01"),
            "commission": usd("1.0021"),
            "settles_on": date(2022, 1, 5),
            "strategy": "momentum",
            "traded_on": DAY,
        },
    ),
    (
        e.FillCorrected,
        {
            "execution_id": "0001.02",
            "corrects": "0001.01",
            "quantity": Decimal(12),
            "price": Decimal("182.02"),
            "commission": usd("1"),
        },
    ),
    (
        e.AccountOpened,
        {"account": ACCOUNT, "base_currency": "USD", "lot_method": e.LotMethod.HIFO, "shorts_allowed": True},
    ),
    (e.PortfolioOpened, _HERE | {"name": "Main", "description": "all of it"}),
    (e.PortfolioClosed, _HERE | {"reason": "done"}),
    (e.LotsChosen, {"execution_id": "0001.01", "lots": {"f-1": Decimal(5)}}),
    (e.RiskBudgetSet, _HERE | {"level": "strategy", "name": "momentum", "share": Decimal("0.4"), "method": "equal"}),
    (
        e.AttributionReported,
        _HERE | {"method": "arithmetic", "first": DAY, "last": DAY, "effects": {"selection": Decimal("0.01")}},
    ),
    (e.InstrumentListed, {"instrument": OPTION}),
    (e.Deposited, _HERE | {"amount": usd("100000.00")}),
    (e.CashMoved, {"account": ACCOUNT, "from_portfolio": MAIN, "to_portfolio": "other", "amount": usd("5")}),
    (e.FeeCharged, _HERE | {"amount": usd("-1.50"), "what": "market data", "symbol": AAPL}),
    (e.InterestPaid, _HERE | {"amount": usd("-0.10")}),
    (
        e.DividendPaid,
        _HERE
        | {
            "symbol": AAPL,
            "amount": usd("22"),
            "withheld": usd("3.3"),
            "income": e.Income.PAYMENT_IN_LIEU,
            "ex_date": DAY,
        },
    ),
    (e.CurrencyConverted, _HERE | {"sold": usd("113"), "bought": Money(Decimal(100), "EUR"), "commission": usd("2")}),
    (
        e.PositionAdopted,
        _HERE
        | {"symbol": AAPL, "quantity": Decimal(10), "cost_basis": usd("1000"), "acquired": DAY, "hands_off": True},
    ),
    (e.PositionReleased, _HERE | {"symbol": AAPL, "quantity": Decimal(10)}),
    (
        e.PositionMoved,
        {"account": ACCOUNT, "from_portfolio": MAIN, "to_portfolio": "other", "symbol": AAPL, "quantity": Decimal(1)},
    ),
    (e.Split, {"symbol": AAPL, "new": Decimal(4), "old": Decimal(1), "stock_dividend": True}),
    (e.SpunOff, {"symbol": AAPL, "child": "CHLD", "ratio": Decimal("0.2401"), "basis_fraction": Decimal("0.1")}),
    (e.Merged, {"symbol": AAPL, "into": "NEW", "ratio": Decimal("0.5"), "cash": usd("10"), "price": Decimal(50)}),
    (e.FractionPaid, _HERE | {"symbol": AAPL, "quantity": Decimal("0.25"), "amount": usd("45.50")}),
    (e.SymbolChanged, {"symbol": "FB", "new_symbol": "META"}),
    (e.OptionEnded, _HERE | {"symbol": CALL, "quantity": Decimal(2), "how": e.OptionEnd.EXERCISED, "cash": usd("10")}),
    (e.BreakFound, {"account": ACCOUNT, "symbol": AAPL, "what": "quantity", "ours": "10", "theirs": "9"}),
    (e.ProposalMade, {"event_id": PROPOSAL.proposal_id, "proposal": PROPOSAL, "outlook": OUTLOOK}),
    (
        e.ProposalTapped,
        {"event_id": "p-00000001/tapped", "proposal_id": "p-00000001", "by": "owner", "outlook": OUTLOOK},
    ),
    (
        e.LegSent,
        {
            "proposal_id": "p-00000001",
            "leg": 1,
            "order_id": "o-00000001",
            "compensates": True,
            "bid": Decimal("59.99"),
            "ask": Decimal("60.01"),
        },
    ),
    (e.LegRefused, {"proposal_id": "p-00000001", "leg": 1, "reason": "too large", "compensates": True}),
    (
        e.ProposalEnded,
        {
            "proposal_id": "p-00000001",
            "state": ProposalState.ROLLED_BACK,
            "end": End.NONE,
            "reason": "KO was canceled",
            "loss": Decimal("12.34"),
            "prices": {"KO": Decimal("60.00")},
        },
    ),
    (e.BreakExplained, {"break_id": "b-1", "explanation": "sold in TWS", "by": "operator"}),
    (
        e.ParentBegun,
        {
            "parent_id": "o-00000001",
            "portfolio": MAIN,
            "strategy": "momentum",
            "symbol": AAPL,
            "side": Side.BUY,
            "quantity": Decimal(300),
            "effect": Effect.OPEN,
            "purpose": Purpose.ENTRY,
            "route": "twap",
            "reason": "in six pieces",
            "ends": AT,
            "decided_at": AT,
            "decided_price": Decimal("182.01"),
            "bid": Decimal("182.00"),
            "ask": Decimal("182.04"),
        },
    ),
    (e.PieceSent, {"parent_id": "o-00000001", "order_id": "o-00000002"}),
    (e.ParentEnded, {"parent_id": "o-00000001", "price": Decimal("182.10"), "reason": "filled"}),
    (
        e.PromotionJudged,
        {
            "strategy": "momentum",
            "to": "paper",
            "passed": False,
            "reasons": ("luck explains it",),
            "market": "sample",
            "survivors": True,
            "first": DAY,
            "last": DAY,
            "numbers": {"sharpe": 0.5},
        },
    ),
]


def _event(shape: type[e.Event], fields: dict[str, object]) -> e.Event:
    kept = {"event_id": f"sample/{shape.kind}", "at": AT, "causes": ("sample/cause",)} | fields
    return shape(**kept)  # type: ignore[arg-type]  # the table above is what the shapes say, or they refuse it


SAMPLES: dict[str, e.Event] = {shape.kind: _event(shape, fields) for shape, fields in _MADE}
