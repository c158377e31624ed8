"""Everything that can happen, as immutable facts. Read this page first.

An event is committed to the journal before anything acts on it, and never changes afterwards: a
mistake is corrected by a later event. Orders, books and decisions are folds over these.

Each event has
    event_id  unique in its journal. Facts from outside have natural ids (an execution's is made of the
              broker's execution id), so that a repetition is recognized and refused; our own thoughts
              are counted (``v-00000001`` a view, ``d-`` a decision, ``a-`` an approval, ``o-`` an order)
    at        when it became true, UTC
    causes    the events that it follows from, so that ``bursar why`` can walk from a fill to a price

Quantities are in shares or contracts, buys positive where signed; prices are per share in the
instrument's currency; amounts are what the account receives, negative when it pays. All are Decimal;
floats appear only in opinions (views, target weights), which no book is computed from.

The catalogue, with the bytes in which events are kept, is ``docs/decisions/0001``.

    base            what all events share
    run             days, marks, tasks, and what people were told
    opinion         views, decisions, and what the gate said
    committee       meetings, the language model that analysts asked, and signals from outside
    orders          what we asked of the broker, and what it answered
    cash            accounts, cash and income
    positions       what comes, goes and changes without a trade
    proposals       made, tapped, worked leg by leg, and ended
    routing         parent orders, worked in pieces
    contradictions  where our books and the broker disagree
    safety          what stops an account, and what lets it go on
    belief          what was judged of a strategy
    people          who came in, who was turned away, and what was changed about whom
"""

from bursar.domain.events.base import (
    CATALOGUE,
    Event,
)
from bursar.domain.events.belief import (
    PromotionJudged,
)
from bursar.domain.events.cash import (
    AccountOpened,
    AttributionReported,
    CashMoved,
    CurrencyConverted,
    Deposited,
    DividendPaid,
    FeeCharged,
    Income,
    InstrumentListed,
    InterestPaid,
    LotMethod,
    LotsChosen,
    PortfolioClosed,
    PortfolioOpened,
    RiskBudgetSet,
)
from bursar.domain.events.committee import (
    CommitteeMet,
    ModelAsked,
    SignalReceived,
)
from bursar.domain.events.contradictions import (
    BreakExplained,
    BreakFound,
)
from bursar.domain.events.opinion import (
    Abstained,
    Approved,
    Check,
    Decided,
    DecisionSkipped,
    ExitTriggered,
    Rejected,
    Trimmed,
    ViewFormed,
)
from bursar.domain.events.orders import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    FillCorrected,
    Filled,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
)
from bursar.domain.events.people import (
    AccessChanged,
    SignedIn,
    SignInRefused,
)
from bursar.domain.events.positions import (
    FractionPaid,
    Merged,
    OptionEnd,
    OptionEnded,
    PositionAdopted,
    PositionMoved,
    PositionReleased,
    Split,
    SpunOff,
    SymbolChanged,
)
from bursar.domain.events.proposals import (
    LegRefused,
    LegSent,
    ProposalEnded,
    ProposalMade,
    ProposalTapped,
)
from bursar.domain.events.routing import (
    ParentBegun,
    ParentEnded,
    PieceSent,
)
from bursar.domain.events.run import (
    Alerted,
    CommandReceived,
    LineChanged,
    Marked,
    Mode,
    RunStarted,
    SessionClosed,
    SessionOpened,
    TaskFinished,
    TasksMissed,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.events.safety import (
    AccountSwitched,
    KillFinished,
    KillForm,
    KillOrdered,
    RearmRefused,
    SwitchRefused,
)

__all__ = [
    "CATALOGUE",
    "Abstained",
    "AccessChanged",
    "AccountOpened",
    "AccountSwitched",
    "Alerted",
    "AmendRejected",
    "AmendRequested",
    "Approved",
    "AttributionReported",
    "BreakExplained",
    "BreakFound",
    "CancelRejected",
    "CancelRequested",
    "CashMoved",
    "Check",
    "CommandReceived",
    "CommitteeMet",
    "CurrencyConverted",
    "Decided",
    "DecisionSkipped",
    "Deposited",
    "DividendPaid",
    "Event",
    "ExitTriggered",
    "FeeCharged",
    "FillCorrected",
    "Filled",
    "FractionPaid",
    "Income",
    "InstrumentListed",
    "InterestPaid",
    "KillFinished",
    "KillForm",
    "KillOrdered",
    "LegRefused",
    "LegSent",
    "LineChanged",
    "LotMethod",
    "LotsChosen",
    "Marked",
    "Merged",
    "Mode",
    "ModelAsked",
    "OptionEnd",
    "OptionEnded",
    "OrderAccepted",
    "OrderAmended",
    "OrderCanceled",
    "OrderExpired",
    "OrderFlagged",
    "OrderPlaced",
    "OrderRejected",
    "ParentBegun",
    "ParentEnded",
    "PieceSent",
    "PortfolioClosed",
    "PortfolioOpened",
    "PositionAdopted",
    "PositionMoved",
    "PositionReleased",
    "PromotionJudged",
    "ProposalEnded",
    "ProposalMade",
    "ProposalTapped",
    "RearmRefused",
    "Rejected",
    "RiskBudgetSet",
    "RunStarted",
    "SessionClosed",
    "SessionOpened",
    "SignInRefused",
    "SignalReceived",
    "SignedIn",
    "Split",
    "SpunOff",
    "SwitchRefused",
    "SymbolChanged",
    "TaskFinished",
    "TasksMissed",
    "TradingState",
    "TradingStateChanged",
    "Trimmed",
    "ViewFormed",
]
