"""A made-up market behind the ports: history, statements and news of companies that do not exist.

What happens is calculated in ``quant/synthetic``; here it gets sessions, symbols and words. Symbols are SYN001 and so
on and names say "Synthetic", so that no table, order or headline can be taken for a real one. The same sessions, seed
and number of symbols give the same world, and one that goes on longer begins with the shorter one.
"""

from __future__ import annotations

from bursar.adapters.vendors.synthetic.world import SyntheticWorld, make, symbols_of

__all__ = ["SyntheticWorld", "make", "symbols_of"]
