#!/bin/sh
# Sees to it that there is a Chromium, in which the HTML report is tried out: Debian's is installed where there is none.
# CHROMIUM names another one. A machine that has none and gets none fails here, so that no test is left out unnoticed.
set -eu
has_one() { command -v "${CHROMIUM:-chromium}" >/dev/null; }
if has_one; then
    exit 0
fi
if [ -n "${CHROMIUM:-}" ] || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "There is no ${CHROMIUM:-chromium}: install the package 'chromium', or set CHROMIUM=/path/to/it." >&2
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1 || ! has_one; then
    cat "$log" >&2
    echo "Chromium could not be installed." >&2
    exit 1
fi
