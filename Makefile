# Everything a newcomer needs: `make demo`, `make test`. Python of the machine: make PYTHON3=python3.11 demo
PYTHON3 ?= python3
PYTHON := .venv/bin/python

.PHONY: help setup demo test lint audit clean

help:
	@echo "make demo   set up, prepare the demo slide, open the page at http://127.0.0.1:7860"
	@echo "make test   set up, lint, type check, run all tests"
	@echo "make setup  only the virtual environment, the packages, the demo slide"
	@echo "make audit  look the installed packages up in a database of known weaknesses (needs the network)"
	@echo "make clean  remove the virtual environment, the demo slide and the workspace"

setup:
	@$(PYTHON3) setup_env.py

demo: setup
	@$(PYTHON) app.py prepare demo > /dev/null
	@$(PYTHON) app.py serve

test:
	@$(PYTHON3) setup_env.py --test
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest

audit:
	@$(PYTHON) -m pip_audit --version > /dev/null 2>&1 || $(PYTHON) -m pip install --quiet "pip-audit>=2.7,<3" || uv pip install --quiet --python $(PYTHON) "pip-audit>=2.7,<3"
	@$(PYTHON) -m pip_audit --local --skip-editable

clean:
	rm -rf .venv demo workspace viewer/vendor
