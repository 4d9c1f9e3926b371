"""An outside agent drives, over the Model Context Protocol; the machine measures and decides.

The server reads the ledger and puts requests in it. It never calls the campaign: where nothing
runs, it starts the machine as a process of its own, which outlives it.
"""
