"""Which techniques a malicious script shows: weak labels by pattern, in the order of the model's outputs.

The order is that of `LABELS` in sensor-user/verdict/src/technique.rs; a test compares the two.
"""

import re

import numpy as np

PATTERNS = [
    ("T1105", rb"(curl|wget|fetch|tftp|ftpget|lwp-download)\b[^\n]{0,200}(://|\$)|/dev/tcp/[^\n]*(GET|cat <&)"),
    ("T1071", rb"/dev/(tcp|udp)/|\b(nc|ncat|netcat|socat|telnet)\b[^\n]{0,120}(-e|exec|\bsh\b|/sh)|socket\.socket|fsockopen|TCPSocket|\bdig\b[^\n]{0,80}TXT"),
    ("T1496", rb"xmrig|stratum\+|minerd|cryptonight|monero|--donate-level|nanopool|minexmr|randomx"),
    ("T1489", rb"(pkill|killall|kill -9|kill -KILL|systemctl (stop|disable)|service \S+ stop)"),
    ("T1611", rb"release_agent|nsenter|docker\.sock|core_pattern|/proc/1/root|--privileged|chroot /(host|mnt)|uevent_helper|/proc/sysrq|mount /dev/[sv]d|unshare"),
    ("T1552", rb"169\.254\.169\.254|metadata\.google|id_rsa|\.aws/credentials|/etc/shadow|\.kube/config|serviceaccount/token|\.docker/config|AWS_SECRET|\.bash_history|\.netrc|\.git-credentials|AccessKey"),
    ("T1053.003", rb"crontab|/etc/cron|/var/spool/cron"),
    ("T1098.004", rb"authorized_keys"),
    ("T1543", rb"systemctl (enable|daemon-reload)|/etc/systemd/system|/etc/init\.d|rc\.local|update-rc\.d|chkconfig"),
    ("T1574.006", rb"ld\.so\.preload|LD_PRELOAD"),
    ("T1070", rb"history -c|HISTFILE|HISTSIZE=0|\.bash_history|/var/log/\S+|wtmp|utmp|lastlog|shred|touch -r"),
    ("T1562", rb"setenforce|ufw disable|iptables -F|apparmor|auditctl|rsyslog|chattr -[ia]|aliyun|aegis|falco|SELINUX=disabled|ulimit -c"),
    ("T1027", rb"base64 (-d|--decode|-D)|xxd -r|\\x[0-9a-f]{2}\\x|eval \"?\$\(|\brev\b|openssl enc|gunzip|zcat|b64decode"),
    ("T1485", rb"rm -rf? (--no-preserve-root )?/|\bdd\b[^\n]*of=/dev/[sv]d|mkfs|shred|openssl enc[^\n]*-out|\.encrypted|\.locked|wipefs"),
    ("T1021", rb"\b(ssh|scp|sshpass)\b[^\n]*(-o|@)|known_hosts|StrictHostKeyChecking"),
    ("T1041", rb"(curl|wget)[^\n]*(-F|--data|-d @|-T|--upload|--post-file|-X POST)|nc [^\n]*<|transfer\.sh|api\.telegram|discord(app)?\.com/api/webhooks|file\.io|pastebin"),
]
IDS = [name for name, _ in PATTERNS]
# The tactic that each is shown under, as in `LABELS`; the test compares these, too.
TACTICS = {
    "T1105": "COMMAND_AND_CONTROL",
    "T1071": "COMMAND_AND_CONTROL",
    "T1496": "IMPACT",
    "T1489": "IMPACT",
    "T1611": "PRIVILEGE_ESCALATION",
    "T1552": "CREDENTIAL_ACCESS",
    "T1053.003": "PERSISTENCE",
    "T1098.004": "PERSISTENCE",
    "T1543": "PERSISTENCE",
    "T1574.006": "DEFENSE_EVASION",
    "T1070": "DEFENSE_EVASION",
    "T1562": "DEFENSE_EVASION",
    "T1027": "DEFENSE_EVASION",
    "T1485": "IMPACT",
    "T1021": "LATERAL_MOVEMENT",
    "T1041": "EXFILTRATION",
}
COMPILED = [re.compile(pattern, re.I) for _, pattern in PATTERNS]


def of(text, given=None):
    """A 0/1 vector; techniques a generator gave are taken as they are."""
    if given is not None:
        return np.array([float(name in given) for name in IDS], dtype=np.float32)
    head = text[: 256 * 1024]
    return np.array([float(p.search(head) is not None) for p in COMPILED], dtype=np.float32)
