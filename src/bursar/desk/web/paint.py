"""What the API said, as HTML: every text that came from outside is escaped here, and nowhere else is any written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

from bursar.desk import wording

#: What the line's states are to somebody who looks: all is well, wait, or see to it.
_LINE = {"up": "", "degraded": "middling", "reconnecting": "middling", "unknown": "middling"}
_TOTALS = ("equity", "cash", "day_profit", "total_profit")
_SPARK_WIDTH, _SPARK_HEIGHT = 600.0, 64.0
#: States of an order in words, where the API's own would not be understood.
_STATES = {
    "pending_new": "sent",
    "new": "works",
    "partially_filled": "partly filled",
    "pending_cancel": "being canceled",
    "pending_replace": "being changed",
}
#: How an alert is toned that is more than a word.
_GRAVE = {"warning": "warn", "critical": "loss"}


def text(value: object) -> str:
    """Any value as text that a browser shows and never obeys."""
    return escape(str(value))


def money(amount: float | str | None, currency: str, *, signed: bool = False) -> str:
    """An amount in its currency; a dash for none."""
    # What is a fraction of a cent away from nothing is nothing, and no gain or loss.
    cents = None if amount is None else round(Decimal(str(amount)), 2)
    return text(wording.money(cents, currency, signed=signed))


def share(fraction: float | None, *, signed: bool = False) -> str:
    """A fraction in percent; a dash for none."""
    return wording.percent(fraction, 2, signed=signed)


def price(amount: float | str | None, currency: str) -> str:
    """A price a share; that there is none."""
    return "no price" if amount is None else text(wording.price(Decimal(str(amount)), currency))


def quantity(shares: float | str) -> str:
    """Shares or contracts."""
    return wording.quantity(Decimal(str(shares)))


def moment(at: str) -> str:
    """A moment of the API in words, to the second where it is not of a whole minute."""
    return text(f"{at[:10]} {at[11:16] if at[16:19] in ('', ':00') else at[11:19]} UTC")


def tone(amount: float | None) -> str:
    """Whether an amount is a gain or a loss, as a class."""
    cents = round(amount or 0.0, 2)
    return "" if not cents else "gain" if cents > 0 else "loss"


def band(status: Mapping[str, Any]) -> tuple[str, str]:
    """The line across the top, which nobody can miss, and its class: whose money it is."""
    if status.get("mode") == "live":
        return f"LIVE · real money in account {text(status.get('account'))}", "live"
    if status.get("simulated"):
        return f"SIMULATED · no real money · account {text(status.get('account'))}", ""
    if status.get("mode") is None:
        return "Nothing has traded yet", ""
    return f"{text(str(status['mode']).upper())} · no real money · account {text(status.get('account'))}", ""


def away(parts: Sequence[Mapping[str, str]]) -> str:
    """What is away, since when and why, and what works without it; nothing where all is well."""
    told = "".join(
        f"<li><b>{text(each['part'])}</b> since {text(each['since'][11:19])} UTC: {text(each['why'])}"
        + (f"<br><span>Still works: {text(each['still_works'])}.</span>" if each["still_works"] else "")
        + "</li>"
        for each in parts
    )
    return f"<p>Not all is well.</p><ul>{told}</ul>" if told else ""


def unanswered(problem: object) -> str:
    """That the desk does not answer as it should, and that what is shown is from before."""
    return f"<p>What you see is from before: the desk does not answer.</p><ul><li>{text(problem)}</li></ul>"


def fine(status: Mapping[str, Any]) -> str:
    """Up to where the page knows, and what in it is simulated."""
    said = " ".join(text(each) for each in status.get("simulated", ()))
    return f"As of event {int(status['sequence'])} of the journal. {said}"


def door(account: str) -> str:
    """What a person does who lets orders reach real money."""
    name = text(account)
    return (
        f"<h2>Let orders reach {name}</h2><p>{name} holds <b>real money</b>. The program that trades it starts once "
        f"you type exactly: trade real money in {name}</p>"
    )


def line(status: Mapping[str, Any]) -> str:
    """How the line to the broker is."""
    state = str(status.get("state", "unknown"))
    why = f" title='{text(status['reason'])}'" if status.get("reason") else ""
    return f"<span class='pill {_LINE.get(state, 'bad')}'{why}><i></i>line {text(state)}</span>"


def trading(status: Mapping[str, Any], trades: str = "here") -> str:
    """What the account may do, and that nobody trades it where no program does. trades: as /health says."""
    state = str(status.get("trading", "unknown"))
    if trades == "nowhere":
        said = "nobody trades" if state == "active" else f"trading {text(state)}, and nobody trades"
        return f"<span class='pill {'middling' if state == 'active' else 'bad'}'><i></i>{said}</span>"
    return f"<span class='pill {'' if state == 'active' else 'bad'}'><i></i>trading {text(state)}</span>"


def stopped(told: Mapping[str, Any]) -> str:
    """Why the account does not trade as always, and how far a kill is; nothing where it does."""
    state, kill, asked = str(told["state"]), told.get("kill"), told.get("kill_asked")
    if state == "active" and not asked:
        return ""
    said = f"Trading is {text(state)}."
    if kill:
        done = "all of it is done" if told.get("kill_finished") else "it is being carried out"
        said += f" {text(kill['by'])} asked for a {text(kill['form'])}: {done}."
    elif asked:
        said += f" {text(asked['by'])} asked for a {text(asked['form'])}; it is taken at the next look."
    elif told.get("stopped_by"):
        said += f" It was stopped by {text(told['stopped_by'])}."
    return f"<p class='stopped'>{said}</p>"


def holds() -> str:
    """The two forms of the kill switch, each to be held."""
    return "".join(
        f"<button type='button' class='hold' data-form='{form}'><span>{says}</span></button>"
        for form, says in (("halt", "Hold to halt, keep protection"), ("flatten", "Hold to close every position"))
    )


def watches(role: str) -> str:
    """What whoever only looks is told in place of the switch."""
    return f"<p class='none'>You are signed in as {text(role)}: a trader or an admin stops the account.</p>"


def refusals(effects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why the loop did not do what a command asked for, by the events that it led to."""
    told = [each["event"] for each in effects]
    return [
        *(str(each["message"]) for each in told if each["kind"] == "alerted"),
        *(f"not re-armed: {each['reason']}" for each in told if each["kind"] == "rearm_refused"),
    ]


def worth(snapshot: Mapping[str, Any], values: Sequence[float], prices_at: str | None = None) -> str:
    """Net asset value and profit over all portfolios that are seen, and how the value went while this page was open.

    Each currency stands for itself: what is worth what in another one is not for a page to say.
    """
    items: Sequence[Mapping[str, Any]] = snapshot.get("items", ())
    if not items:
        return f"<h2>Worth</h2><p class='none'>{text(snapshot.get('detail') or 'nothing was valued yet')}</p>"
    currencies = list(dict.fromkeys(str(each["currency"]) for each in items))
    named = f" id='worth' data-sequence='{int(snapshot['sequence'])}' data-at='{text(snapshot.get('at', ''))}'"
    told = "".join(
        _worth([each for each in items if each["currency"] == currency], currency, "" if place else named)
        for place, currency in enumerate(currencies)
    )
    drawn = spark(values, currencies[0]) if len(currencies) == 1 else ""
    since = f"<p class='fine'>Prices of {moment(prices_at)}.</p>" if prices_at else ""
    doubtful = any(each["doubtful"] for each in items)
    doubt = "<p class='fine warn'>Some of it rests on prices that are old or missing.</p>" if doubtful else ""
    return f"{told}{drawn}{since}{doubt}"


def _worth(items: Sequence[Mapping[str, Any]], currency: str, named: str) -> str:
    total = {name: sum(each[name] or 0.0 for each in items) for name in _TOTALS}
    before = total["equity"] - total["day_profit"]
    day = share(total["day_profit"] / before if before else None, signed=True)
    made = {
        name: f"<span class='{tone(total[name])}'>{money(total[name], currency, signed=True)}{more}</span>"
        for name, more in (("day_profit", f" <small>{day}</small>"), ("total_profit", ""))
    }
    parts = (
        ("main", "Net asset value", f"<span{named}>{money(total['equity'], currency)}</span>"),
        ("", "Today", made["day_profit"]),
        ("", "Since the start", made["total_profit"]),
        ("", "Cash", money(total["cash"], currency)),
    )
    told = "".join(f"<dl class='{kind}'><dt>{name}</dt><dd>{value}</dd></dl>" for kind, name, value in parts)
    return f"<div class='worth'>{told}</div>"


def spark(values: Sequence[float], currency: str) -> str:
    """How the value went, between its lowest and its highest, which stand below."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    said = f"{money(low, currency)} to {money(high, currency)} while this page was open"
    if high == low:
        low, high = low - 1.0, high + 1.0
    span = high - low
    step = _SPARK_WIDTH / (len(values) - 1)
    heights = [4 + (high - value) / span * (_SPARK_HEIGHT - 8) for value in values]
    points = " L".join(f"{place * step:.1f},{height:.1f}" for place, height in enumerate(heights))
    return (
        f"<svg class='spark' viewBox='0 0 {_SPARK_WIDTH:.0f} {_SPARK_HEIGHT:.0f}' preserveAspectRatio='none' "
        f"aria-hidden='true'><path d='M{points}'/></svg><p class='fine'>{said}.</p>"
    )


def positions(snapshot: Mapping[str, Any]) -> str:
    """What is owned, the largest first, whichever strategies bought it."""
    items: Sequence[Mapping[str, Any]] = snapshot.get("items", ())
    held = [(each, line) for each in items for line in _by_symbol(each["positions"])]
    held.sort(key=lambda pair: -abs(pair[1]["worth"] or 0.0))
    many = len({each["portfolio"] for each, _ in held}) > 1
    rows = [
        [
            _named(
                line["symbol"],
                f"{quantity(line['quantity'] or 0)} at {price(line['price'], line['currency'])}"
                + (f", {text(each['portfolio'])}" if many else ""),
            ),
            f"{money(line['worth'], each['currency'])}<small>{share(line['weight'])}</small>",
            *(
                f"<span class='{tone(line[name])}'>{money(line[name], each['currency'], signed=True)}</span>"
                for name in ("day_profit", "unrealized")
            ),
        ]
        for each, line in held
    ]
    return table("Positions", ("Symbol", "Worth, weight", "Today", "Unrealized"), rows, "nothing is owned")


def _by_symbol(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines of one portfolio, those of a symbol as one. What one of them does not know, all of them do not."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        if (before := found.get(line["symbol"])) is None:
            found[line["symbol"]] = dict(line)
            continue
        for name in ("quantity", "worth", "day_profit", "unrealized"):
            parts = before[name], line[name]
            before[name] = None if None in parts else sum(parts)
    return list(found.values())


def _named(name: str, more: str) -> str:
    """A row's first cell: what it is about, and below it what else tells it."""
    return f"<b>{text(name)}</b><small>{more}</small>"


def risk(snapshot: Mapping[str, Any]) -> str:
    """What each portfolio may lose, as its positions are now."""
    items: Sequence[Mapping[str, Any]] = snapshot.get("items", ())
    owned = any(each["positions"] for each in items)
    rows = [
        [name, *(_measured(each, measure, in_money=in_money) for each in items)]
        for measure, name, in_money in (
            ("var_95", "Value at risk, one day in 20", True),
            ("var_99", "Value at risk, one in 100", True),
            ("es_95", "Expected shortfall, one day in 20", True),
            ("volatility", "Volatility of a year", False),
        )
        if owned
    ]
    heads = ("Measure", *(str(each["portfolio"].partition("/")[2]) for each in items))
    return table("Risk", heads, rows, "nothing is owned that could lose" if items else "nothing was valued yet")


def _measured(each: Mapping[str, Any], name: str, *, in_money: bool) -> str:
    """A measure in percent, and in money where it is a loss of one day; or that past prices do not tell it."""
    part = each["risk"].get(name)
    if part is None:
        return "<span class='soft'>too few past prices</span>"
    if not in_money:
        return share(part)
    return f"{money(part * each['equity'], each['currency'])} <span class='soft'>{share(part)}</span>"


def orders(found: Iterable[Mapping[str, Any]], *, acts: bool = True) -> str:
    """What works at the broker. acts: whether whoever looks may ask for a cancellation."""
    rows = [
        [
            _named(each["symbol"], text(each["order_id"])),
            f"{text(each['side'])} {text(each['quantity'])}" + _part_filled(each),
            asks(each),
            f"{_STATES.get(each['status'], text(each['status']))}<small>{text(each['purpose'])}</small>",
            *([_canceling(each)] if acts else ()),
        ]
        for each in found
    ]
    heads = ("Symbol", "Order", "Price", "State", *((None,) if acts else ()))
    return table("Open orders", heads, rows, "no order works", numbers=False)


def asks(order: Mapping[str, Any]) -> str:
    """At what price an order asks to trade."""
    at = order["limit_price"] or order["stop_price"] or ""
    return f"{text(str(order['type']).replace('_', ' '))} {text(at)}".strip()


def _part_filled(order: Mapping[str, Any]) -> str:
    done = str(order["filled"])
    return "" if done in ("", "0") else f"<small>{text(done)} of it filled</small>"


def _canceling(order: Mapping[str, Any]) -> str:
    """The button that asks for the cancellation of an order, or why it stays; none for one that is canceled already."""
    if order["status"] == "pending_cancel":
        return ""
    stays = bool(order.get("cancel_refused"))
    about = f"{order['order_id']}, {order['side']} {order['quantity']} {order['symbol']}"
    return (
        f"<button type='button' class='cancel{' stays' if stays else ''}' data-order='{text(order['order_id'])}' "
        f"aria-label='{'Why order' if stays else 'Cancel order'} {text(about)}{' stays' if stays else ''}'>"
        f"{'Stays…' if stays else 'Cancel…'}</button>"
    )


def order(each: Mapping[str, Any]) -> str:
    """An order that somebody asks to cancel."""
    return (
        f"<p><b>{text(each['side'])} {text(each['quantity'])} {text(each['symbol'])}</b>, {asks(each)}, "
        f"for {text(each['purpose'])} <span class='soft'>{text(each['order_id'])}</span></p>"
    )


def alerts(found: Sequence[Mapping[str, Any]]) -> str:
    """What people were told lately, the newest first."""
    if not found:
        return "<h2>Alerts</h2><p class='none'>none</p>"
    told = "".join(
        f"<li><time>{text(str(each['at'])[:16].replace('T', ' '))} UTC</time>{_grave(each)}{text(each['message'])}</li>"
        for each in found
    )
    return f"<h2>Alerts</h2><ul class='alerts'>{told}</ul>"


def _grave(alert: Mapping[str, Any]) -> str:
    severity = str(alert.get("severity", "info"))
    return "" if severity == "info" else f"<b class='{_GRAVE.get(severity, '')}'>{text(severity)}</b> "


def proposal(each: Mapping[str, Any], currency: str) -> str:
    """What somebody is asked to say yes to: its orders and why, what it may bring and lose, and what it costs."""
    rows = [
        [
            f"<b>{text(leg['symbol'])}</b>",
            f"{text(leg['side'])} {text(leg['quantity'])}",
            price(leg["price"], leg["currency"] or currency),
            money(float(leg["price"]) * abs(float(leg["quantity"])), leg["currency"] or currency),
        ]
        for leg in each["legs"]
    ]
    legs = table("", ("Symbol", "Order", "About", "Worth"), rows, "")
    why = "".join(f"<li><b>{text(leg['symbol'])}</b> {text(leg['reason'])}</li>" for leg in each["legs"])
    return (
        f"{legs}<ul class='why'>{why}</ul>"
        f"<p>Expected to return <b>{_points(each['expected_return_pct'], signed=True)}</b> in "
        f"{text(each['horizon_days'])} days with a confidence of <b>{float(each['confidence']):.2f}</b>; it could lose "
        f"up to <b>{money(each['loss_max'], currency)}</b>, {_points(each['risk_max_pct'])} of the account.</p>"
        f"<p>Expected to cost <b>{money(each['cost'], currency)}</b>. Stopping halfway could lose up to "
        f"<b>{money(each['legging_loss_max'], currency)}</b>{_move(each)}, and undoing all of it cost about "
        f"<b>{money(each['unwinding_cost'], currency)}</b>.</p>{_refused(each)}"
    )


def _points(percent: float, *, signed: bool = False) -> str:
    return wording.points(percent, signed=signed)


def _refused(each: Mapping[str, Any]) -> str:
    """Why a tap would be refused as things stand; nothing where it would not."""
    why = each.get("tap_refused")
    return f"<p class='stopped'>It would be refused now: {text(why)}</p>" if why else ""


def _move(each: Mapping[str, Any]) -> str:
    """The move of prices that the worst loss is reckoned with."""
    moved = each.get("adverse_move_pct")
    return "" if moved is None else f" should prices move {moved:g}% against you meanwhile"


def summary(each: Mapping[str, Any]) -> str:
    """A proposal in two lines."""
    legs = ", ".join(f"{text(leg['side'])} {text(leg['quantity'])} {text(leg['symbol'])}" for leg in each["legs"][:4])
    more = len(each["legs"]) - 4
    until = moment(str(each["expires_at"])[:19])
    return (
        f"<b>{text(each['strategy'])}</b> <span class='soft until'>until {until}</span>"
        f"<p>{legs}{f' and {more} more' if more > 0 else ''}</p>{_refused(each)}"
    )


def table(
    title: str, heads: Sequence[str | None], rows: Sequence[Sequence[str]], empty: str, *, numbers: bool = True
) -> str:
    """A table whose cells are HTML already, and its heads are not; its numbers stand to the right."""
    head = f"<h2>{text(title)}</h2>" if title else ""
    if not rows:
        return f"{head}<p class='none'>{text(empty)}</p>"
    side = [" class='n'" if numbers and place else "" for place in range(len(heads))]
    top = "".join(_head(name, where) for name, where in zip(heads, side, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{where}>{cell}</td>" for cell, where in zip(row, side, strict=True)) + "</tr>"
        for row in rows
    )
    whole = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f"{head}<div class='scroll' tabindex='0' role='region' aria-label='{text(title or 'orders')}'>{whole}</div>"


def _head(name: str | None, where: str) -> str:
    """A column's head; none for one of buttons, which say by themselves what they are for."""
    return f"<td{where}></td>" if name is None else f"<th scope='col'{where}>{text(name)}</th>"
