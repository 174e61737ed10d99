# Two environments whose ledgers are in S3, and a queue.
for name in dev prod; do
    mkdir -p "environments/$name"
    printf 'name: %s\ntarget: sandbox:sandbox.json\nledger: s3://acme-gitops/lambda/%s.json\n' "$name" "$name" >"environments/$name/environment.yaml"
    printf 'variables: {batch_size: 500}\n' >"environments/$name/variables.yaml"
done
python -m tests.docs.aws_cli sqs create-queue --queue-name reconcile >/dev/null
