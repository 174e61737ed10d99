#!/bin/sh
# Makes .venv from the locks. Needs Python 3.11 or newer and a package registry; uv comes from the registry.
set -eu
python=$1
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "reconciler needs Python 3.11 or newer; '$python' is older. Set PYTHON=/path/to/python3.11." >&2
    exit 1
}
if [ ! -x .venv/bin/uv ]; then # uv's sync removes pip, so a .venv without uv starts anew
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
fi
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
