"""Generate: from signals and templates to offers that a person may be asked to tap, ranked, and each explaining itself.

ground       what is known on one day, and a market as it was on any day before it
compose      candidates: signals composed into templates
aggregate    what several templates say of one symbol
record       what a template's choices came to before, after costs, beside everything held alike
size         how much of each: the best Sharpe ratio within limits of correlation, sector, position and risk
feasibility  whether this account could do it now
timeline     when each part of it would be done
offer        all of it together, and the ranking
"""
