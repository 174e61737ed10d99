#!/bin/sh
# The main job on the sandbox: plan, apply, an empty plan, a change behind git's back, drift, and back.
# Then a secret that changes at its source, and what is refused.
set -eu
environment=examples/environments/dev
state=$environment/sandbox.json
export WAREHOUSE_PASSWORD=demo-warehouse-password VENDOR_API_KEY=demo-vendor-key
rm -f "$state" "$environment/ledger.json" "$environment/ledger.json.key"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

expect() { # expect CODE COMMAND...: shows a command and runs it, which must exit with CODE
    expected=$1
    shift
    printf '\n$ %s\n' "$*"
    code=0
    "$@" || code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "demo: expected exit code $expected, got $code" >&2
        exit 1
    fi
}
say() { printf '\n# %s\n' "$*"; }

say "What would apply do? Save what is shown, and do that and nothing else."
expect 2 reconciler plan $environment --detailed-exitcode --out "$scratch/plan.json"
expect 0 reconciler apply $environment --plan "$scratch/plan.json"
say "Nothing is left to do: exit 0."
expect 0 reconciler plan $environment --detailed-exitcode
say "Somebody changes a variable and deletes a pool in Airflow's UI."
expect 0 python -m reconciler.sandbox $state PATCH /variables/batch_size '{"key": "batch_size", "value": "5000"}'
expect 0 python -m reconciler.sandbox $state DELETE /pools/etl
say "The drift cron finds both: exit 2."
expect 2 reconciler drift $environment
say "Apply mends them; the plan is empty again."
expect 0 reconciler apply $environment --yes
expect 0 reconciler plan $environment --detailed-exitcode
say "A password changes at its source. Airflow does not show it, and the ledger still knows."
export WAREHOUSE_PASSWORD=demo-another-password
expect 2 reconciler plan $environment --detailed-exitcode --kind connection
expect 0 reconciler apply $environment --yes
say "A branch loses its variables. Whoever merges that deletes nothing: exit 3."
cp -R examples/environments "$scratch"
rm "$scratch/environments/base/variables.yaml" "$scratch/environments/dev/variables.yaml"
expect 3 reconciler apply "$scratch/environments/dev" --yes
