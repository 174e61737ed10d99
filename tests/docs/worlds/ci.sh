# One environment, and what the CI tells its job.
mkdir -p environments/dev
printf 'name: dev\ntarget: sandbox:sandbox.json\nledger: file:ledger.json\n' >environments/dev/environment.yaml
printf 'variables: {region: eu}\n' >environments/dev/variables.yaml
export ENVIRONMENTS='environments/*' RECONCILER=.
