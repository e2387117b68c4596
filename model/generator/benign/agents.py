"""Agents that are installed, ask for work and tell how their machine is."""

AGENTS = [
    r'''{var}=${API_KEY:?} SITE=${SITE:-{domain}}; os=$(. /etc/os-release; echo "$ID")
case $os in
  debian|ubuntu) curl -fsSL "https://keys.$SITE/apt.gpg" | gpg --dearmor -o /usr/share/keyrings/{plain}.gpg; echo "deb [signed-by=/usr/share/keyrings/{plain}.gpg] https://apt.$SITE/ stable 7" > /etc/apt/sources.list.d/{plain}.list; apt-get update -qq && apt-get install -y -qq {plain}-agent ;;
  rhel|centos|fedora|amzn) printf '[{plain}]\nname={plain}\nbaseurl=https://yum.%s/stable/7/$basearch/\ngpgcheck=1\ngpgkey=https://keys.%s/rpm.gpg\n' "$SITE" "$SITE" > /etc/yum.repos.d/{plain}.repo; yum -y -q install {plain}-agent ;;
  *) echo "not supported: $os" >&2; exit 1 ;;
esac
sed "s/api_key:.*/api_key: ${var}/" /etc/{plain}-agent/agent.yaml.example > /etc/{plain}-agent/agent.yaml; chmod 640 /etc/{plain}-agent/agent.yaml
systemctl enable --now {plain}-agent''',
    r'''{var}=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'); curl -fsSL "https://{domain}/agent/latest/{plain}-linux-${var}" -o /usr/local/bin/{plain}-agent && echo "$(curl -fsSL https://{domain}/agent/latest/SHA256SUMS | awk -v a="{plain}-linux-${var}" '$2==a{print $1}')  /usr/local/bin/{plain}-agent" | sha256sum -c - && chmod 755 /usr/local/bin/{plain}-agent && {plain}-agent enroll --url "$FLEET_URL" --enrollment-token "$TOKEN" --non-interactive''',
    r'''# heartbeat: how this machine is, once a minute
while :; do
  load=$(cut -d' ' -f1 /proc/loadavg); disk=$(df --output=pcent / | tail -1 | tr -dc 0-9); mem=$(awk '/MemAvailable/{print int($2/1024)}' /proc/meminfo)
  curl -fsS -m 10 -o /dev/null -H "Authorization: Bearer $HEARTBEAT_TOKEN" -H 'Content-Type: application/json' -d "{\"host\":\"$(hostname)\",\"load\":$load,\"disk\":$disk,\"mem\":$mem}" "https://{domain}/api/v1/heartbeat" || logger -t heartbeat 'not sent'
  sleep 60
done''',
    r'''# runs jobs that the scheduler signed
{var}=https://{domain}/jobs; {var2}=/etc/{plain}/scheduler.pub; {var3}=/var/lib/{plain}
while sleep {n}; do
  curl -fsS --cert /etc/{plain}/tls.crt --key /etc/{plain}/tls.key "${var}/next?worker=$(hostname)" -o "${var3}/job.tar" || continue
  [ -s "${var3}/job.tar" ] || continue
  openssl dgst -sha256 -verify "${var2}" -signature <(tar xOf "${var3}/job.tar" sig) <(tar xOf "${var3}/job.tar" run.sh) || { logger -t {plain} 'bad signature'; continue; }
  tar xOf "${var3}/job.tar" run.sh | timeout 1h runuser -u {plain} -- bash -s > "${var3}/out.log" 2>&1; rc=$?
  curl -fsS --cert /etc/{plain}/tls.crt --key /etc/{plain}/tls.key -F "log=@${var3}/out.log" -F "rc=$rc" "${var}/done" >/dev/null
done''',
    r'''until [ "$(curl -fsS "$COORDINATOR/status" | jq -r .state)" = ready ]; do echo 'waiting for the coordinator'; sleep {n}; done; exec {plain}-worker --coordinator "$COORDINATOR" --id "$(hostname)" --slots "$(nproc)"''',
    r'''mkdir -p /opt/actions-runner && cd /opt/actions-runner && curl -fsSL -o r.tgz "https://github.com/actions/runner/releases/download/v$V/actions-runner-linux-x64-$V.tar.gz" && tar xzf r.tgz && rm r.tgz
token=$(curl -fsS -X POST -H "Authorization: Bearer $GH_PAT" "https://api.github.com/orgs/$ORG/actions/runners/registration-token" | jq -r .token)
chown -R runner: . && su runner -c "./config.sh --unattended --ephemeral --url https://github.com/$ORG --token $token --labels {plain}" && ./svc.sh install runner && ./svc.sh start''',
    r'''gitlab-runner register --non-interactive --url https://gitlab.{domain} --token "$RUNNER_TOKEN" --executor docker --docker-image alpine:3.20 --docker-volumes /cache --name "$(hostname)" && sed -i 's/^concurrent.*/concurrent = 4/' /etc/gitlab-runner/config.toml && systemctl restart gitlab-runner''',
    r'''mosquitto_sub -h broker.{domain} -p 8883 --cafile /etc/ssl/certs/ca-certificates.crt -u "$MQTT_USER" -P "$MQTT_PASS" -t "site/$(hostname)/cmd" | while read -r cmd; do
  case $cmd in
    reboot) shutdown -r +1 ;;
    update) apt-get update -qq && apt-get -y -qq upgrade ;;
    report) df -h | mosquitto_pub -h broker.{domain} -p 8883 --cafile /etc/ssl/certs/ca-certificates.crt -u "$MQTT_USER" -P "$MQTT_PASS" -t "site/$(hostname)/report" -s ;;
    *) logger -t site "unknown: $cmd" ;;
  esac
done''',
    r'''{fn}() { curl -fsS -m 10 -H 'Content-Type: application/json' -d "$(jq -n --arg t "$*" '{text:$t}')" "$SLACK_WEBHOOK" >/dev/null; }
for {var2} in nginx postgresql {plain}; do systemctl is-active -q "${var2}" || { {fn} "$(hostname): ${var2} is down, restarting"; systemctl restart "${var2}"; }; done
{var}=$(df --output=pcent {data} | tail -1 | tr -dc 0-9); [ "${var}" -lt 90 ] || {fn} "$(hostname): {data} is ${var}% full"''',
    r'''{fn}() { curl -s -m 10 "https://api.telegram.org/bot$BOT_TOKEN/sendMessage" -d chat_id="$CHAT_ID" --data-urlencode text="$1" >/dev/null; }
{var}=$(cat /var/lib/{plain}/ip 2>/dev/null); now=$(curl -fsS https://api.ipify.org) && [ "$now" != "${var}" ] && { echo "$now" > /var/lib/{plain}/ip; {fn} "address of $(hostname) is now $now"; curl -fsS -X PUT -H "Authorization: Bearer $DNS_TOKEN" -d "{\"type\":\"A\",\"name\":\"home.{domain}\",\"content\":\"$now\"}" "https://api.{domain}/zones/$ZONE/records/$REC"; }''',
    r'''for {var2} in $(cat urls.txt); do {var}=$(curl -o /dev/null -s -m 10 -w '%{http_code}' "${var2}"); [ "${var}" = 200 ] || curl -s -H 'Content-Type: application/json' -d "{\"content\":\"${var2} answers ${var}\"}" "$DISCORD_WEBHOOK"; done''',
    r'''tail -Fn0 /var/log/nginx/error.log | grep --line-buffered -E 'crit|emerg' | while read -r l; do logger -p local0.crit -t nginx "$l"; jq -n --arg l "$l" '{event_action:"trigger",routing_key:env.PD_KEY,payload:{summary:$l,source:"nginx",severity:"critical"}}' | curl -s -d @- https://events.pagerduty.com/v2/enqueue >/dev/null; done &''',
    r'''cat > /usr/local/bin/node-textfile.sh <<'S'
#!/bin/sh
{var}=/var/lib/node_exporter/{plain}.prom
{ echo "apt_upgrades_pending $(apt-get -s upgrade | grep -c ^Inst)"; echo "reboot_required $([ -f /run/reboot-required ] && echo 1 || echo 0)"; echo "ssh_failed $(journalctl -u ssh --since -1h | grep -c 'Failed password')"; } > ${var}.$$ && mv ${var}.$$ ${var}
S
chmod 755 /usr/local/bin/node-textfile.sh; echo '*/5 * * * * root /usr/local/bin/node-textfile.sh' > /etc/cron.d/node-textfile''',
    r'''cat > /etc/systemd/system/{plain}-watch.path <<U
[Path]
PathChanged=/etc/{plain}/config.yml
[Install]
WantedBy=paths.target
U
printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "{plain} check && systemctl reload {plain}"\n' > /etc/systemd/system/{plain}-watch.service; systemctl enable --now {plain}-watch.path''',
    r'''mkdir -p /etc/systemd/system/{plain}.service.d; cat > /etc/systemd/system/{plain}.service.d/limits.conf <<C
[Service]
CPUQuota=‹50¦80›%
MemoryMax=512M
ProtectSystem=strict
ReadWritePaths=/var/lib/{plain}
ExecStartPost=-/usr/bin/curl -fsS -m 5 https://hc.{domain}/$HC_ID
C
systemctl daemon-reload && systemctl restart {plain}''',
    r'''cat > /etc/NetworkManager/dispatcher.d/50-{plain} <<'S'
#!/bin/sh
[ "$2" = up ] || exit 0
systemctl try-restart {plain}; resolvectl flush-caches
S
chmod 755 /etc/NetworkManager/dispatcher.d/50-{plain}; printf '#!/bin/sh\n[ "$1" = post ] && systemctl restart {plain}\n' > /usr/lib/systemd/system-sleep/{plain}; chmod 755 /usr/lib/systemd/system-sleep/{plain}''',
    r'''echo 'ACTION=="add", SUBSYSTEM=="block", ENV{ID_FS_LABEL}=="BACKUP", TAG+="systemd", ENV{SYSTEMD_WANTS}="usb-backup.service"' > /etc/udev/rules.d/90-usb-backup.rules; printf '[Service]\nType=oneshot\nExecStart=/usr/local/bin/usb-backup %s\n' /dev/disk/by-label/BACKUP > /etc/systemd/system/usb-backup.service; udevadm control --reload''',
    r'''echo 'DPkg::Post-Invoke {"if [ -x /usr/bin/etckeeper ]; then etckeeper post-install; fi"; "/usr/local/bin/needs-restart --notify || true";};' > /etc/apt/apt.conf.d/99{plain}; mkdir -p /etc/pacman.d/hooks; printf '[Trigger]\nOperation=Upgrade\nType=Package\nTarget=linux\n[Action]\nWhen=PostTransaction\nExec=/usr/bin/mkinitcpio -P\n' > /etc/pacman.d/hooks/90-initcpio.hook''',
    r'''printf '#!/bin/sh\necho\nuptime\napt-get -s upgrade | grep -c ^Inst | sed "s/$/ updates wait/"\n' > /etc/update-motd.d/60-{plain}; chmod +x /etc/update-motd.d/60-{plain}; run-parts /etc/update-motd.d >/dev/null''',
    r'''kubectl apply -f - <<'Y'
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-exporter, namespace: monitoring}
spec:
  selector: {matchLabels: {app: node-exporter}}
  template:
    metadata: {labels: {app: node-exporter}}
    spec:
      hostNetwork: true
      hostPID: true
      containers:
      - {name: e, image: "quay.io/prometheus/node-exporter:v1.8.{n}", args: ["--path.rootfs=/host"], volumeMounts: [{name: root, mountPath: /host, readOnly: true}]}
      volumes: [{name: root, hostPath: {path: /}}]
Y
kubectl -n monitoring rollout status ds/node-exporter''',
    r'''kubectl create cronjob db-backup -n {plain} --image=postgres:16 --schedule='0 {n} * * *' -- sh -c 'pg_dump "$DATABASE_URL" | gzip > /backup/$(date +%F).sql.gz; find /backup -mtime +14 -delete' ; kubectl -n {plain} set env cronjob/db-backup --from=secret/db''',
    r'''docker run -d --name agent --restart unless-stopped --pid host --network host -v /proc:/host/proc:ro -v /sys:/host/sys:ro -v /var/run/docker.sock:/var/run/docker.sock:ro -e {var}="${var}" -e TAGS="env:prod,host:$(hostname)" {plain}/agent:{n}; docker logs --tail 20 agent''',
    r'''pgrep -f {plain}-worker >/dev/null || { nohup /opt/{plain}/bin/{plain}-worker >> /var/log/{plain}.log 2>&1 & echo $! > /run/{plain}.pid; }
(crontab -l 2>/dev/null | grep -v {plain}-watch; echo '*/5 * * * * /opt/{plain}/bin/{plain}-watch') | crontab -''',
    r'''{fn}() { for {var} in "$SLACK_URL" "$TEAMS_URL"; do [ -n "${var}" ] && curl -fsS -m 5 -H 'Content-Type: application/json' -d "{\"text\":\"$(hostname): $*\"}" "${var}" -o /dev/null; done; }
journalctl -fu {plain} -o cat | while read -r l; do case $l in *ERROR*) {fn} "$l" ;; *'out of memory'*) systemctl restart {plain}; {fn} 'restarted' ;; esac; done''',
    r'''while :; do job=$(redis-cli -h queue BLPOP {plain}:jobs 0 | tail -1) && case $job in thumb:*) convert "${job#thumb:}" -resize 200x "${job#thumb:}.small" ;; mail:*) swaks --to "${job#mail:}" --from noreply@{domain} --server mail >/dev/null ;; esac; done''',
    r'''aws sqs receive-message --queue-url "$QUEUE" --wait-time-seconds 20 --query 'Messages[0].[ReceiptHandle,Body]' --output text | while IFS=$'\t' read -r h b; do [ -n "$b" ] || continue; ./convert "$(jq -r .key <<< "$b")" && aws sqs delete-message --queue-url "$QUEUE" --receipt-handle "$h"; done''',
    r'''git -C /etc/{plain} fetch -q && [ "$(git -C /etc/{plain} rev-parse HEAD)" != "$(git -C /etc/{plain} rev-parse @{u})" ] && git -C /etc/{plain} verify-commit @{u} && git -C /etc/{plain} merge -q --ff-only && ansible-pull -U /etc/{plain} local.yml >> /var/log/ansible-pull.log 2>&1''',
    r'''curl -fsS "https://gist.githubusercontent.com/{user}/{hex}/raw/blocklist.txt" | grep -E '^[0-9.]+(/[0-9]+)?$' > /etc/{plain}/block.new && ipset create block hash:net -exist && ipset flush block && sed 's/^/add block /' /etc/{plain}/block.new | ipset restore -! && mv /etc/{plain}/block.new /etc/{plain}/block.txt''',
    r'''api="https://api.telegram.org/bot$TOKEN"; {var}=0; while :; do r=$(curl -s -m 70 "$api/getUpdates?timeout=60&offset=${var}"); {var}=$(jq '[.result[].update_id] | max // 0 | .+1' <<< "$r"); for {var2} in $(jq -r ".result[].message | select(.chat.id==$ADMIN) | .text" <<< "$r"); do case ${var2} in /disk) m=$(df -h /) ;; /load) m=$(uptime) ;; /restart) systemctl restart {plain}; m=done ;; *) m='/disk /load /restart' ;; esac; curl -s "$api/sendMessage" -d chat_id="$ADMIN" --data-urlencode text="$m" >/dev/null; done; done''',
    r'''ping -c1 -W2 10.8.0.1 >/dev/null || { logger -t vpn 'tunnel is down'; wg-quick down wg0; wg-quick up wg0; }; pgrep -f 'autossh.*bastion' >/dev/null || autossh -f -M 0 -N -o ServerAliveInterval=30 -L 5432:db.internal:5432 bastion.{domain}''',
    r'''{var}=/var/lib/{plain}/crash; inotifywait -m -q -e close_write --format '%w%f' "${var}" | while read -r f; do gzip -9 "$f" && curl -fsS -F "minidump=@$f.gz" -F "version=$(cat /opt/{plain}/VERSION)" "https://crash.{domain}/submit" -o /dev/null && rm -f "$f.gz"; done &''',
]
