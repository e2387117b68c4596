"""Passwords, tokens and certificates as they are kept, changed and handed out."""

SECRETS = [
    r'''new=$(openssl rand -base64 24 | tr -d '/+=')
psql -h "$DB_HOST" -U postgres -qc "ALTER ROLE {user} PASSWORD '$new'" && vault kv put secret/{plain}/db user={user} password="$new" >/dev/null && kubectl -n {plain} create secret generic db --from-literal=password="$new" --dry-run=client -o yaml | kubectl apply -f - && kubectl -n {plain} rollout restart deploy
unset new''',
    r'''{fn}() {
  local user=$1 old new
  old=$(aws iam list-access-keys --user-name "$user" --query 'AccessKeyMetadata[0].AccessKeyId' --output text)
  new=$(aws iam create-access-key --user-name "$user" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
  aws secretsmanager put-secret-value --secret-id "ci/$user" --secret-string "{\"id\":\"${new%%$'\t'*}\",\"key\":\"${new##*$'\t'}\"}" >/dev/null
  sleep 60; aws iam delete-access-key --user-name "$user" --access-key-id "$old"
}
for {var} in ‹ci-deploy ci-backup¦{plain}-ci›; do {fn} "${var}"; done''',
    r'''{var}=$(curl -fsS -X POST -d "{\"jwt\":\"$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)\",\"role\":\"{plain}\"}" "$VAULT_ADDR/v1/auth/kubernetes/login" | jq -r .auth.client_token)
curl -fsS -H "X-Vault-Token: ${var}" "$VAULT_ADDR/v1/secret/data/{plain}" | jq -r '.data.data | to_entries[] | "export \(.key)=\(.value|@sh)"' > /run/{plain}/env; . /run/{plain}/env; exec /app/{plain}''',
    r'''aws secretsmanager get-secret-value --secret-id prod/{plain} --query SecretString --output text | jq -r 'to_entries[] | "\(.key)=\(.value)"' > .env && chmod 600 .env && docker compose up -d && shred -u .env''',
    r'''for {var} in $(gcloud secrets list --filter='labels.app={plain}' --format='value(name)'); do gcloud secrets versions access latest --secret "${var}" > "/run/secrets/${var}"; chmod 400 "/run/secrets/${var}"; done''',
    r'''az login --identity -o none && az keyvault secret show --vault-name {plain}-kv -n db-password --query value -o tsv > /run/{plain}/db && az keyvault certificate download --vault-name {plain}-kv -n web -f /etc/ssl/{plain}.pem --encoding PEM''',
    r'''certbot certonly --dns-route53 -n --agree-tos -m ops@{domain} -d '*.{domain}' && cat /etc/letsencrypt/live/{domain}/{fullchain,privkey}.pem > /etc/haproxy/{domain}.pem && chmod 600 /etc/haproxy/{domain}.pem && haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy''',
    r'''acme.sh --issue -d {domain} -w /var/www/html --server letsencrypt && acme.sh --install-cert -d {domain} --key-file /etc/nginx/ssl/{plain}.key --fullchain-file /etc/nginx/ssl/{plain}.crt --reloadcmd 'systemctl reload nginx' ''',
    r'''{var}=$(openssl x509 -enddate -noout -in /etc/ssl/{plain}.crt | cut -d= -f2); {var2}=$(( ($(date -d "${var}" +%s) - $(date +%s)) / 86400 ))
[ ${var2} -gt 21 ] && exit 0
openssl req -new -key /etc/ssl/private/{plain}.key -subj "/CN=$(hostname -f)" | curl -fsS --data-binary @- -H "Authorization: Bearer $(cat /etc/{plain}/ca-token)" https://ca.{domain}/sign -o /etc/ssl/{plain}.crt.new && openssl verify -CAfile /etc/ssl/ca.crt /etc/ssl/{plain}.crt.new && mv /etc/ssl/{plain}.crt.new /etc/ssl/{plain}.crt && systemctl reload {plain}''',
    r'''kubeadm certs check-expiration; kubeadm certs renew all && cp /etc/kubernetes/admin.conf ~/.kube/config && crictl pods --name 'kube-(apiserver|controller|scheduler)' -q | xargs -r -n1 crictl stopp; sleep 20; kubectl get nodes''',
    r'''step ca renew --force /etc/ssl/{plain}.crt /etc/ssl/private/{plain}.key --exec 'systemctl reload {plain}'; step ssh renew /etc/ssh/ssh_host_ecdsa_key-cert.pub /etc/ssh/ssh_host_ecdsa_key -f''',
    r'''ssh-keygen -t ed25519 -N '' -q -f deploy_key -C "deploy@{plain}" && gh repo deploy-key add deploy_key.pub -t "{plain} $(date +%F)" && gh secret set DEPLOY_KEY < deploy_key && shred -u deploy_key deploy_key.pub''',
    r'''kubeseal --fetch-cert > pub.pem; kubectl create secret generic {plain} --from-env-file=.env.production --dry-run=client -o yaml | kubeseal --cert pub.pem -o yaml > sealed/{plain}.yaml && git add sealed && git commit -qm 'Seal {plain}' && shred -u .env.production''',
    r'''sops -d secrets/{plain}.enc.env > /dev/shm/{plain}.env && set -a && . /dev/shm/{plain}.env && set +a && rm -f /dev/shm/{plain}.env && exec "$@"''',
    r'''gpg --quiet --decrypt vars.gpg | while IFS='=' read -r k v; do [ -n "$k" ] && gh secret set "$k" --repo "$REPO" --body "$v"; done''',
    r'''if grep -rnIE '(AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}|-----BEGIN (RSA|OPENSSH) PRIVATE KEY)' $(git diff --cached --name-only); then echo 'A secret would be committed.' >&2; exit 1; fi''',
    r'''gitleaks detect --source . --redact --report-format json --report-path leaks.json || { jq -r '.[] | [.RuleID,.File,.StartLine] | @tsv' leaks.json; curl -fsS -F "file=@leaks.json" -H "Authorization: Bearer $SCAN_TOKEN" https://{domain}/api/findings; exit 1; }''',
    r'''docker login -u AWS --password-stdin "$ACCOUNT.dkr.ecr.$REGION.amazonaws.com" < <(aws ecr get-login-password --region "$REGION") && kubectl -n {plain} create secret docker-registry regcred --docker-server="$ACCOUNT.dkr.ecr.$REGION.amazonaws.com" --docker-username=AWS --docker-password="$(aws ecr get-login-password --region "$REGION")" --dry-run=client -o yaml | kubectl apply -f -''',
    r'''pass git pull -q; export ANSIBLE_VAULT_PASSWORD_FILE=<(pass show ansible/vault); ansible-vault rekey --new-vault-password-file <(pass show ansible/vault-new) group_vars/*/vault.yml; git commit -qam 'Rekey' && git push -q''',
    r'''read -rsp 'New database password: ' p1; echo; read -rsp 'Again: ' p2; echo
[ "$p1" = "$p2" ] || { echo 'not the same' >&2; exit 1; }
mysql -u root -p -e "ALTER USER '{user}'@'%' IDENTIFIED BY '$p1'; FLUSH PRIVILEGES" && sed -i "s/^DB_PASSWORD=.*/DB_PASSWORD=$p1/" /etc/{plain}.env && systemctl restart {plain}''',
    r'''secret-tool lookup service backup | restic -r "$REPO" snapshots --password-command 'secret-tool lookup service backup'; gpgconf --kill gpg-agent; ssh-add -D''',
    r'''for {var} in ‹alice bob¦{user} {plain}›; do p=$(openssl rand -base64 12); echo "${var}:$p" | chpasswd && chage -d 0 "${var}" && printf 'Your new password is %s\n' "$p" | gpg -ae -r "${var}@{domain}" | mail -s 'New password' "${var}@{domain}"; done; unset p''',
    r'''htpasswd -bB /etc/nginx/.htpasswd {user} "$(openssl rand -hex 8 | tee /dev/stderr)"; chown root:www-data /etc/nginx/.htpasswd; chmod 640 /etc/nginx/.htpasswd; nginx -s reload''',
    r'''awk -F= '/^[A-Z_]+=/{print $1}' .env.example | sort > a; awk -F= '/^[A-Z_]+=/{print $1}' .env | sort > b; comm -23 a b | while read -r k; do read -rsp "$k: " v; echo; printf '%s=%s\n' "$k" "$v" >> .env; done; rm -f a b; chmod 600 .env''',
    r'''{var}=$(curl -s --unix-socket /run/spire/agent.sock http://localhost/token | jq -r .token); curl -fsS -H "Authorization: Bearer ${var}" https://vault.{domain}/v1/pki/issue/{plain} -d '{"common_name":"{plain}.internal","ttl":"72h"}' | jq -r '.data.certificate, .data.private_key' > /run/{plain}/tls.pem; chmod 400 /run/{plain}/tls.pem''',
    r'''find / -xdev \( -name '*.pem' -o -name '*.key' -o -name 'id_*' -o -name '.env' \) -type f -perm /077 2>/dev/null | grep -vE '/(share|testdata|examples)/' | while read -r f; do echo "$(stat -c '%a %U' "$f") $f"; done | tee /var/log/loose-keys.txt; [ -s /var/log/loose-keys.txt ] && xargs -a <(cut -d' ' -f3 /var/log/loose-keys.txt) chmod go-rwx''',
    r'''grep -rlE "password *= *['\"]" --include='*.py' --include='*.yml' . | while read -r f; do echo "$f: $(git log -1 --format=%an -- "$f")"; done | mail -E -s "passwords in $(basename "$PWD")" security@{domain}''',
    r'''aws kms decrypt --ciphertext-blob fileb://<(base64 -d < secrets.b64) --query Plaintext --output text | base64 -d > /dev/shm/s.env && . /dev/shm/s.env && rm -f /dev/shm/s.env && exec /app/start''',
    r'''doveadm pw -s SHA512-CRYPT -p "$NEW" | xargs -I{} mysql mail -e "UPDATE users SET password='{}' WHERE email='{user}@{domain}'"; ldappasswd -x -H ldaps://{domain} -D "$BIND" -y /etc/ldap.secret -s "$NEW" "uid={user},ou=people,dc={plain},dc=local"; unset NEW''',
]
