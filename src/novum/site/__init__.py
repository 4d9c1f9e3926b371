"""A site that shows copy to visitors, and remembers who saw and did what; what the copy lab uses.

It needs the extra `novum[site]`; heavy libraries are imported by the module that
uses them, and nothing is imported here.

    records.py     copies, experiments, exposures, conversions: frozen facts
    clock.py       the site's time: real, or sped up for simulated visitors
    store.py       where site, evaluator and person meet: copies, experiments, the audit log
    experiments.py what is shown beside what, one at a time or in a race
    visits.py      what visitors saw and did, and what is counted of it; schema.py: the tables
    config.py      site.toml; copies.py: copy.toml; rules.py: rules.toml
    assignment.py  who sees what, by a keyed hash; choosing.py: which copy that is now
    race.py        several challengers at once, from their entering.py to the winner's proposal
    racing.py      such a race at work; shifting.py: which of its experiments visitors join
    deciding.py    the same for programs in Python: `variant_for`
    tokens.py      what visitors carry, signed; people.py: whose visits do not count
    page.py        a copy in its layout, and the scripts in static/
    server.py      what is answered over HTTP; hosting.py, writing.py: what stands behind it
    telling.py     exposures, conversions, signals; outside.py: those of other platforms
    remote.py      for pages elsewhere: the snippet, OpenFeature
    serving.py     on a port, until a signal
"""
