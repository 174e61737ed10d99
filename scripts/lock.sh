#!/bin/sh
# Renews the locks: hashes, no addresses, so that they work behind any mirror.
set -eu
compile() {
    uv=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --upgrade "$@"
}
uv=${UV:-.venv/bin/uv}
compile "$uv" requirements/bootstrap.in --output-file requirements/bootstrap.txt >/dev/null
compile "$uv" pyproject.toml --all-extras --group dev --output-file requirements/dev.txt >/dev/null
compile "$uv" pyproject.toml --group build --output-file requirements/run.txt >/dev/null
