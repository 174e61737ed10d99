# An environment on MWAA in which one variable has been applied.
mkdir -p prod
cat >prod/environment.yaml <<'END'
name: prod
target: mwaa://eu-west-1/prod-airflow?account=123456789012
ledger: s3://acme-gitops/airflow/doctor.json
END
printf 'variables: {region: eu}\n' >prod/variables.yaml
reconciler apply prod --yes --no-progress >/dev/null 2>&1
