# Two commands: `make demo` and `make test`. Python 3.11+ and git are all they need.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
EXPERIMENTS ?= 8
SECONDS ?= 20

SOAK_MINUTES ?= 30

.PHONY: demo test check agents soak clean

demo: .venv/demo
	@test -d demo || $(BIN)/novum new gpt demo
	@$(BIN)/novum check demo || echo "the demo goes on without what is missing, if it can"
	$(BIN)/novum run demo --experiments $(EXPERIMENTS) --seconds $(SECONDS) --allow-unconfined
	@echo "the report is in demo/report"

test: .venv/test check
	$(BIN)/pytest --numprocesses 3 --dist worksteal

check: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The real coding agents, against a scripted model on this machine. Needs node and npm; about 2 GB.
AGENTS := @anthropic-ai/claude-code @openai/codex @google/gemini-cli opencode-ai \
	@agentclientprotocol/claude-agent-acp @agentclientprotocol/codex-acp

agents: .venv/test .agents/installed
	NOVUM_AGENTS=.agents $(BIN)/pytest -s tests/agents

# Campaigns under random faults; disks are filled and unplugged only as root.
soak: .venv/test
	$(BIN)/python tests/faults/soak.py --minutes $(SOAK_MINUTES) --long 2000

.agents/installed:
	@echo "installing coding agents into .agents (about 2 GB)"
	@mkdir -p .agents && echo '{"private": true}' > .agents/package.json
	npm install --prefix .agents --no-fund --no-audit --loglevel=error $(AGENTS)
	@touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing into .venv (PyTorch is large; this takes a minute or two)"
	$(PIP) --editable '.[gpt,plot]'
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[gpt,plot,agent,chat,mcp,tuner,molecule,qsar,site,dev]'
	@touch $@

clean:
	rm -rf .venv .agents demo build dist
