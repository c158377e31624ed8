"""What the API said, as HTML: every text that came from outside is escaped here, and nowhere else is any written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

#: What the line's states are to somebody who looks: all is well, wait, or see to it.
_LINE = {"up": "", "degraded": "middling", "reconnecting": "middling", "unknown": "middling"}
_TOTALS = ("equity", "cash", "day_profit", "total_profit")
_SPARK_WIDTH, _SPARK_HEIGHT = 600.0, 64.0


def text(value: object) -> str:
    """Any value as text that a browser shows and never obeys."""
    return escape(str(value))


def money(amount: float | str | None, *, sign: bool = False) -> str:
    """An amount in whole hundredths, with the thousands apart; a dash for none."""
    if amount is None:
        return "–"
    return f"{float(amount):+,.2f}" if sign else f"{float(amount):,.2f}"


def share(fraction: float | None, *, sign: bool = False) -> str:
    """A fraction in percent; a dash for none."""
    if fraction is None:
        return "–"
    return f"{fraction:+.2%}" if sign else f"{fraction:.2%}"


def tone(amount: float | None) -> str:
    """Whether an amount is a gain or a loss, as a class."""
    return "" if not amount else "gain" if amount > 0 else "loss"


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


def fine(status: Mapping[str, Any]) -> str:
    """Up to where the page knows, and what in it is simulated."""
    said = " ".join(text(each) for each in status.get("simulated", ()))
    return f"As of event {int(status['sequence'])} of the journal. {said}"


def line(status: Mapping[str, Any]) -> str:
    """How the line to the broker is."""
    state = str(status.get("state", "unknown"))
    why = f" title='{text(status['reason'])}'" if status.get("reason") else ""
    return f"<span class='pill {_LINE.get(state, 'bad')}'{why}><i></i>line {text(state)}</span>"


def trading(status: Mapping[str, Any]) -> str:
    """What the account may do."""
    state = str(status.get("trading", "unknown"))
    return f"<span class='pill {'' if state == 'active' else 'bad'}'><i></i>{text(state)}</span>"


def worth(snapshot: Mapping[str, Any], values: Sequence[float]) -> str:
    """Net asset value and profit over all portfolios that are seen, and how the value went while this page was open."""
    items: Sequence[Mapping[str, Any]] = snapshot.get("items", ())
    if not items:
        return f"<h2>Worth</h2><p class='none'>{text(snapshot.get('detail') or 'nothing was valued yet')}</p>"
    total = {name: sum(each[name] or 0.0 for each in items) for name in _TOTALS}
    before = total["equity"] - total["day_profit"]
    day = share(total["day_profit"] / before if before else None, sign=True)
    doubtful = any(each["doubtful"] for each in items)
    value = f"<span id='worth' data-sequence='{int(snapshot['sequence'])}'>{money(total['equity'])}</span>"
    today = f"<span class='{tone(total['day_profit'])}'>{money(total['day_profit'], sign=True)} ({day})</span>"
    ever = f"<span class='{tone(total['total_profit'])}'>{money(total['total_profit'], sign=True)}</span>"
    parts = (
        ("main", "Net asset value", value),
        ("", "Today", today),
        ("", "Since the start", ever),
        ("", "Cash", money(total["cash"])),
    )
    told = "".join(f"<dl class='{kind}'><dt>{name}</dt><dd>{value}</dd></dl>" for kind, name, value in parts)
    doubt = "<p class='fine'>Some of it rests on prices that are old or missing.</p>" if doubtful else ""
    return f"<div class='worth'>{told}</div>{spark(values)}{doubt}"


def spark(values: Sequence[float]) -> str:
    """How the value went, without a scale: the numbers beside it say how much."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    if high == low:
        low, high = low - 1.0, high + 1.0
    span = high - low
    step = _SPARK_WIDTH / (len(values) - 1)
    heights = [4 + (high - value) / span * (_SPARK_HEIGHT - 8) for value in values]
    points = " L".join(f"{place * step:.1f},{height:.1f}" for place, height in enumerate(heights))
    return (
        f"<svg class='spark' viewBox='0 0 {_SPARK_WIDTH:.0f} {_SPARK_HEIGHT:.0f}' preserveAspectRatio='none' "
        f"role='img' aria-label='value while this page was open, {money(low)} to {money(high)}'>"
        f"<path d='M{points}'/></svg>"
    )


def positions(snapshot: Mapping[str, Any]) -> str:
    """What is owned, the largest first."""
    items: Sequence[Mapping[str, Any]] = snapshot.get("items", ())
    held = [(each["portfolio"], line) for each in items for line in each["positions"]]
    held.sort(key=lambda pair: -abs(pair[1]["worth"] or 0.0))
    many = len({portfolio for portfolio, _ in held}) > 1
    rows = [
        [
            f"<b>{text(line['symbol'])}</b>" + (f" <span class='soft'>{text(portfolio)}</span>" if many else ""),
            money(line["worth"]),
            share(line["weight"]),
            f"<span class='{tone(line['day_profit'])}'>{money(line['day_profit'], sign=True)}</span>",
            f"<span class='{tone(line['unrealized'])}'>{money(line['unrealized'], sign=True)}</span>",
        ]
        for portfolio, line in held
    ]
    return table("Positions", ("Symbol", "Worth", "Weight", "Today", "Unrealized"), rows, "nothing is owned")


def risk(snapshot: Mapping[str, Any]) -> str:
    """What each portfolio may lose, as its positions are now."""
    items: Sequence[Mapping[str, Any]] = snapshot.get("items", ())
    rows = [
        [name, *(_measured(each, measure, in_money=in_money) for each in items)]
        for measure, name, in_money in (
            ("var_95", "Value at risk, one day in 20", True),
            ("var_99", "Value at risk, one in 100", True),
            ("es_95", "Expected shortfall", True),
            ("volatility", "Volatility of a year", False),
        )
        if items
    ]
    heads = ("Measure", *(text(each["portfolio"].partition("/")[2]) for each in items))
    return table("Risk", heads, rows, "nothing was valued yet")


def _measured(each: Mapping[str, Any], name: str, *, in_money: bool) -> str:
    """A measure in percent, and in money where it is a loss of one day; or that past prices do not tell it."""
    part = each["risk"].get(name)
    if part is None:
        return "<span class='soft'>not enough data</span>"
    return f"{money(part * each['equity'])} <span class='soft'>{share(part)}</span>" if in_money else share(part)


def orders(found: Iterable[Mapping[str, Any]]) -> str:
    """What works at the broker."""
    rows = [
        [
            f"<b>{text(each['symbol'])}</b>",
            f"{text(each['side'])} {text(each['quantity'])}",
            f"{text(each['type'])} {text(each['limit_price'] or each['stop_price'] or '')}",
            text(each["purpose"]),
            text(each["status"]),
        ]
        for each in found
    ]
    return table("Open orders", ("Symbol", "Order", "Price", "For", "State"), rows, "no order works", numbers=False)


def alerts(found: Sequence[Mapping[str, Any]]) -> str:
    """What people were told lately, the newest first."""
    if not found:
        return "<h2>Alerts</h2><p class='none'>none</p>"
    told = "".join(
        f"<li><time>{text(str(each['at'])[:16].replace('T', ' '))}</time>{text(each['message'])}</li>" for each in found
    )
    return f"<h2>Alerts</h2><ul class='alerts'>{told}</ul>"


def proposal(each: Mapping[str, Any]) -> str:
    """What somebody is asked to say yes to: its orders, what it costs, and what stopping halfway might."""
    rows = [
        [f"<b>{text(leg['symbol'])}</b>", f"{text(leg['side'])} {text(leg['quantity'])}", money(leg["price"])]
        for leg in each["legs"]
    ]
    legs = table("", ("Symbol", "Order", "About"), rows, "", numbers=False)
    return (
        f"{legs}<p>Expected to cost <b>{money(each['cost'])}</b>. Stopping halfway could lose up to "
        f"<b>{money(each['legging_loss_max'])}</b>{_move(each)}, and undoing all of it cost about "
        f"<b>{money(each['unwinding_cost'])}</b>.</p>"
    )


def _move(each: Mapping[str, Any]) -> str:
    """The move of prices that the worst loss is reckoned with."""
    moved = each.get("adverse_move_pct")
    return "" if moved is None else f" should prices move {moved:g}% against you meanwhile"


def summary(each: Mapping[str, Any]) -> str:
    """A proposal in two lines."""
    legs = ", ".join(f"{text(leg['side'])} {text(leg['quantity'])} {text(leg['symbol'])}" for leg in each["legs"][:4])
    more = len(each["legs"]) - 4
    until = text(str(each["expires_at"])[11:16])
    return (
        f"<b>{text(each['strategy'])}</b> <span class='soft'>until {until} UTC</span>"
        f"<p>{legs}{f' and {more} more' if more > 0 else ''}</p>"
    )


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str, *, numbers: bool = True) -> str:
    """A table whose cells are HTML already; its numbers stand to the right."""
    head = f"<h2>{text(title)}</h2>" if title else ""
    if not rows:
        return f"{head}<p class='none'>{text(empty)}</p>"
    side = [" class='n'" if numbers and place else "" for place in range(len(heads))]
    top = "".join(f"<th scope='col'{where}>{text(name)}</th>" for name, where in zip(heads, side, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{where}>{cell}</td>" for cell, where in zip(row, side, strict=True)) + "</tr>"
        for row in rows
    )
    whole = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f"{head}<div class='scroll' tabindex='0' role='region' aria-label='{text(title or 'orders')}'>{whole}</div>"
