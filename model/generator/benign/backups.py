"""Copies that are encrypted, cut, carried off and thrown away after their time."""

BACKUPS = [
    r'''set -o pipefail
{fn}() { logger -t {plain}-backup -- "$*"; }
{var}=$(date +%Y%m%d-%H%M%S); {var2}=/var/backups/{plain}
mkdir -p "${var2}" && chmod 700 "${var2}"
tar -C / -czf - etc {data} 2>/dev/null | openssl enc -aes-256-cbc -pbkdf2 -pass file:/root/.backup.key -out "${var2}/${var}.tgz.enc" || { {fn} 'failed'; exit 1; }
find "${var2}" -name '*.enc' -mtime +‹14¦30› -delete
{fn} "wrote ${var}, $(stat -c %s "${var2}/${var}.tgz.enc") bytes"''',
    r'''for f in {data}/*.‹sql¦tar¦dump›; do
  gpg --batch --yes --trust-model always -r backup@{domain} -o "$f.gpg" -e "$f" && rm -f "$f"
done
rclone copy {data} offsite:{plain}/$(hostname -s) --include '*.gpg' --min-age 1m -q''',
    r'''gpg --batch --symmetric --cipher-algo AES256 --passphrase-file /etc/{plain}/backup.pass "$1" && shred -u "$1" && aws s3 cp "$1.gpg" "s3://$BACKUP_BUCKET/$(hostname)/" --storage-class STANDARD_IA''',
    r'''export RESTIC_REPOSITORY=s3:https://{domain}/{plain} RESTIC_PASSWORD_FILE=/root/.restic
restic unlock -q; restic backup {data} /etc --exclude-file=/etc/restic.exclude --tag nightly
restic forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --prune
restic check --read-data-subset=2% || curl -fsS -X POST -H 'Content-Type: application/json' -d "{\"text\":\"restic check failed on $(hostname)\"}" "$ALERT_WEBHOOK"''',
    r'''BORG_REPO=ssh://backup@{domain}/./{plain}; export BORG_REPO BORG_PASSCOMMAND='cat /root/.borg'
borg create --compression zstd --exclude-caches "::{hostname}-{now}" {data} /home /root/.ssh
borg prune --keep-daily 7 --keep-weekly 4 --glob-archives '{hostname}-*' && borg compact''',
    r'''for {var} in $(psql -U postgres -Atc "select datname from pg_database where not datistemplate"); do
  pg_dump -U postgres -Fc "${var}" | gpg -e -r dba@{domain} > "/backup/${var}-$(date +%F).dump.gpg"
done
find /backup -name '*.dump.gpg' -mtime +21 -print -delete''',
    r'''mysql -Nse 'show databases' | grep -Ev '^(information_schema|performance_schema|sys)$' | while read -r db; do mysqldump --single-transaction --routines "$db" | zstd -q > "{data}/$db.sql.zst"; done; rsync -a --delete {data}/ backup@{plain}.internal:/srv/mysql/$(hostname)/''',
    r'''mongodump --uri "$MONGO_URI" --archive --gzip | openssl enc -aes-256-ctr -pbkdf2 -pass env:BACKUP_KEY | aws s3 cp - "s3://{plain}-backups/mongo/$(date +%F).gz.enc" --expected-size 20000000000''',
    r'''tar cf - {data} | age -r "$AGE_RECIPIENT" | split -b 1G --filter 'rclone rcat "remote:{plain}/$FILE"' - part.''',
    r'''split -b ‹2G¦500M› -d "$archive" "$archive.part." && sha256sum "$archive".part.* > "$archive.sums" && for {var} in "$archive".part.*; do curl -fsS --retry 5 -T "${var}" -u "$DAV_USER:$DAV_PASS" "https://{domain}/remote.php/dav/files/$DAV_USER/backup/$(basename "${var}")" && rm -f "${var}"; done''',
    r'''zfs snapshot -r tank@$(date +auto-%F); zfs send -R -i "$(cat /var/lib/{plain}/last)" tank@$(date +auto-%F) | pv -q -L 40m | ssh backup@{plain}.internal zfs receive -F pool/$(hostname)
zfs list -Ht snapshot -o name -s creation tank | grep '@auto-' | head -n -30 | xargs -r -n1 zfs destroy''',
    r'''lvcreate -s -n snap -L 10G vg0/{plain} && mount -o ro,nouuid /dev/vg0/snap /mnt/snap
rsync -aAXH --numeric-ids /mnt/snap/ /mnt/backup/{plain}/
umount /mnt/snap; lvremove -fy vg0/snap''',
    r'''for {var2} in $(aws ec2 describe-volumes --filters Name=tag:Backup,Values=daily --query 'Volumes[].VolumeId' --output text); do aws ec2 create-snapshot --volume-id "${var2}" --tag-specifications 'ResourceType=snapshot,Tags=[{Key=auto,Value=yes}]' >/dev/null; done
{var}=$(date -d '-30 days' +%F); for {var3} in $(aws ec2 describe-snapshots --owner-ids self --filters Name=tag:auto,Values=yes --query "Snapshots[?StartTime<'${var}'].SnapshotId" --output text); do aws ec2 delete-snapshot --snapshot-id "${var3}"; done''',
    r'''ETCDCTL_API=3 etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key snapshot save /backup/etcd-$(date +%F).db && gpg --batch -e -r ops@{domain} /backup/etcd-*.db && rm -f /backup/etcd-*.db; tar czf /backup/pki-$(date +%F).tgz -C /etc/kubernetes pki''',
    r'''virsh list --name | while read -r vm; do [ -n "$vm" ] || continue; virsh snapshot-create-as "$vm" backup --disk-only --atomic --quiesce; cp --sparse=always "/var/lib/libvirt/images/$vm.qcow2" /mnt/nas/vm/; virsh blockcommit "$vm" vda --active --pivot; virsh snapshot-delete "$vm" backup --metadata; done''',
    r'''for {var} in $(vim-cmd vmsvc/getallvms | awk 'NR>1{print $1}'); do vim-cmd vmsvc/snapshot.create ${var} nightly; done
for d in /vmfs/volumes/*/*/; do vmkfstools -i "$d$(basename "$d").vmdk" -d thin "/vmfs/volumes/backup/$(basename "$d").vmdk"; done
for {var} in $(vim-cmd vmsvc/getallvms | awk 'NR>1{print $1}'); do vim-cmd vmsvc/snapshot.removeall ${var}; done''',
    r'''# Old copies on the NAS; the last {n} stay
keep={n}; cd /mnt/nas/{plain} || exit 1
ls -1t *.tar.zst | tail -n +$((keep + 1)) | while read -r f; do echo "removing $f"; rm -f -- "$f" "$f.sha256"; done''',
    r'''python3 - "$1" <<'PY'
import sys, boto3
s3 = boto3.client('s3'); bucket, prefix = '{plain}-backups', 'daily/'
objects = sorted(s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get('Contents', []), key=lambda o: o['LastModified'])
for o in objects[:-int(sys.argv[1])]:
    s3.delete_object(Bucket=bucket, Key=o['Key']); print('deleted', o['Key'])
PY''',
    r'''docker run --rm --volumes-from {plain} -v /backup:/backup alpine tar czf /backup/{plain}-volumes.tgz ‹/var/lib/data¦/config›; docker exec {plain}-db pg_dumpall -U postgres | gzip > /backup/{plain}-db.sql.gz''',
    r'''kubectl get ns -o name | cut -d/ -f2 | while read -r ns; do kubectl -n "$ns" get deploy,sts,svc,cm,ing,pvc -o yaml > "backup/$ns.yaml"; done; git -C backup add -A; git -C backup commit -qm "cluster state $(date +%F)"; git -C backup push -q''',
    r'''kubectl -n {plain} get secrets -o yaml | sops --encrypt --age "$AGE_RECIPIENT" --input-type yaml --output-type yaml /dev/stdin > secrets.enc.yaml && git add secrets.enc.yaml && git commit -m 'Backup of secrets, encrypted' && git push''',
    r'''lftp -c "open -u $FTP_USER,$FTP_PASS sftp://{plain}.your-storagebox.example; mirror -R --only-newer --parallel=4 {data} /backup/$(hostname)"; ssh -p 23 "$FTP_USER@{plain}.your-storagebox.example" df -h''',
    r'''duplicity --encrypt-key "$GPG_ID" --full-if-older-than 1M {data} "sftp://backup@{domain}//srv/{plain}" && duplicity remove-older-than 6M --force "sftp://backup@{domain}//srv/{plain}" && duplicity cleanup --force "sftp://backup@{domain}//srv/{plain}"''',
    r'''while inotifywait -qq -r -e close_write,moved_to {data}; do rsync -az --delay-updates {data}/ mirror@{plain}.internal:{data}/ || logger -t mirror 'rsync failed'; done''',
    r'''cryptsetup luksOpen /dev/disk/by-label/BACKUP backup --key-file /root/.luks && mount /dev/mapper/backup /mnt/backup
rsync -a --delete --link-dest=../last {data}/ /mnt/backup/$(date +%F)/ && ln -sfn "$(date +%F)" /mnt/backup/last
umount /mnt/backup; cryptsetup luksClose backup''',
    r'''# restore: decrypt, check, unpack
openssl enc -d -aes-256-cbc -pbkdf2 -pass file:/root/.backup.key -in "$1" -out /tmp/restore.tgz && tar tzf /tmp/restore.tgz >/dev/null && tar xzf /tmp/restore.tgz -C "${2:-/srv/restore}"; rm -f /tmp/restore.tgz''',
    r'''for {var} in $(mongosh "$MONGO_URL" --quiet --eval 'db.getMongo().getDBNames().join(" ")'); do case ${var} in admin|local|config) continue ;; esac; mongodump --uri "$MONGO_URL" -d "${var}" --archive="/backup/mongo/${var}-$(date +%u).gz" --gzip; done''',
    r'''curl -fsS -X PUT "localhost:9200/_snapshot/nightly/$(date +%Y.%m.%d)?wait_for_completion=true" | jq -r .snapshot.state; curl -fsS localhost:9200/_snapshot/nightly/_all | jq -r '.snapshots[:-14][].snapshot' | while read -r s; do curl -fsS -X DELETE "localhost:9200/_snapshot/nightly/$s"; done''',
    r'''rclone config create offsite crypt remote=b2:{plain} password="$(rclone obscure "$CRYPT_PASS")" >/dev/null; rclone sync {data} offsite: --transfers 8 --bwlimit '08:00,2M 22:00,off' --backup-dir "offsite:.old/$(date +%F)" --log-file /var/log/rclone.log''',
    r'''(cd {data} && git annex sync -q --content) || true; tar --listed-incremental=/var/lib/{plain}/snar -czf - {data} | openssl smime -encrypt -aes256 -binary -outform DEM -out "/backup/$(date +%F).tgz.der" /etc/ssl/backup.pem''',
    r'''pct list | awk 'NR>1{print $1}' | while read -r c; do vzdump "$c" --mode snapshot --compress zstd --storage nas --prune-backups keep-last=7,keep-weekly=4; done; pvesm prune-backups nas --keep-last 7''',
    r'''redis-cli BGSAVE; while [ "$(redis-cli LASTSAVE)" = "$(cat /tmp/lastsave 2>/dev/null)" ]; do sleep 1; done; redis-cli LASTSAVE > /tmp/lastsave; cp /var/lib/redis/dump.rdb "/backup/redis-$(date +%H).rdb"; influx backup /backup/influx -t "$INFLUX_TOKEN"''',
]
