"""Facts about a machine as its administrators gather them."""

COLLECT = [
    'OUT=/tmp/{plain}-$(hostname)-$(date +%F).txt',
    "echo '== memory ==' >> $OUT; free -m >> $OUT; ‹vmstat 1 3¦cat /proc/meminfo› >> $OUT",
    "echo '== cpu ==' >> $OUT; ‹lscpu¦cat /proc/cpuinfo¦mpstat› >> $OUT; uptime >> $OUT",
    'ip addr >> $OUT; ‹ss -tulpn¦netstat -tulpn¦ip route› >> $OUT',
    "journalctl -u {plain} --since '1 hour ago' >> $OUT; systemctl status {plain} >> $OUT",
    'tar czf /tmp/{plain}-support.tgz /var/log/{plain} $OUT',
    'mail -s "{plain} report" admin@{domain} < $OUT',
    'df -h >> $OUT; lsblk >> $OUT; ‹mount¦cat /etc/fstab› >> $OUT',
    'RED=\'\\033[0;31m\'; GREEN=\'\\033[0;32m\'; NC=\'\\033[0m\'\necho -e "${GREEN}‹Checking¦Building¦Done›${NC}"',
    'if [ $# -lt 1 ]; then\n  echo "usage: $0 <‹name¦host¦version¦environment›>"\n  exit 1\nfi',
    'uname -a; cat /etc/os-release; ‹docker version¦kubectl version --client¦node --version›',
]
