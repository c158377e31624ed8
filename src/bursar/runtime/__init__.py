"""Wiring: the one loop, and what it is built from."""
