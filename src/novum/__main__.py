"""`python -m novum`: the same as the command."""

from novum.cli import main

main()
