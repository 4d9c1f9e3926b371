"""Molecules: read, filtered, prepared, scored by oracles; what the chemistry labs share.

The labs' frozen programs (an evaluator, an oracle beside a trial) import this package; candidates
never see it. It needs the extra `novum[molecule]`; heavy libraries are imported by the module that
uses them, and nothing is imported here.

    scores.py      what an oracle is, and what it answers: a value, or a status with a reason
    molecules.py   SMILES, read with suspicion: what is no molecule, or none for a drug lab, is told
    tables.py      tables of TOML, checked; unknown keys are errors
    oracles.py     from `kind = "..."` to an oracle; answers as they come
    cache.py       what oracles answered, remembered: nothing is paid for twice
"""
