# `make` builds .venv and runs the default study; `make check` runs every linter and test in it.
PYTHON ?= python3
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
# Jobs call `python`: the environment's, activated or not.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study check environment lock
study: environment
	$(BIN)/snakemake --cores $(CORES)

check: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint --configfile config/test.yaml
	$(BIN)/pytest -n 2 --dist loadfile

environment: $(VENV)/.installed

# requirements.txt names all there is: pip need not look for more. The stamp comes last, so that an
# interrupted installation is taken up again. Python compiles what jobs import as they do: all of it
# would take as long as the rest of the installation.
$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "spikespeech needs Python 3.11 to 3.13: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps \
		--require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Needs uv; rewrites the pinned and hashed requirements for Python 3.11 to 3.13.
lock:
	uv pip compile pyproject.toml --quiet --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.txt
