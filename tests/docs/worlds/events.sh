# An environment whose DAGs and assets are known: an Airflow learns of them from files, a sandbox from its state.
mkdir -p prod
printf 'name: prod\ntarget: sandbox:airflow.json\n' >prod/environment.yaml
cat >prod/airflow.json <<'END'
{
  "format": "reconciler.sandbox/1",
  "dags": {"etl_daily": {}, "smoke_test": {"state": "failed"}, "etl_weekly": {"is_paused": true}},
  "assets": {"s3://acme-data/in/orders": {}}
}
END
mkdir -p dev
sed 's,s3://acme-data/in/orders,reconciler://dev,' prod/airflow.json >dev/airflow.json
