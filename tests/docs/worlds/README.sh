# An environment with a past: applied once, then changed in git, in Airflow and at the source of a secret.
mkdir -p base
cat >prod/connections.yaml <<'END'
connections:
  warehouse: {conn_type: postgres, host: warehouse.internal, password: {$secret: "aws-sm:prod/warehouse#password"}}
END
cp prod/variables.yaml now.yaml
echo '  old_flag: "1"' >>prod/variables.yaml
reconciler apply prod --yes --no-progress >/dev/null 2>&1
mv now.yaml prod/variables.yaml
printf 'pools:\n  etl: {slots: 16}\n' >prod/pools.yaml
python - <<'END'
import boto3

change = {"key": "etl_config", "value": '{"source": "s3://acme-prod-data/in", "retries": 5}'}
boto3.client("mwaa").invoke_rest_api(Name="prod-airflow", Path="/variables/etl_config", Method="PATCH", Body=change)
boto3.client("secretsmanager").put_secret_value(SecretId="prod/warehouse", SecretString='{"password": "p-2"}')
END
