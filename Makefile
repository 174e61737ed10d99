.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
WHOLE := action aws benchmarks canaries doctor e2e faults gateway kill lambda_ properties protocol terminal # try whole programs out, at random or by force

.PHONY: help setup demo test check bench docs mutation fix lock schemas pictures

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## make .venv with everything development needs

$(READY): pyproject.toml requirements/bootstrap.txt requirements/dev.txt scripts/setup.sh
	@sh scripts/setup.sh "$(PYTHON)"
	@touch $@

demo: setup ## plan, apply, drift and re-plan the example environment on the sandbox
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

test: setup ## every test, real Airflow 2 and 3 included
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/test.sh

check: setup ## the inner loop: format, lint, types, layers, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q -n 2 -m "not slow" $(WHOLE:%=--ignore=tests/%)

bench: setup ## what the program costs, against goals and peers; writes benchmarks/RESULTS.md; under ten minutes
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/bench.sh $(CASES)

docs: setup ## the documentation as a site, in site/
	$(BIN)/python scripts/commands.py docs/commands.md
	$(BIN)/python scripts/fields.py docs/manifests.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

mutation: setup ## which small changes of what guards a plan the fast tests do not notice; 20 minutes
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/mutation.sh

fix: setup ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: setup ## write schemas/ from the kinds
	$(BIN)/python scripts/schemas.py schemas

pictures: setup ## write docs/images/ with Chromium
	@sh scripts/chromium.sh
	$(BIN)/python -m tests.browser.pictures docs/images

lock: setup ## renew requirements/*.txt from pyproject.toml
	@sh scripts/lock.sh
