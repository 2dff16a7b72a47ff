# The commands of the course. `make` alone lists them. Written for GNU make 3.81 and
# newer; README.md lists the plain commands behind `make lab` and `make test`.

# Options, for example: make lab PORT=9000 · make day DAY=1 BUDGET=smoke
# (from the command line only: PORT and the like may mean something else in a shell)
PYTHON  ?=
PORT     =
IP       =
DAY      =
DAYS     =
STALE    =
BUDGET   =
EDITED   =
CHECK    =
WORKERS ?= 2

ifeq ($(OS),Windows_NT)
VENV_PYTHON := .venv/Scripts/python.exe
else
VENV_PYTHON := .venv/bin/python
endif

# What another project set for its Python must not leak into this one
unexport PYTHONPATH PYTHONHOME
export PYTHON

NBVAL     = -n $(WORKERS) --dist loadfile --nbval-lax --nbval-current-env
SET_UP    = python=`sh tools/find_python.sh` && "$$python" tools/setup_env.py
PYTEST    = $(VENV_PYTHON) -P -m pytest
RUFF      = $(VENV_PYTHON) -m ruff
CHOICE    = $(VENV_PYTHON) tools/choice.py

.DEFAULT_GOAL := help
.PHONY: help lab serve ui card loop test test-all test-colab day add record redraw progress stamp \
        update fmt lint clean setup setup-tests

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

lab: setup ## open JupyterLab on the README and Day 1 (PORT=, IP=, DAY=)
	@$(VENV_PYTHON) tools/lab.py $(if $(PORT),--port "$(PORT)") $(if $(IP),--ip "$(IP)") \
	  $(if $(DAY),--day "$(DAY)")

serve: setup ## serve the sentiment model that Day 30 left, at 127.0.0.1:8000 (PORT=)
	@$(VENV_PYTHON) -P common/program.py common.sentiment.api $(if $(PORT),--port "$(PORT)")

ui: setup ## show the sentiment model's page, at 127.0.0.1:8501, with its API (PORT=)
	@$(VENV_PYTHON) -P common/program.py common.sentiment.ui_start $(if $(PORT),--port "$(PORT)")

card: setup ## write the served model's card from its records, and lint it (CHECK=1: only lint)
	@$(VENV_PYTHON) -P common/program.py common.sentiment.card $(if $(CHECK),--check)

loop: setup ## run the closed loop of Day 40 here: drift, kills, both endings (BUDGET=)
	@$(if $(BUDGET),COURSE_BUDGET="$(BUDGET)") $(VENV_PYTHON) -P common/program.py \
	  common.sentiment.loop.rehearsal

test: add ## run the tests, and every notebook end to end, in the smoke budget (EDITED=1: yours)
	@COURSE_BUDGET=smoke COURSE_TEST_EDITED=$(EDITED) $(VENV_PYTHON) -P tools/run_tests.py \
	  $(NBVAL) -m "not twice and not image and not cluster and not loop"

test-all: add lint ## the same and style; every notebook also offline, on JAX, on PyTorch
	@chosen=`$(CHOICE) real data` && COURSE_BUDGET=smoke $(PYTEST) $(NBVAL) tests $$chosen
	@chosen=`$(CHOICE) jax` && COURSE_BUDGET=smoke KERAS_BACKEND=jax $(PYTEST) $(NBVAL) $$chosen
	@chosen=`$(CHOICE) torch` && COURSE_BUDGET=smoke KERAS_BACKEND=torch $(PYTEST) $(NBVAL) $$chosen

test-colab: setup ## run the notebooks as in Colab, on Colab's package versions
	@$(VENV_PYTHON) tools/colab_env.py
	@$(PYTEST) tests/test_colab.py

day: setup ## run one day in the terminal, on a copy: make day DAY=1
	@$(VENV_PYTHON) tools/run_day.py "$(DAY)" $(if $(BUDGET),--budget "$(BUDGET)")

add: ## install what Days 22, 24 and 39 need besides: PyTorch, Transformers, Ray, JAX
	@$(SET_UP) --group large

record: setup ## keep the results of DAY=1, of a queue DAYS="6 7 8" or of STALE=1 (BUDGET=full)
	@$(VENV_PYTHON) tools/record.py $(DAY) $(if $(DAYS),--days "$(DAYS)") \
	  $(if $(STALE),--stale) $(if $(BUDGET),--budget "$(BUDGET)")

redraw: setup ## draw a recorded day's drawings anew; no number changes: make redraw DAY=1
	@$(VENV_PYTHON) tools/record.py "$(DAY)" --redraw

progress: setup ## show your own forty-day grid
	@$(VENV_PYTHON) tools/progress.py

stamp: setup ## rewrite what is generated: badges, bootstrap cells, tables of results
	@$(VENV_PYTHON) tools/stamp.py

update: ## fetch the newest course; your edits are kept in my-work/
	@python=`sh tools/find_python.sh` && "$$python" tools/update.py

fmt: setup-tests ## format the code, notebooks included
	@$(RUFF) check --fix .
	@$(RUFF) format .

lint: setup-tests ## check style and workflows, change nothing
	@$(RUFF) check .
	@$(RUFF) format --check .
	@$(VENV_PYTHON) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(dir $(VENV_PYTHON))zizmor --offline --quiet .github/workflows

clean: ## remove .venv, .venv-colab and caches; runs/ and my-work/ stay
	@find . -name ".venv*" -prune -o -name .git -prune -o -name my-work -prune \
	  -o -name runs -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) \
	  -type d -prune -exec rm -rf {} +
	@rm -rf .venv .venv.lock .venv-colab .lab ci-artifacts .pytest_cache .ruff_cache
	@echo "Removed .venv and the caches; runs/, my-work/ and your progress are untouched."

setup:
	@$(SET_UP) $(if $(DAY)$(DAYS),--day "$(strip $(DAY) $(DAYS))")

setup-tests:
	@$(SET_UP) --group test
