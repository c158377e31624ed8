"""The package's face: a dozen names, each loaded when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bursar


@pytest.mark.parametrize("name", bursar.__all__)
def test_every_public_name_is_where_it_is_said_to_be(name: str) -> None:
    assert getattr(bursar, name).__module__.startswith("bursar")
    assert name in dir(bursar)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="portfoliio"):
        bursar.portfoliio  # noqa: B018  the access is the test


def test_importing_the_package_loads_no_room() -> None:
    program = "import bursar, sys; print([name for name in sys.modules if name.startswith(('bursar.', 'numpy'))])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
