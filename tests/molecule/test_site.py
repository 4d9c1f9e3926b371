"""Where a lab docks is told for the shipped oracle, for one of its kind, and else not at all."""

import pytest

pytest.importorskip("vina")
pytest.importorskip("openbabel")
pytest.importorskip("posebusters")

from novum.molecule.docking import Docking
from novum.molecule.site import Site, site_of


class Own(Docking):
    """Docks as the shipped oracle does, under another kind."""

    name = "own"


@pytest.mark.parametrize("kind", ["docking", "test_site:Own"])
def test_the_site_is_that_of_the_oracle_whatever_its_kind_is_called(tmp_path, kind):
    text = f'[oracle]\nkind = "{kind}"\ntarget = "DRD2"\nexhaustiveness = 2\n'
    (tmp_path / "oracle.toml").write_text(text)
    site = site_of(tmp_path)
    assert site.name == "DRD2" and site.receptor.count("ATOM") > 1000
    assert site.box is not None and min(site.box.size) > 20


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[oracle",
        "oracle = 3",
        '[oracle]\nkind = "divination"',
        '[oracle]\nkind = "docking"\ntarget = "nobody"',
        '[oracle]\nkind = "property"\nproperty = "qed"',
    ],
)
def test_where_nothing_docks_or_the_file_is_not_sound_there_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / "oracle.toml").write_text(text)
    assert site_of(tmp_path) == Site()
