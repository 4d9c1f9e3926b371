"""The door to a wet lab: plates go out, files of results come back, days later.

Nothing waits for them: what is out and what came in is in one SQLite file, and each command reads
it, does one thing, and ends.

    assay.py       assay.toml: what is measured, how it becomes the metric, what is refused
    units.py       concentrations, and what stands for a unit in the headings of instruments
    layout.py      which well holds what
    picking.py     which molecules go on the next plate
    file.py        the bytes of an instrument's file, as a table or a matrix of cells
    reading.py     what each well says: a number, or a status with a reason
    quality.py     Z', the signal window, how well replicates agree
    results.py     from readings and controls to values, and to one answer for each molecule
    series.py      the lead of a series; files of ideas
    candidates.py  what the lab itself would make of its lead
    store.py       what is out and what came in, with its history
    oracle.py      the oracle `plate`: one measured well for each run of a trial
    queueing.py    measured molecules become proposals in the ledger
    export.py, intake.py, status.py    what the commands do
"""
