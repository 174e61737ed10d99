# Three environments in git: one in sync, one that has been changed, one that nobody answers for.
for name in dev prod staging; do
    mkdir -p "environments/$name"
    printf 'name: %s\ntarget: sandbox:sandbox.json\nledger: file:ledger.json\n' "$name" >"environments/$name/environment.yaml"
    printf 'variables: {region: eu}\n' >"environments/$name/variables.yaml"
done
reconciler apply 'environments/*' --yes --no-progress >/dev/null 2>&1
sed -i 's,sandbox:sandbox.json,http://127.0.0.1:1,' environments/staging/environment.yaml
rm environments/staging/ledger.json*
printf '*.json\n*.key\n' >.gitignore
git -c init.defaultBranch=main init -q
git add .
git -c user.name=t -c user.email=t@example.org commit -qm start
printf 'variables: {region: us}\n' >environments/prod/variables.yaml
