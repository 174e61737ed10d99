#!/bin/sh
# Counts and ratios that show what the program costs, peers on real Airflow beside it, under ten minutes; arguments
# choose cases, such as B5. Airflow 2.11.2 and 3.3.1 and airflowctl are installed into the user's cache on first use.
set -eu
if [ "$#" -eq 0 ]; then
    python -m tests.rig install 2.11.2 3.3.1 >/dev/null
    if ! command -v valgrind >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        { apt-get update && apt-get install --yes valgrind; } >/dev/null 2>&1 || echo "bench: valgrind cannot be had" >&2
    fi
fi
exec python -m benchmarks "$@"
