"""Machines, disks, caches and agents that are no longer needed."""

RETIREMENT = [
    r'''#!/bin/bash
# decommissions a server: asks twice, keeps a list
read -rp "Really wipe all disks of $(hostname)? Type its name: " a; [ "$a" = "$(hostname)" ] || exit 1
echo "$(date -Is) $(hostname) $(dmidecode -s system-serial-number)" | ssh assets@{domain} 'cat >> wiped.log'
systemctl stop {plain} docker; swapoff -a
for {var} in $(lsblk -dno NAME,TYPE | awk '$2=="disk"{print $1}'); do
  case ${var} in nvme*) nvme format "/dev/${var}" --ses=1 --force ;; *) blkdiscard -f "/dev/${var}" || shred -n1 -z "/dev/${var}" ;; esac
done
poweroff''',
    r'''nwipe --autonuke --method=dodshort --nousb --logfile=/var/log/nwipe-$(date +%F).log; hdparm --user-master u --security-set-pass wipe /dev/sdb && hdparm --user-master u --security-erase wipe /dev/sdb''',
    r'''pvs --noheadings -o pv_name,vg_name | awk '$2=="{plain}-old"{print $1}' > /tmp/pvs
umount -R /mnt/{plain}-old; vgchange -an {plain}-old && vgremove -y {plain}-old && xargs -r -n1 pvremove < /tmp/pvs; wipefs -a /dev/disk/by-label/old; sed -i '/{plain}-old/d' /etc/fstab''',
    r'''cryptsetup luksErase -q /dev/disk/by-id/usb-{plain}-0:0 && echo 'keys destroyed, the stick may be given away'; wipefs -a /dev/disk/by-id/usb-{plain}-0:0''',
    r'''docker ps -aq --filter label=ci=true | xargs -r docker rm -fv; docker image prune -af --filter until=72h; docker builder prune -af --keep-storage 20GB; docker volume ls -qf dangling=true | xargs -r docker volume rm
rm -rf /home/runner/_work/_temp/* /home/runner/.cache/* /tmp/*; df -h /''',
    r'''find "$CI_CACHE_DIR" -mindepth 1 -maxdepth 1 -atime +{n} -exec rm -rf {} +; rm -rf ~/.gradle/caches ~/.npm/_cacache ~/.cache/pip ~/go/pkg/mod/cache /builds/*/.git/lfs/tmp''',
    r'''for d in node_modules target .venv build dist; do find ~/src -maxdepth 3 -type d -name "$d" -mtime +60 -prune -exec du -sh {} \; -exec rm -rf {} \; ; done''',
    r'''kubectl get ns -l preview=true -o json | jq -r --arg d "$(date -d '-7 days' +%FT%TZ)" '.items[] | select(.metadata.creationTimestamp < $d) | .metadata.name' | while read -r ns; do echo "removing $ns"; kubectl delete ns "$ns" --wait=false; done''',
    r'''kubectl drain "$NODE" --ignore-daemonsets --delete-emptydir-data --timeout=10m && kubectl delete node "$NODE" && ssh "$NODE" 'sudo kubeadm reset -f; sudo rm -rf /etc/cni/net.d /var/lib/etcd /var/lib/kubelet; sudo iptables -F; sudo iptables -t nat -F; sudo shutdown -h now' && aws ec2 terminate-instances --instance-ids "$(aws ec2 describe-instances --filters Name=private-dns-name,Values="$NODE" --query 'Reservations[].Instances[].InstanceId' --output text)"''',
    r'''aws s3 ls "s3://{plain}-ci-artifacts/" --recursive | awk -v d="$(date -d '-30 days' +%F)" '$1 < d {print $4}' | while read -r k; do aws s3 rm "s3://{plain}-ci-artifacts/$k"; done''',
    r'''terraform workspace select "$BRANCH" && terraform destroy -auto-approve -input=false && terraform workspace select default && terraform workspace delete "$BRANCH"''',
    r'''for r in us-east-1 eu-central-1; do aws ec2 describe-volumes --region $r --filters Name=status,Values=available Name=tag:env,Values=dev --query 'Volumes[].VolumeId' --output text | tr '\t' '\n' | xargs -r -n1 aws ec2 delete-volume --region $r --volume-id; aws ec2 describe-addresses --region $r --query 'Addresses[?AssociationId==null].AllocationId' --output text | tr '\t' '\n' | xargs -r -n1 aws ec2 release-address --region $r --allocation-id; done''',
    r'''gcloud compute snapshots list --filter="creationTimestamp<-P{n}D AND labels.auto=true" --format='value(name)' | xargs -r gcloud compute snapshots delete -q; gcloud container images list-tags "gcr.io/$P/{plain}" --filter='-tags:*' --format='get(digest)' | xargs -r -I@ gcloud container images delete -q "gcr.io/$P/{plain}@@"''',
    r'''systemctl disable --now {plain}-agent; apt-get -y purge {plain}-agent || yum -y remove {plain}-agent; rm -rf /etc/{plain}-agent /var/lib/{plain}-agent /var/log/{plain}-agent /etc/apt/sources.list.d/{plain}.list; userdel {plain} 2>/dev/null; systemctl daemon-reload
curl -fsS -X DELETE -H "Authorization: Bearer $FLEET_TOKEN" "https://{domain}/api/hosts/$(hostname)"''',
    r'''# from the old sensor to the new one, without both at once
/opt/CrowdStrike/falconctl -g --cid >/dev/null 2>&1 && { systemctl stop falcon-sensor; apt-get -y purge falcon-sensor; }
systemctl stop auditd falco 2>/dev/null; apt-get -y remove falco; apt-get install -y ./{plain}-sensor_{n}_amd64.deb && systemctl enable --now {plain}-sensor && systemctl start auditd && {plain}-sensor status''',
    r'''psql -Atc "select datname from pg_database where datname ~ '^(ci|pr|tmp)_'" | while read -r d; do psql -c "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$d'" -c "drop database \"$d\""; done''',
    r'''mysql -e "DELETE FROM {plain}.sessions WHERE updated_at < NOW() - INTERVAL 30 DAY; OPTIMIZE TABLE {plain}.sessions; PURGE BINARY LOGS BEFORE NOW() - INTERVAL 7 DAY"; redis-cli --scan --pattern 'cache:*' | xargs -r -n 200 redis-cli unlink''',
    r'''curl -s 'localhost:9200/_cat/indices/logs-*?h=index' | sort | head -n -30 | while read -r i; do curl -s -XDELETE "localhost:9200/$i"; done; curl -s -XPUT localhost:9200/_cluster/settings -H 'Content-Type: application/json' -d '{"persistent":{"action.destructive_requires_name":true}}' ''',
    r'''mongosh "$MONGO_URL" --quiet --eval 'db.getMongo().getDBNames().filter(n => n.startsWith("test_")).forEach(n => { print("dropping " + n); db.getSiblingDB(n).dropDatabase() })' ''',
    r'''# clean image before it is sealed
apt-get clean; rm -rf /var/lib/apt/lists/* /tmp/* /var/tmp/* /root/.cache /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id; : > /etc/machine-id
journalctl --rotate; journalctl --vacuum-time=1s; find /var/log -type f -exec truncate -s 0 {} +
cloud-init clean --logs --seed; dd if=/dev/zero of=/zero bs=1M 2>/dev/null; rm -f /zero; unset HISTFILE; rm -f /root/.bash_history; sync''',
    r'''virsh list --all --name | grep '^{plain}-test' | while read -r v; do virsh destroy "$v"; virsh undefine "$v" --remove-all-storage --nvram --snapshots-metadata; done; qm list | awk '/ci-/{print $1}' | while read -r i; do qm stop "$i" && qm destroy "$i" --purge; done''',
    r'''esxcli vm process list | awk -F: '/World ID/{w=$2} /Display Name:.*-lab/{print w}' | xargs -r -n1 -I@ esxcli vm process kill -t soft -w @; vim-cmd vmsvc/getallvms | awk '/-lab/{print $1}' | while read -r i; do vim-cmd vmsvc/unregister "$i"; done; vim-cmd hostsvc/maintenance_mode_enter''',
    r'''shred -u -n 1 "$WORK"/*.key "$WORK"/*.pem 2>/dev/null; find "$WORK" -type f \( -name '*.csv' -o -name '*.dump' \) -exec shred -u {} +; rm -rf "${WORK:?}"; history -d $((HISTCMD-1))''',
    r'''find /var/log -name '*.gz' -mtime +{n} -delete; find /var/log/{plain} -name '*.log' -size +500M -exec truncate -s 0 {} +; journalctl --vacuum-size=500M; : > /var/log/btmp; logrotate -f /etc/logrotate.conf; systemctl kill -s HUP rsyslog''',
    r'''git for-each-ref --format='%(refname:short) %(committerdate:unix)' refs/remotes/origin | awk -v d="$(date -d '-180 days' +%s)" '$2 < d {sub("origin/","",$1); print $1}' | grep -vE '^(main|release/)' | xargs -r -n 20 git push origin --delete; git gc --prune=now --aggressive''',
]
