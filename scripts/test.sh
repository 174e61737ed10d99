#!/bin/sh
# Every check and every test. Real Airflow servers are installed into the user's cache on first use.
set -eu
ruff format --check .
ruff check .
mypy
lint-imports --no-cache
python -m tests.rig install
python -m tests.rig schemas
sh "$(dirname "$0")/chromium.sh"

# The fast tests alone have to reach what guards and promises: whole branches, not a lucky end-to-end run.
coverage erase
coverage run -m pytest -q -n 2 --dist loadgroup -m "not slow" "$@"
coverage combine --quiet
coverage report --format=total --fail-under=95
coverage report --fail-under=100 --include="reconciler/guards.py,reconciler/seal.py,reconciler/ledger*.py,\
reconciler/records.py,reconciler/living.py,reconciler/causes.py,reconciler/permit.py,reconciler/retry.py"

pytest -q -n 2 --dist loadgroup -m slow "$@"
