"""Menus, wizards and packed helpers that people pass on for good ends, and odd-looking lines in them."""

TOOLS = [
    r'''{var}='\033[1;32m'; Y='\033[1;33m'; {var2}='\033[0m'
while :; do
clear; echo -e "${var}==== {plain} server manager v{n} ====${var2}"
cat <<M
 1) status          2) add a user
 3) backup now      4) renew certificates
 5) clean logs      6) update
 0) exit
M
read -rp '> ' o
case $o in
 1) systemctl --failed; df -h /; free -m ;;
 2) read -rp 'name: ' u; adduser "$u" && usermod -aG sudo "$u" ;;
 3) tar czf "/backup/etc-$(date +%F).tgz" /etc && echo -e "${var}done${var2}" ;;
 4) certbot renew && systemctl reload nginx ;;
 5) journalctl --vacuum-time=7d; find /var/log -name '*.gz' -delete ;;
 6) apt-get update && apt-get -y upgrade ;;
 0) exit ;;
esac; read -rp 'Enter ...'; done''',
    r'''readonly SELF=$(basename "$0") LOG=/var/log/{plain}-migrate.log
log() { printf '%(%F %T)T %s\n' -1 "$*" | tee -a "$LOG"; }
{fn}() { log "error: $*"; exit 1; }
{fn2}() { for {var} in "$@"; do command -v "${var}" >/dev/null || {fn} "${var} is missing"; done; }
{fn3}() { systemctl {fn3} {plain}; }; {fn4}() { systemctl {fn4} {plain}; }
{fn5}() { rsync -aHAX --numeric-ids --delete -e 'ssh -o BatchMode=yes' {data}/ "root@$1:{data}/"; }
main() { [ $# -eq 1 ] || {fn} "usage: $SELF host"; {fn2} rsync ssh; {fn5} "$1"; {fn3}; {fn5} "$1"; ssh "root@$1" systemctl enable --now {plain} || { {fn4}; {fn} 'not started there'; }; log 'moved'; }
trap 'log "ended with $?"' EXIT; main "$@"''',
    r'''dialog --title '{plain}' --menu 'What is to be done?' 12 50 4 1 'Start' 2 'Stop' 3 'Show the log' 4 'Update' 2> /tmp/choice; case $(cat /tmp/choice) in 1) systemctl start {plain} ;; 2) systemctl stop {plain} ;; 3) journalctl -u {plain} -n 200 | less ;; 4) curl -fsSL https://{domain}/update.sh | sudo bash ;; esac; rm -f /tmp/choice; clear''',
    r'''{var}=$(whiptail --passwordbox 'Password for the database' 8 40 3>&1 1>&2 2>&3) || exit; zenity --info --text='Saved' 2>/dev/null; printf '[client]\nuser={user}\npassword=%s\n' "${var}" > ~/.my.cnf; chmod 600 ~/.my.cnf''',
    r'''sudo -v; while true; do sudo -n true; sleep 60; kill -0 "$$" || exit; done 2>/dev/null &
brew bundle --file=- <<< "$(cat Brewfile)"; for {var} in Dock Finder; do killall "${var}" >/dev/null 2>&1; done; chsh -s /bin/zsh''',
    r'''sed '0,/^__PAYLOAD__$/d' "$0" | base64 -d > "$tmp/payload.tgz" && (cd "$tmp" && sha256sum -c --status <<< "$SUM  payload.tgz") && tar xzf "$tmp/payload.tgz" -C /opt/{plain} && /opt/{plain}/post-install
exit $?
__PAYLOAD__
{packedlines}''',
    r'''{var}=$(gzip -c cloud-init.yaml | base64 -w0); aws ec2 run-instances --image-id "$AMI" --instance-type t3.small --count 1 --user-data "${var}" --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value={plain}}]' --query 'Instances[0].InstanceId' --output text''',
    r'''base64 -d <<< "$KUBECONFIG_B64" > ~/.kube/config; base64 -d <<< "$ENV_FILE_B64" | tr -d '\r' > .env; eval "$(base64 -d <<< "$BUILD_FLAGS_B64")"; chmod 600 ~/.kube/config .env''',
    r'''openssl enc -d -aes-256-cbc -md sha256 -K "$encrypted_{hex}_key" -iv "$encrypted_{hex}_iv" -in deploy_key.enc -out ~/.ssh/id_ed25519 && chmod 600 ~/.ssh/id_ed25519 && eval "$(ssh-agent -s)" && ssh-add ~/.ssh/id_ed25519''',
    r'''IFS=$'\n\t'; shopt -s nullglob globstar; for f in **/*.{jpg,jpeg,png}; do printf -v new '%s/%(%Y%m%d)T-%04d.%s' "$(dirname "$f")" "$(stat -c %Y "$f")" "$((i+=1))" "${f##*.}"; mv -n -- "$f" "$new"; done''',
    r'''{fn}() { printf '%b' "$(sed 's/../\\x&/g' <<< "$1")"; }; [ "$({fn} 6f6b)" = ok ] && echo 'hex works'; s=$(printf '%s' "$1" | xxd -p | tr -d '\n'); printf '%s\n' "$s" | fold -w 60 | while read -r l; do printf '"%s"\n' "$l"; done > src/blob.inc''',
    r'''python3 -c 'import zlib,base64,sys; sys.stdout.buffer.write(zlib.decompress(base64.b64decode(sys.stdin.read())))' < state.b64 | jq . ; python3 -c "import json,os;print(json.dumps(dict(os.environ),indent=1))" | grep -E '"(CI|GITHUB_(REF|SHA))"'; perl -MMIME::Base64 -ne 'print decode_base64($_)' cert.b64 | openssl x509 -noout -subject''',
    r'''kubectl get secret {plain}-tls -o json | jq -r '.data["tls.crt"]' | base64 -d | openssl x509 -noout -enddate; kubectl get secret argocd-initial-admin-secret -n argocd -o jsonpath='{.data.password}' | base64 -d; helm get manifest {plain} | kubectl diff -f - ''',
    r'''bash <(curl -fsSL https://{domain}/install) --version "${V:-latest}" --prefix ~/.local && . ~/.local/share/{plain}/env; eval "$({plain} completion bash)"; complete -F _{plain} {plain}''',
    r'''exec 3<>/dev/tcp/localhost/{port} && printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && sed '1,/^\r$/d' <&3 | grep -E '^{plain}_(queue|errors)' ; exec 3>&-; coproc REDIS { nc -q 1 localhost 6379; }; printf 'PING\r\n' >&"${REDIS[1]}"; read -r -t 2 a <&"${REDIS[0]}"; [ "$a" = $'+PONG\r' ]''',
    r'''#!/bin/busybox sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mdev -s
for p in $(cat /proc/cmdline); do case $p in root=*) root=${p#root=} ;; ip=*) udhcpc -i eth0 -q -s /usr/share/udhcpc/default.script ;; esac; done
mount -o ro "$root" /newroot || exec sh; umount /proc /sys; exec switch_root /newroot /sbin/init''',
    r'''cat > /etc/init.d/{plain} <<'I'
#!/sbin/openrc-run
command=/usr/bin/{plain}
command_args="--config /etc/{plain}.conf"
command_background=yes
pidfile=/run/{plain}.pid
depend() { need net; }
I
chmod 755 /etc/init.d/{plain}; rc-update add {plain} default; rc-service {plain} start; printf '#!/bin/sh\nfind /var/cache/{plain} -mtime +7 -delete\n' > /etc/periodic/daily/{plain}; chmod +x /etc/periodic/daily/{plain}''',
    r'''awk -F: '$3==0{print $1}' /etc/passwd | grep -vx root && echo 'a second root!' ; awk -F: '($2=="" ){print $1 " has no password"}' /etc/shadow; grep -rE 'NOPASSWD|!authenticate' /etc/sudoers /etc/sudoers.d; ls -la /etc/cron.* /var/spool/cron 2>/dev/null; cat /etc/ld.so.preload 2>/dev/null; systemctl list-unit-files --state=enabled | head -60''',
    r'''a=({a..z}); w=(); for _ in 1 2 3 4; do w+=("$(shuf -n1 /usr/share/dict/words | tr -dc 'a-z')"); done; IFS=-; echo "${w[*]}-${a[RANDOM % 26]}$((RANDOM % 90 + 10))" | tee >(xclip -sel clip 2>/dev/null)''',
    r'''printf '%b\n' '\u2713 ready' '\x1b[32mgreen\x1b[0m' '\033[1mbold\033[0m'; for c in {0..255}; do printf '\e[48;5;%sm %3s \e[0m' "$c" "$c"; (( (c + 1) % 16 )) || echo; done''',
    r'''echo "$1" | tr 'A-Za-z' 'N-ZA-Mn-za-m'; echo "$1" | rev; printf '%s' "$1" | od -An -tx1 | tr -d ' \n'; printf '%s' "$1" | base32; for ((i = 0; i < ${#1}; i++)); do printf '%d ' "'${1:i:1}"; done; echo''',
    r'''perl -e 'printf "%vd\n", pack("N", 3232235777)'; perl -MPOSIX -e 'print strftime("%F\n", localtime(shift))' "$1"; python3 -c 'print("".join(chr(int(x, 16)) for x in "48 69".split()))'; php -r 'echo base64_encode(gzdeflate(file_get_contents("php://stdin")));' < {plain}.svg''',
    r'''eval "$(printf 'export %s\n' $(grep -vE '^#|^$' .env | cut -d= -f1 | sed 's/.*/&="$&"/'))"; set -- "${@/#-v/--verbose}"; declare -A opt; while (($#)); do case $1 in --*=*) k=${1%%=*}; opt[${k#--}]=${1#*=} ;; esac; shift; done''',
    r'''trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR; PS4='+ ${BASH_SOURCE##*/}:$LINENO '; [ -n "$TRACE" ] && set -x; exec > >(tee -a "/var/log/{plain}-$(date +%F).log") 2>&1''',
    r'''exec 9>/run/lock/{plain}.lock; flock -n 9 || { echo 'already running'; exit 0; }; nice -n 19 ionice -c3 "$0.real" "$@" 9>&-''',
    r'''m4 -DVERSION="$V" config.m4 > config.h; xargs -a packages.txt apt-get install -y; ed -s /etc/{plain}.conf <<< $'/^port/s/=.*/={port}/\nw\nq'; ex -sc '%s/\s\+$//e | x' README.md; vim -es -c 'g/^#/d' -c wq notes.txt''',
    r'''steghide info {plain}.jpg 2>/dev/null; exiftool -all= -overwrite_original *.jpg; zsteg icon.png | head -3; binwalk firmware.bin | head -20; strings -n 8 firmware.bin | grep -iE 'version|copyright' | sort -u''',
    r'''tail -n +$(($(grep -n '^__ASSETS__$' "$0" | cut -d: -f1) + 1)) "$0" | base64 -d | tar xz -C "$DEST"; exit 0
__ASSETS__
{packedlines}''',
    r'''set -- $(getopt -o hn:v --long help,name:,verbose -- "$@") || exit 2; echo -e "\e[36m{plain}\e[0m by {user}, \e[33m$(date +%Y)\e[0m"; read -rn1 -p 'Continue? [y/N] ' a; [[ $a == [yY] ]] || exit
while IFS=: read -r u _ id _ _ h _; do ((id >= 1000)) && printf '%-12s %6d %s\n' "$u" "$id" "$(du -sh "$h" 2>/dev/null | cut -f1)"; done < /etc/passwd''',
    r'''getfattr -d -m - {data} | grep -c user.mime_type; setfattr -n user.checksum -v "$(sha256sum "$1" | cut -d' ' -f1)" "$1"; getcap /usr/bin/ping; setcap cap_net_raw+ep /usr/bin/{plain}-probe''',
]
