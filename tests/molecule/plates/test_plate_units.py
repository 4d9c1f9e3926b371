"""Concentrations and their logarithms; what headings call a unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.molecule.plates.units import MOLAR, concentration_of, p_of, parted, unit_called


def test_an_ic50_of_one_nanomolar_is_a_pic50_of_nine():
    assert p_of(1, "nM") == 9
    assert p_of(10_000, "nM") == 5
    assert p_of(10, "uM") == 5
    assert p_of(0.001, "M") == 3


@given(st.floats(1e-12, 1e12), st.sampled_from(sorted(MOLAR)))
def test_there_and_back_is_the_same_concentration(value, unit):
    assert concentration_of(p_of(value, unit), unit) == pytest.approx(value, rel=1e-9)


@given(st.floats(1e-6, 1e6))
def test_the_same_concentration_has_one_logarithm_in_every_unit(value):
    whole = {
        round(p_of(value * 10.0 ** (MOLAR["nM"] - power), unit), 9) for unit, power in MOLAR.items()
    }
    assert max(whole) - min(whole) < 1e-8


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_what_has_no_logarithm_gets_none(value):
    with pytest.raises(ValueError):
        p_of(value, "nM")


def test_micro_is_written_in_three_ways_and_capitals_count():
    assert unit_called("µM") == unit_called("μM") == unit_called("[uM]") == "uM"
    assert unit_called("mM") == "mM"
    assert unit_called("MM") is None
    assert unit_called("%") == unit_called("% inhibition") == "percent_inhibition"
    assert unit_called("mg/ml") is None


@pytest.mark.parametrize(
    "heading", ["IC50 (nM)", "IC50 [nM]", "IC50_nM", "IC50, nM", " IC50  nM ", "IC50(nM)"]
)
def test_a_heading_says_a_name_and_a_unit(heading):
    name, unit, written = parted(heading)
    assert (name.rstrip(","), unit, written) == ("IC50", "nM", "nM")


def test_a_heading_without_a_unit_says_none():
    assert parted("Signal") == ("Signal", None, "")
    assert parted("IC50 (ug/ml)") == ("IC50", None, "ug/ml")
