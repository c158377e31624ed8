"""A market that never was: prices, statements and what was said of them, coherent with each other, from a seed.

No free source has everything that an analyst may ask for. This one has, and nothing in it happened: whoever shows it
says so. It is arithmetic on arrays, so that tests, learning, research and the imitated exchange can all have the same
world; dates and names are given to it or added by ``adapters/vendors/synthetic.py``.

    companies    who there is: sector, beta, volatility, price, payout, the shape of the accounts
    returns      regimes, a market, sectors and each company's own way: fat tails, clusters, jumps, leverage
    prices       open, high, low, close and volume in cents and shares as traded; dividends, splits, implied volatility
    statements   four reports a year that add up, grow with the price and move it by what surprises
    stylized     what such a market is measured by, and real ones beside it

Two promises hold to the bit. The same seed gives the same market; and a longer market begins with the shorter one, so
that nothing in it can come from its own future.
"""

from __future__ import annotations

from bursar.quant.synthetic.market import Market, make
from bursar.quant.synthetic.recipe import Recipe

__all__ = ["Market", "Recipe", "make"]
