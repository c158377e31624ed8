"""How a database of yesterday becomes one of today: one module a step, in ``versions``."""
