# An Airflow that people filled by hand, and what other tools export of one.
rm -r prod # what the page writes comes later
mkdir -p .before
printf 'name: before\ntarget: sandbox:../airflow.json\n' >.before/environment.yaml
cat >.before/all.yaml <<'YAML'
variables:
  batch_size: 500
  etl_config: {value: {source: "s3://acme-data/in", retries: 3}, description: Read by etl_daily}
  api_key: {value: {$secret: "env:OLD"}}
connections:
  warehouse: {conn_type: postgres, host: warehouse.internal, login: etl, password: {$secret: "env:OLD"}}
pools:
  etl: {slots: 16, description: Nightly loads}
YAML
OLD=p-0 reconciler apply .before --yes --no-progress >/dev/null 2>&1
rm -r .before
cat >connections.json <<'JSON'
{"warehouse": {"conn_type": "postgres", "description": null, "login": "etl", "password": "p-0", "host": "warehouse.internal",
  "port": 5432, "schema": null, "extra": "{\"sslmode\": \"require\"}"}}
JSON
cat >variables.json <<'JSON'
{"api_key": "k-0", "batch_size": 500, "etl_config": {"description": "Read by etl_daily", "value": {"retries": 3}}}
JSON
echo '{"etl": {"slots": 16, "description": "Nightly loads", "include_deferred": false}}' >pools.json
cat >airflow_settings.yaml <<'YAML'
airflow:
  connections:
    - conn_id: vendor
      conn_type: http
      conn_host: https://api.vendor.example
      conn_password: p-0
  pools:
    - pool_name: etl
      pool_slot: 16
      pool_description: Nightly loads
  variables:
    - variable_name: batch_size
      variable_value: "500"
YAML
