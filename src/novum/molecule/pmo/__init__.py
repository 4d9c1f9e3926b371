"""The oracles of the PMO benchmark that need no downloaded model, as formulas over RDKit.

Most were defined by GuacaMol (Brown et al. 2019, doi 10.1021/acs.jcim.8b00839); PMO (Gao et al.
2022, arXiv 2206.12411) measures generators with them, as the package PyTDC implements them. We
follow PyTDC 1.1.15 value for value; `benchmarks/pmo_reference.py` makes the table that tests use.

    desirability.py   from a property to a score between 0 and 1, and means of scores
    likeness.py       how similar a molecule is to a known one
    definitions.py    the twenty formulas, by name
    oracle.py         them as an oracle
"""
