#!/bin/sh
# Every check and every test. Real Airflow servers are installed into the user's cache on first use.
set -eu
ruff format --check .
ruff check .
mypy
lint-imports --no-cache
python -m tests.rig install
pytest -n 2 --dist loadgroup "$@"
