"""Cheats against a whole campaign, each with the promised outcome."""

import pytest
from campaign_attacks import ATTACKS


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.kind} {one.name}")
def test_a_campaign_keeps_its_promise(attack, bed):
    assert attack.on(bed)
