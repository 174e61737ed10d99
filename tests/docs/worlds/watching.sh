# One environment in which somebody has changed a variable, and a topic to tell of it.
mkdir -p environments/dev
printf 'name: dev\ntarget: sandbox:sandbox.json\nledger: file:ledger.json\n' >environments/dev/environment.yaml
printf 'variables: {batch_size: 500}\n' >environments/dev/variables.yaml
reconciler apply 'environments/*' --yes --no-progress >/dev/null 2>&1
python -m reconciler.sandbox environments/dev/sandbox.json PATCH /variables/batch_size '{"key": "batch_size", "value": "1"}' >/dev/null
python -m tests.docs.aws_cli sns create-topic --name drift
