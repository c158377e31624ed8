"""Settings: everything that ``bursar.toml`` and the environment can say, typed, frozen and explained.

A value comes from the first of these that gives it:

    1. the command line                        --cash 50000
    2. the environment                         INITIAL_CASH=50000, or BURSAR_ACCOUNT_INITIAL_CASH=50000
    3. bursar.toml                             in BURSAR_HOME, or else in the current folder
    4. the default                             beside each key in ``settings.py``

``docs/settings.md``, ``bursar.toml.example`` and ``env.template`` are made from what is here.
"""

from bursar.config.settings import ENVIRONMENT, SHORT_NAMES, Entry, Settings, as_toml, entries
from bursar.config.sources import FILE_NAME, Given, build, find_file, gather, home, load

__all__ = [
    "ENVIRONMENT",
    "FILE_NAME",
    "SHORT_NAMES",
    "Entry",
    "Given",
    "Settings",
    "as_toml",
    "build",
    "entries",
    "find_file",
    "gather",
    "home",
    "load",
]
