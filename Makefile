# The commands of the README; each creates the virtual environment that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SWEEP ?= ppo_grid
ADDRESS ?= http://127.0.0.1:8265

.PHONY: sweep submit test fast docs format

sweep: $(VENV)/.installed
	@$(BIN)/python -m sweeps.run $(SWEEP) $(ARGS)

submit: $(VENV)/.installed-cluster
	@$(BIN)/segue submit $(SWEEP) --address $(ADDRESS) $(ARGS)

test: $(VENV)/.installed-dev
	@$(BIN)/python tests/check.py

fast: $(VENV)/.installed-dev
	@$(BIN)/python tests/check.py --fast

docs: $(VENV)/.installed-dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html in a browser. Search needs a server: $(BIN)/mkdocs serve"

format: $(VENV)/.installed-dev
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing Segue into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[report]"
	@touch $@

$(VENV)/.installed-cluster: $(VENV)/.installed
	@echo "Installing Segue with its cluster tools into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cluster]'
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing Segue and its test tools into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed
