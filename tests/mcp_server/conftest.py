"""A tiny lab, and the machines that work in it, for every test of the server."""

from collections.abc import Iterator

import pytest
from tiny_lab import Tiny, tiny_lab


@pytest.fixture
def tiny(tmp_path) -> Iterator[Tiny]:
    with tiny_lab(tmp_path) as lab:
        yield lab
