"""Bursar: an automated portfolio manager for Interactive Brokers."""

__version__ = "0.1.0"
