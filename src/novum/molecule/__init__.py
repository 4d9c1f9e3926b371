"""Molecules: read, filtered, prepared, scored by oracles; what the chemistry labs share.

The labs' frozen programs (an evaluator, an oracle beside a trial) import this package; candidates
never see it. It needs the extra `novum[molecule]`; heavy libraries are imported by the module that
uses them, and nothing is imported here.

    scores.py      what an oracle is, and what it answers: a value, or a status with a reason
    molecules.py   SMILES, read with suspicion: what is no molecule, or none for a drug lab, is told
    change.py      what is new in a molecule against another
    drawing.py     molecules in the plane, with that marked: SVG and PNG
    pocket.py      a receptor to look at: the pocket around ligands, contacts, the way to look
    viewer.py      docked poses as a page that needs no network
    browser.py     a page as a picture
    compounds.py   the leads of a campaign, with what was found of them
    remembered.py  poses from a lab's cache
    site.py        where a lab docks
    listing.py     CSV and SDF
    exhibit.py     all of these in the report
    targets.py     what is docked into; receptors.py: of the user's own, prepared by polymer.py
    preparation.py from a molecule to what Vina docks
    docking.py     docking, an oracle; engine.py: Vina at work, in a worker
    poses.py       poses read, written as SDF, and checked
    objective.py   what is made of a docking: objectives by name
    lead.py        the lead series, a line a molecule: what a molecule lab changes
    filters.py     what a lab does not want to see; properties.py, identity.py: what that looks at
    transformations.py  reactions on paper; medchem.py: the researcher that applies them to a lead
    measuring.py   a molecule lab's evaluator; starting.py: `novum new molecule` for another target
    tables.py      tables of TOML, checked; unknown keys are errors
    oracles.py     from `kind = "..."` to an oracle; answers as they come
    cache.py       what oracles answered, remembered: nothing is paid for twice
    formulas.py    oracles that RDKit computes; models.py, command.py, rest.py: the user's own
    pmo/           oracles: the formulas of the PMO benchmark
    screening.py   a screen: tasks, calls that are counted, a record; serving.py: as a service
    auc.py         how quickly a screen found good molecules
    batches.py     answers of programs and services, matched to the molecules that were asked for
    library.py     files of molecules, read one after another
    crew.py        workers: processes that may crash or hang, and are replaced
    scorers.py     workers that score batches; one that dies takes nothing with it
    streaming.py   a library, scored: `novum score`; sheets.py: its files, summary.py: its words
"""
