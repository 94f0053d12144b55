# Everything a newcomer needs: `make demo`, `make test`. Python of the machine: make PYTHON3=python3.11 demo
PYTHON3 ?= python3
PYTHON := .venv/bin/python

.PHONY: help setup demo test lint clean

help:
	@echo "make demo   set up, prepare the demo slide, open the page at http://127.0.0.1:7860"
	@echo "make test   set up, lint, type check, run all tests"
	@echo "make setup  only the virtual environment, the packages, the demo slide"
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

clean:
	rm -rf .venv demo workspace viewer/vendor
