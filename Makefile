# `make` builds .venv and runs the default study; `make check` runs every linter and test in it.
PYTHON ?= python3
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
# Jobs call `python`: the environment's, activated or not.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# What a cluster sets for its users' own installations, and the libraries of its modules, stay out.
unexport PYTHONPATH PIP_TARGET PIP_PREFIX
# Images of containers set it: then each job compiles pandas and Matplotlib anew, for 3 s.
unexport PYTHONDONTWRITEBYTECODE
export PIP_USER := 0

.PHONY: study check environment lock
study: environment
	$(BIN)/snakemake --cores $(CORES)

check: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint --configfile config/test.yaml
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

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

# Needs uv; rewrites the pinned and hashed requirements for Python 3.11 to 3.13, and the same pins of
# what jobs need in conda's file, which can name no other file.
COMPILE := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
PINS := sed -i '/^      - /d' envs/spikespeech.yaml && sed "s/.*/      - &/" >> envs/spikespeech.yaml
lock:
	$(COMPILE) --group dev --generate-hashes -o requirements.txt
	$(COMPILE) --constraint requirements.txt | { $(PINS); }
