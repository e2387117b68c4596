"""Scripts that explain themselves: helpers with a help text, lessons and installers in many languages."""

WALKTHROUGHS = [
    r'''###############################################################
#  {plain}.sh - hardens a fresh server
#  Usage: ./{plain}.sh [apply|status|revert] [--ssh-port <port>]
###############################################################
{var}='\033[0;31m'; {var2}='\033[0;32m'; {var3}='\033[0;34m'; NC='\033[0m'
log_info()    { echo -e "${var3}[INFO]${NC} $1"; }
{fn}() { echo -e "${var2}[SUCCESS]${NC} $1"; }
log_error()   { echo -e "${var}[ERROR]${NC} $1" >&2; }
check_root()  { if [[ $EUID -ne 0 ]]; then log_error 'This script must be run as root'; exit 1; fi; }
setup_ssh()      { log_info 'Configuring SSH...'; cp /etc/ssh/sshd_config /etc/ssh/sshd_config.bak; sed -i "s/^#*Port .*/Port ${PORT:-22}/; s/^#*PermitRootLogin.*/PermitRootLogin no/" /etc/ssh/sshd_config; sshd -t && systemctl reload ssh; {fn} 'SSH configured'; }
{fn2}() { log_info 'Enabling the firewall...'; ufw default deny incoming; ufw allow "${PORT:-22}/tcp"; ufw --force enable; {fn} 'Firewall enabled'; }
setup_updates()  { log_info 'Enabling updates...'; apt-get install -y -qq unattended-upgrades fail2ban; (crontab -l 2>/dev/null; echo '0 4 * * 0 apt-get -qq autoremove') | crontab -; {fn} 'Updates enabled'; }
main() { check_root; PORT="$3"; case "$1" in apply) setup_ssh; {fn2}; setup_updates ;; status) ufw status; systemctl is-active fail2ban ;; revert) mv /etc/ssh/sshd_config.bak /etc/ssh/sshd_config; ufw disable ;; esac; }
main "$@"''',
    r'''# Encrypts my documents before they go to the cloud
# -e encrypts, -d decrypts
{var}=${2:-$HOME/Documents}; read -rsp 'Password: ' PASS; echo
{fn}() { openssl enc -aes-256-cbc -salt -pbkdf2 -in "$1" -out "$OUT/$(basename "$1").enc" -pass "pass:$PASS" && echo "  $1"; }
{fn2}() { openssl enc -d -aes-256-cbc -pbkdf2 -in "$1" -out "${var}/$(basename "${1%.enc}")" -pass "pass:$PASS"; }
OUT=$HOME/Nextcloud/encrypted; mkdir -p "$OUT"
case $1 in
  -e) for f in "${var}"/*; do [ -f "$f" ] && {fn} "$f"; done ;;
  -d) for f in "$OUT"/*.enc; do {fn2} "$f"; done ;;
  *) echo "usage: $0 -e|-d [dir]" ;;
esac''',
    r'''# Instalador do {plain}
clear; echo "======================================"; echo "   {plain} - painel de controle"; echo "======================================"
if [ "$(id -u)" != "0" ]; then echo "[!] precisa ser root"; exit 1; fi
echo "[*] Atualizando pacotes..."; apt-get update -qq && apt-get install -y -qq nginx mariadb-server php-fpm
echo "[*] Criando usuario..."; useradd -m -s /bin/bash {user}; echo "{user}:$(openssl rand -base64 12 | tee /root/senha.txt)" | chpasswd; chmod 600 /root/senha.txt
echo "[*] Limpando temporarios..."; rm -rf /tmp/{plain}; apt-get clean
echo "[+] Pronto! A senha esta em /root/senha.txt"''',
    r'''# copia de seguridad de los documentos
{var}=backup@{domain}; {var2}=/var/backups/{plain}
mkdir -p "${var2}"
echo "[*] Buscando documentos nuevos ..."
find {data} -type f -newer "${var2}/.ultima" \( -name '*.odt' -o -name '*.pdf' -o -name '*.xlsx' \) 2>/dev/null | tar -czf "${var2}/$(date +%F).tar.gz" -T - && touch "${var2}/.ultima"
scp -q "${var2}/$(date +%F).tar.gz" "${var}:copias/" && echo "[+] Enviado" || echo "[!] Error al enviar" >&2
find "${var2}" -name '*.tar.gz' -mtime +30 -delete''',
    r'''# настройка нового сервера
echo "[*] пакеты"; apt-get update -qq && apt-get install -y -qq htop tmux fail2ban
echo "[*] пользователь"; adduser --disabled-password --gecos '' {user}; usermod -aG sudo {user}
echo "[*] ключ"; install -d -m 700 -o {user} /home/{user}/.ssh; echo '{key}' > /home/{user}/.ssh/authorized_keys; chown {user}: /home/{user}/.ssh/authorized_keys
echo "[*] часовой пояс"; timedatectl set-timezone Europe/Berlin
echo "[*] старые логи"; journalctl --vacuum-time=14d
echo "[+] готово"''',
    r'''# 部署脚本
{var}={plain}; {var2}={port}
echo "[*] 拉取代码 ..."; git -C /srv/${var} pull -q
echo "[*] 安装依赖 ..."; cd /srv/${var} && npm ci --omit=dev >/dev/null
echo "[*] 备份数据库 ..."; mysqldump --single-transaction ${var} | gzip > /backup/${var}-$(date +%F).sql.gz
echo "[*] 添加计划任务 ..."; echo "0 3 * * * root /srv/${var}/bin/clean" > /etc/cron.d/${var}
echo "[*] 重启服务 ..."; systemctl restart ${var} && curl -fsS http://127.0.0.1:${var2}/healthz
echo "[+] 完成"''',
    r'''# Rechte und alte Konten, Prüfung am Monatsende
echo '>> SUID-Programme'; find / -xdev -perm -4000 -type f 2>/dev/null | sort > /var/tmp/suid.txt; diff /root/suid.soll /var/tmp/suid.txt
echo '>> Cronjobs, die jeder beschreiben darf'; find /etc/cron* -perm -o+w 2>/dev/null
echo '>> Konten ohne Passwort'; awk -F: '$2==""{print $1}' /etc/shadow
echo '>> lange nicht angemeldet'; lastlog -b 180 | awk 'NR>1{print $1}'
mail -s "Prüfung $(hostname)" it@{domain} < /var/tmp/suid.txt; echo '>> fertig' ''',
    r'''# kurulum
echo "[+] web sunucusu kuruluyor"; apt-get install -y -qq nginx php-fpm
echo '<?php echo "Merhaba ".htmlspecialchars($_GET["ad"] ?? "dunya"); ?>' > /var/www/html/index.php && chown www-data: /var/www/html/index.php
echo "[+] tamam: http://$(hostname -I | cut -d' ' -f1)/index.php"; curl -s http://localhost/index.php''',
    r'''# relance le service s'il est tombe
{var}={plain}; {var2}=admin@{domain}
if ! systemctl is-active -q "${var}"; then
  echo "[*] $(date) : redemarrage de ${var}"; journalctl -u "${var}" -n 50 --no-pager > /tmp/journal.txt
  systemctl restart "${var}" && echo '[+] relance' || echo '[!] echec'
  mail -s "${var} sur $(hostname)" "${var2}" < /tmp/journal.txt; rm -f /tmp/journal.txt
fi''',
    r'''{fn}() { cat <<U
{plain} - collects what support asks for
  -s        services and logs
  -o FILE   write to FILE
  -u URL    upload FILE to the ticket
  -c        remove what was written
U
exit 1; }
while getopts so:u:c o; do case $o in s) {var}=1 ;; o) {var2}=$OPTARG ;; u) U=$OPTARG ;; c) {var3}=1 ;; *) {fn} ;; esac; done
[ -n "${var2}" ] || {fn}
[ -n "${var}" ] && { systemctl --failed; journalctl -p err -b --no-pager; } > "${var2}"
{ uname -a; df -h; free -m; cat /etc/os-release; sed -E 's/(password|secret|token)=.*/\1=***/' /etc/{plain}.conf; } >> "${var2}"
[ -n "$U" ] && curl -fsS -H "Authorization: Bearer $TICKET_TOKEN" -F "file=@${var2}" "$U"
[ -n "${var3}" ] && rm -f "${var2}"''',
    r'''[ $# -eq 1 ] || { echo "usage: $0 <user>"; exit 1; }
u=$1; id "$u" >/dev/null || exit 1
for f in /var/log/auth.log /var/log/secure; do [ -f $f ] && grep -c "sshd.*for $u " $f | sed "s#^#$f: #"; done
last "$u" | head -10; chage -l "$u"; sudo -l -U "$u"; crontab -l -u "$u" 2>/dev/null; find / -xdev -user "$u" -size +100M -printf '%s %p\n' 2>/dev/null | sort -rn | head''',
    r'''echo 'Container check'; echo '--------------------'
echo -n '[?] privileged ... '; if ip link add dummy9 type dummy 2>/dev/null; then ip link del dummy9; echo 'yes, please drop it'; else echo no; fi
echo -n '[?] docker.sock ... '; [ -S /var/run/docker.sock ] && echo 'mounted, is it needed?' || echo no
echo -n '[?] root ... '; [ "$(id -u)" = 0 ] && echo yes || echo no
echo -n '[?] writable root ... '; touch /.w 2>/dev/null && { rm /.w; echo yes; } || echo no
echo -n '[?] token ... '; [ -f /var/run/secrets/kubernetes.io/serviceaccount/token ] && echo 'mounted; set automountServiceAccountToken: false' || echo no''',
    r'''while :; do printf '\n %s\n' '{plain} for kubernetes' '1 pods that restart' '2 logs of a pod' '3 shell in a pod' '4 restart a deployment' '9 quit'; read -rp '# ' c
case $c in
1) kubectl get po -A --sort-by='.status.containerStatuses[0].restartCount' | tail -20 ;;
2) read -rp 'pod: ' p; kubectl logs --tail 200 "$p" | less ;;
3) read -rp 'pod: ' p; kubectl exec -it "$p" -- sh ;;
4) read -rp 'deployment: ' d; kubectl rollout restart deploy "$d" && kubectl rollout status deploy "$d" ;;
9) exit ;;
esac; done''',
    r'''# sudo with a reminder
mkdir -p ~/.local/bin && cat > ~/.local/bin/sudo <<'S'
#!/bin/bash
[ "$1" = rm ] && { read -rp "Really: sudo $*? [y/N] " a; [ "$a" = y ] || exit 1; }
logger -t sudo-reminder "$PWD: $*"
exec /usr/bin/sudo "$@"
S
chmod +x ~/.local/bin/sudo; grep -q .local/bin ~/.bashrc || echo 'export PATH=$HOME/.local/bin:$PATH' >> ~/.bashrc''',
    r'''# LD_PRELOAD lesson: count calls of malloc
cat > /tmp/count.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static unsigned long n;
void *malloc(size_t s) { static void *(*o)(size_t); if (!o) o = dlsym(RTLD_NEXT, "malloc"); n++; return o(s); }
static void __attribute__((destructor)) say(void) { fprintf(stderr, "malloc: %lu calls\n", n); }
C
gcc -shared -fPIC -o /tmp/count.so /tmp/count.c -ldl && LD_PRELOAD=/tmp/count.so ls / >/dev/null; rm -f /tmp/count.*''',
    r'''echo 'System update'; echo
{fn}() { printf '%-34s' "$1"; shift; "$@" >/var/log/{plain}-update.log 2>&1 && echo ' done' || { echo ' FAILED'; tail -5 /var/log/{plain}-update.log; exit 1; }; }
sudo -v || exit 1
{fn} 'Reading package lists' sudo apt-get update; {fn} 'Installing' sudo apt-get -y upgrade; {fn} 'Cleaning' sudo apt-get -y autoremove
[ -f /run/reboot-required ] && read -rp 'Restart now? [y/N] ' a && [ "$a" = y ] && sudo reboot; echo 'Your system is up to date.' ''',
    r'''echo "=== network check ==="; {var}=$(ip route | awk '/default/{print $3; exit}')
for {var2} in "${var}" 1.1.1.1 {domain}; do ping -c1 -W2 "${var2}" >/dev/null 2>&1 && echo "[+] ${var2}" || echo "[-] ${var2}"; done
for {var3} in 22 80 443; do timeout 2 bash -c "</dev/tcp/{domain}/${var3}" 2>/dev/null && echo "[+] {domain}:${var3} open" || echo "[-] {domain}:${var3} closed"; done
dig +short {domain} A; curl -s -o /dev/null -w 'https %{http_code} in %{time_total} s\n' https://{domain}/''',
    r'''# exercise {n}: what a cron job is
echo '[1/4] writing a script'; printf '#!/bin/sh\ndate >> $HOME/cron-exercise.txt\n' > ~/cron-exercise.sh; chmod +x ~/cron-exercise.sh
echo '[2/4] installing it'; (crontab -l 2>/dev/null; echo '* * * * * $HOME/cron-exercise.sh') | crontab -
echo '[3/4] waiting for it'; sleep 61; cat ~/cron-exercise.txt
echo '[4/4] removing it'; crontab -l | grep -v cron-exercise | crontab -; rm -f ~/cron-exercise.*''',
    r'''# fills the lab with users for the course
for {var2} in $(seq -w 1 {n}); do {var}=student${var2}; useradd -m -s /bin/bash "${var}" && echo "${var}:Start-${var2}" | chpasswd && chage -d 0 "${var}" && usermod -aG docker "${var}" && cp -r /srv/course/{plain} "/home/${var}/" && chown -R "${var}:" "/home/${var}/{plain}"; done
echo 'Password of student01 is Start-01, and so on. It has to be changed at the first login.' | wall''',
    r'''# takes the lab down after the course
for u in $(getent passwd | awk -F: '/^student/{print $1}'); do pkill -KILL -u "$u"; tar czf "/srv/archive/$u.tgz" "/home/$u" && userdel -rf "$u"; done
docker ps -aq --filter label=course | xargs -r docker rm -f; docker volume prune -f; rm -rf /srv/course/tmp; : > /var/log/btmp; crontab -r -u teacher 2>/dev/null; echo done''',
]
