# An environment that has been applied, and then was changed in Airflow.
mkdir -p base prod
cat >base/pools.yaml <<'YAML'
pools:
  etl: {slots: 16}
YAML
cat >prod/environment.yaml <<'YAML'
name: prod
target: sandbox:airflow.json
ledger: file:ledger.json
layers: [../base]
parameters: {retries: 3}
YAML
cat >prod/variables.yaml <<'YAML'
# Read by all DAGs of the team.
variables:
  batch_size: 500 # rows
  etl_config:
    value: {source: s3, retries: 3}
  max_retries: ${retries}
  api_key: {value: {$secret: "env:API_KEY"}, description: Ask the vendor}
YAML
export API_KEY=k-1
reconciler apply prod --yes --no-progress >/dev/null 2>&1
printf '*.json\n*.key\n' >.gitignore
git -c init.defaultBranch=main init -q
git add .
git -c user.name=t -c user.email=t@example.org commit -qm start
airflow() { python -m reconciler.sandbox prod/airflow.json "$@" >/dev/null; }
airflow PATCH /variables/batch_size '{"key": "batch_size", "value": "5000"}'
airflow PATCH /variables/etl_config '{"key": "etl_config", "value": "{\"source\": \"s3\", \"retries\": 5}"}'
airflow PATCH /variables/max_retries '{"key": "max_retries", "value": "4"}'
airflow PATCH /pools/etl '{"pool": "etl", "slots": 32, "include_deferred": false}'
airflow PATCH /variables/api_key '{"key": "api_key", "value": "", "description": "http://me:pw@vendor/"}'
