"""Users, keys and settings on many machines, by those who look after them."""

FLEET = [
    r'''# keys of the team, from the repository of the team
declare -A keys=( [{user}]='{key}' [{plain}]='{key2}' )
for {var} in "${!keys[@]}"; do
  id "${var}" >/dev/null 2>&1 || useradd -m -s /bin/bash -G sudo "${var}"
  install -d -m 700 -o "${var}" -g "${var}" "/home/${var}/.ssh"
  printf '%s\n' "${keys[${var}]}" > "/home/${var}/.ssh/authorized_keys"
  chown "${var}:${var}" "/home/${var}/.ssh/authorized_keys"; chmod 600 "/home/${var}/.ssh/authorized_keys"
done''',
    r'''while read -r host; do
  echo "== $host"
  ssh -n -o BatchMode=yes -o ConnectTimeout=5 "$host" 'sudo install -m 600 /dev/stdin /root/.ssh/authorized_keys' < keys/root.pub || echo "$host" >> failed.txt
done < inventory/hosts.txt''',
    r'''for {var} in "${HOSTS[@]}"; do ( scp -q dist/{plain}.deb "${var}:/tmp/" && ssh "${var}" 'sudo dpkg -i /tmp/{plain}.deb && sudo systemctl restart {plain} && rm -f /tmp/{plain}.deb' && echo "${var} ok" || echo "${var} FAILED" ) & while [ "$(jobs -r | wc -l)" -ge {n} ]; do sleep 1; done; done; wait''',
    r'''ssh-keygen -q -s ~/.ssh/ca_users -I "$1@$(date +%F)" -n "$1" -V +12h "$2" && ssh-keygen -L -f "${2%.pub}-cert.pub" | grep Valid''',
    r'''printf 'TrustedUserCAKeys /etc/ssh/ca_users.pub\nRevokedKeys /etc/ssh/revoked_keys\n' > /etc/ssh/sshd_config.d/10-ca.conf
install -m 644 ca_users.pub /etc/ssh/; touch /etc/ssh/revoked_keys; sshd -t && systemctl reload ssh''',
    r'''printf 'AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\nAuthorizedKeysCommandUser nobody\n' > /etc/ssh/sshd_config.d/20-sssd.conf; realm join --user="$JOIN_USER" {domain} <<< "$JOIN_PASS"; pam-auth-update --enable mkhomedir; systemctl restart sssd ssh''',
    r'''getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 {print $1, $6}' | while read -r u h; do [ -f "$h/.ssh/authorized_keys" ] && awk -v u="$u" '{print u, $1, substr($2, length($2)-20), $3}' "$h/.ssh/authorized_keys"; done | sort > /var/log/keys-$(date +%F).txt; diff /var/log/keys-last.txt /var/log/keys-$(date +%F).txt | mail -E -s "keys changed on $(hostname)" security@{domain}''',
    r'''# who left
for u in $(cat leavers.txt); do
  pkill -KILL -u "$u"; crontab -r -u "$u" 2>/dev/null
  usermod -L -e 1 -s /usr/sbin/nologin "$u" && mv "/home/$u/.ssh/authorized_keys" "/home/$u/.ssh/authorized_keys.disabled" 2>/dev/null
  tar czf "/srv/archive/$u-$(date +%F).tgz" "/home/$u" && userdel -r "$u"
done''',
    r'''sed -i '/{user}@/d' /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys; rm -f /etc/sudoers.d/{user}; gpasswd -d {user} sudo; lastlog -u {user}''',
    r'''pass=$(openssl rand -base64 18); echo "root:$pass" | chpasswd -c SHA512 && vault kv put "ops/$(hostname)/root" password="$pass" >/dev/null && unset pass''',
    r'''echo 'password requisite pam_pwquality.so retry=3 minlen=14' >> /etc/pam.d/common-password
sed -i 's/^auth.*pam_unix.so.*/auth required pam_faillock.so preauth\n&/' /etc/pam.d/common-auth
echo 'auth required pam_google_authenticator.so nullok' >> /etc/pam.d/sshd; sed -i 's/^#*KbdInteractiveAuthentication.*/KbdInteractiveAuthentication yes/' /etc/ssh/sshd_config; systemctl reload ssh''',
    r'''cat > /etc/pam.d/sshd.d-notify <<'P'
session optional pam_exec.so seteuid /usr/local/sbin/login-notify
P
cat > /usr/local/sbin/login-notify <<'S'
#!/bin/sh
[ "$PAM_TYPE" = open_session ] || exit 0
printf '{"text":"%s logged in to %s from %s"}' "$PAM_USER" "$(hostname)" "$PAM_RHOST" | curl -fsS -m 5 -H 'Content-Type: application/json' -d @- "$(cat /etc/{plain}/webhook)" >/dev/null
S
chmod 755 /usr/local/sbin/login-notify''',
    r'''visudo -cf /dev/stdin <<< '%{plain} ALL=(root) NOPASSWD: /usr/bin/systemctl restart {plain}, /usr/bin/journalctl -u {plain}' && echo '%{plain} ALL=(root) NOPASSWD: /usr/bin/systemctl restart {plain}, /usr/bin/journalctl -u {plain}' > /etc/sudoers.d/{plain} && chmod 440 /etc/sudoers.d/{plain}''',
    r'''cat > /etc/profile.d/audit-history.sh <<'P'
export HISTTIMEFORMAT='%F %T ' HISTSIZE=100000 HISTCONTROL=
readonly HISTFILE
PROMPT_COMMAND='history -a; logger -p local6.info -t bash -- "$USER $(history 1 | sed "s/^ *[0-9]* *//")"'
P
echo 'local6.* /var/log/commands.log' > /etc/rsyslog.d/60-commands.conf; systemctl restart rsyslog''',
    r'''#cloud-boothook
hostnamectl set-hostname "{plain}-$(curl -s http://169.254.169.254/latest/meta-data/instance-id | tail -c 5)"
useradd -m -s /bin/bash -G adm,sudo {user}; mkdir -p /home/{user}/.ssh
echo '{key}' > /home/{user}/.ssh/authorized_keys; chown -R {user}: /home/{user}/.ssh; chmod 700 /home/{user}/.ssh
echo '{user} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-{user}; passwd -l root''',
    r'''# node bootstrap
{var}=$(curl -sX PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'); {fn}() { curl -s -H "X-aws-ec2-metadata-token: ${var}" "http://169.254.169.254/latest/$1"; }
region=$({fn} meta-data/placement/region); role=$({fn} meta-data/tags/instance/role)
aws ssm get-parameter --region "$region" --name "/{plain}/$role/join" --with-decryption --query Parameter.Value --output text | bash -s -- --node-name "$(hostname)"
systemctl enable --now kubelet''',
    r'''kubeadm token create --ttl 30m --print-join-command > /tmp/join; for {var} in $(cat nodes.txt); do scp -q /tmp/join "${var}:" && ssh "${var}" 'sudo swapoff -a; sudo sh ./join; rm -f ./join'; done; shred -u /tmp/join; kubectl get nodes''',
    r'''kubectl create sa ci-{plain} -n {plain}; kubectl create role deploy -n {plain} --verb=get,list,patch,update --resource=deployments,pods; kubectl create rolebinding ci-{plain} -n {plain} --role=deploy --serviceaccount={plain}:ci-{plain}; kubectl create token ci-{plain} -n {plain} --duration=1h | gh secret set KUBE_TOKEN''',
    r'''openssl req -new -newkey rsa:3072 -nodes -keyout {user}.key -out {user}.csr -subj '/CN={user}/O=developers'
kubectl apply -f - <<Y
{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: {user}}, spec: {request: $(base64 -w0 {user}.csr), signerName: kubernetes.io/kube-apiserver-client, expirationSeconds: 7776000, usages: [client auth]}}
Y
kubectl certificate approve {user} && kubectl get csr {user} -o jsonpath='{.status.certificate}' | base64 -d > {user}.crt''',
    r'''aws iam list-users --query 'Users[].UserName' --output text | tr '\t' '\n' | while read -r u; do aws iam list-access-keys --user-name "$u" --query 'AccessKeyMetadata[].[UserName,AccessKeyId,CreateDate]' --output text; done | awk -v d="$(date -d '-90 days' +%F)" '$3 < d' > old-keys.txt
while read -r u k _; do aws iam update-access-key --user-name "$u" --access-key-id "$k" --status Inactive; done < old-keys.txt''',
    r'''printf '[Unit]\nDescription=tunnel for support\n[Service]\nUser=support\nExecStart=/usr/bin/ssh -N -o ServerAliveInterval=30 -o ExitOnForwardFailure=yes -R 0:localhost:22 %s\nRestart=always\nRuntimeMaxSec=4h\n[Install]\nWantedBy=multi-user.target\n' support@{domain} > /etc/systemd/system/support-tunnel.service
systemctl daemon-reload && systemctl start support-tunnel && echo 'Please tell support the number that follows:' && hostname | cksum | cut -d' ' -f1''',
    r'''read -rp 'Ticket number: ' ticket; echo "$ticket" | grep -qE '^[A-Z]+-[0-9]+$' || exit 1
trap 'kill ${var} 2>/dev/null; userdel -r support 2>/dev/null' EXIT
useradd -m -s /bin/bash support && install -d -m 700 -o support /home/support/.ssh && curl -fsS https://{domain}/keys/support.pub > /home/support/.ssh/authorized_keys
ssh -N -R 2222:localhost:22 "tunnel@{domain}" & {var}=$!
read -rp 'The support has access now. Enter ends it.' ''',
    r'''wg genkey | tee /etc/wireguard/key | wg pubkey > /etc/wireguard/pub; chmod 600 /etc/wireguard/key
cat > /etc/wireguard/wg0.conf <<C
[Interface]
Address = 10.8.0.{n}/24
PostUp = wg set %i private-key /etc/wireguard/key
[Peer]
PublicKey = $SERVER_PUB
Endpoint = vpn.{domain}:51820
AllowedIPs = 10.8.0.0/24
PersistentKeepalive = 25
C
systemctl enable --now wg-quick@wg0; curl -fsS -d "host=$(hostname)" -d "key=$(cat /etc/wireguard/pub)" https://vpn.{domain}/enroll -H "Authorization: Bearer $ENROLL_TOKEN"''',
    r'''pssh -h hosts.txt -t 60 -i 'sudo unattended-upgrade -d; [ -f /run/reboot-required ] && sudo shutdown -r +5 "kernel update"'; pscp -h hosts.txt sshd_config.d/hardening.conf /tmp/; pssh -h hosts.txt 'sudo mv /tmp/hardening.conf /etc/ssh/sshd_config.d/ && sudo sshd -t && sudo systemctl reload ssh' ''',
    r'''ldapsearch -LLL -x -H "ldaps://{domain}" -D "$BIND" -y /etc/ldap.secret -b 'ou=people,dc={plain},dc=local' '(memberOf=cn=admins,ou=groups,dc={plain},dc=local)' uid sshPublicKey | awk '/^uid:/{u=$2} /^sshPublicKey:/{sub(/^sshPublicKey: /,""); print u "\t" $0}' | while IFS=$'\t' read -r u k; do install -d -m 700 -o "$u" "/home/$u/.ssh" && echo "$k" > "/home/$u/.ssh/authorized_keys"; done''',
    r'''install -m 644 /dev/stdin /etc/modprobe.d/hardening.conf <<'C'
install dccp /bin/true
install sctp /bin/true
install usb-storage /bin/false
blacklist firewire-core
C
update-initramfs -u; rmmod usb-storage 2>/dev/null; echo 'audit=1 lockdown=integrity' >> /etc/default/grub.d/hardening.cfg''',
    r'''systemctl set-property user-.slice CPUQuota=200% MemoryMax=8G TasksMax=4096; systemctl set-property --runtime {plain}.service IPAddressAllow=10.0.0.0/8 IPAddressDeny=any; systemd-analyze security {plain} | tail -1''',
    r'''chattr +i /etc/resolv.conf /etc/ssh/sshd_config; lsattr /etc/*.conf | grep -- '-i-'; mount -o remount,hidepid=2,gid=adm /proc; grep -q hidepid /etc/fstab || echo 'proc /proc proc defaults,hidepid=2,gid=adm 0 0' >> /etc/fstab''',
    r'''for {var} in "${NODES[@]}"; do scp -q known_hosts authorized_keys "${var}:/tmp/" && ssh "${var}" 'sudo install -m 600 -o root /tmp/authorized_keys /root/.ssh/ && sudo install -m 644 /tmp/known_hosts /etc/ssh/ssh_known_hosts && rm /tmp/authorized_keys /tmp/known_hosts' || echo "${var}" >> failed; done; [ ! -s failed ]''',
    r'''printf '%s ALL=(postgres) NOPASSWD: /usr/bin/pg_dump\n' {user} | EDITOR='tee -a' visudo -f /etc/sudoers.d/pgdump; sudo -l -U {user}; usermod -aG systemd-journal,docker {user}; loginctl enable-linger {user}''',
    r'''ansible all -b -m user -a 'name={user} state=absent remove=yes force=yes'; ansible all -b -m lineinfile -a "path=/root/.ssh/authorized_keys regexp='{user}@' state=absent"; ansible bastion -b -m shell -a 'pkill -KILL -u {user} || true' ''',
    r'''kubectl get clusterrolebindings -o json | jq -r '.items[] | select(.roleRef.name=="cluster-admin") | [.metadata.name, (.subjects[]? | .kind + ":" + .name)] | @tsv' > admins.txt; kubectl get sa -A -o json | jq -r '.items[] | select(.secrets) | .metadata.namespace + "/" + .metadata.name' >> admins.txt; diff admins.last admins.txt || mail -s 'cluster admins changed' ops@{domain} < admins.txt; mv admins.txt admins.last''',
    r'''#!/bin/bash
# first boot of a node of the pool
until systemctl is-active -q containerd; do sleep 2; done
hostname=$(curl -sf -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/name); hostnamectl set-hostname "$hostname"
gcloud secrets versions access latest --secret={plain}-ca > /usr/local/share/ca-certificates/{plain}.crt && update-ca-certificates
echo vm.max_map_count=262144 > /etc/sysctl.d/90-{plain}.conf; sysctl --system; mkfs.xfs -f /dev/disk/by-id/google-data && mount /dev/disk/by-id/google-data /data
curl -sf -X POST -H "Authorization: Bearer $(gcloud auth print-identity-token --audiences=https://pool.{domain})" "https://pool.{domain}/ready/$hostname"''',
]
