"""A site that shows copy to visitors, and remembers who saw and did what; what the copy lab uses.

It needs the extra `novum[site]`; heavy libraries are imported by the module that uses them.

    records.py     copies, experiments, exposures, conversions: frozen facts
    clock.py       the site's time: real, or sped up for simulated visitors
    database.py    an SQLite file that several processes use; any of them may be killed
    store.py       where site, evaluator and person meet: copies, experiments, the audit log
    visits.py      what visitors saw and did, and what is counted of it; schema.py: the tables
"""

from novum.site.deciding import Decision, variant_for

__all__ = ["Decision", "variant_for"]
