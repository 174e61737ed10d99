#!/bin/sh
# install.sh PYTHON FOLDER: makes FOLDER a virtual environment with the reconciler of this checkout, its
# dependencies from the hashed lock, so that what runs is told by the checkout's commit alone.
set -eu
python=$1
folder=$2
source=$(cd "$(dirname "$0")/.." && pwd)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: reconciler needs Python 3.11 or newer; '$python' is older" >&2
    exit 1
}
"$python" -m venv --clear "$folder"
pip() {
    "$folder/bin/python" -m pip --quiet --disable-pip-version-check install "$@"
}
pip --require-hashes --only-binary :all: -r "$source/requirements/run.txt"
pip --no-deps --no-build-isolation "$source"
