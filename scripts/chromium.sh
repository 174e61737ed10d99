#!/bin/sh
# Installs Debian's Chromium where there is none. The HTML report is tried out in it, so a machine that has none and
# gets none fails here; CHROMIUM names another one.
set -eu
if command -v "${CHROMIUM:-chromium}" >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Chromium is missing: install the package 'chromium', or set CHROMIUM=/path/to/it." >&2
    exit 1
fi
log=$(mktemp)
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
rm -f "$log"
