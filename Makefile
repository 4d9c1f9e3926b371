# Two commands: `make demo` and `make test`. Python 3.11+ and git are all they need.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
EXPERIMENTS ?= 8
SECONDS ?= 20

.PHONY: demo test check clean

demo: .venv/demo
	@test -d demo || $(BIN)/novum new gpt demo
	@$(BIN)/novum check demo
	$(BIN)/novum run demo --experiments $(EXPERIMENTS) --seconds $(SECONDS)
	@echo "the report is in demo/report"

test: .venv/test check
	$(BIN)/pytest

check: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing into .venv (PyTorch is large; this takes a minute or two)"
	$(PIP) --editable '.[gpt,plot]'
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[gpt,plot,mcp,dev]'
	@touch $@

clean:
	rm -rf .venv demo build dist
