"""The one line that gives every test here a running gateway."""

from bursar.testing import gateway

__all__ = ["gateway"]
