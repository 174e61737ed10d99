#!/bin/sh
# Changes the modules that decide what is written in one small thing at a time, and tells what tests/guards and
# tests/core do not notice. Works on a copy, which is gone in the end. Arguments: mutants, such as '*guards*'.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cp -R pyproject.toml reconciler schemas scripts tests "$work"
cd "$work"
cat >conftest.py <<'END'
from hypothesis import settings

settings.register_profile("mutation", max_examples=40, derandomize=True, deadline=None, database=None)
END
mutmut run "$@" >mutmut.log 2>&1 || {
    tr '\r' '\n' <mutmut.log | tail -n 40 >&2
    exit 1
}
python scripts/survivors.py
