"""What is built, signed and published, and the hooks that help with it."""

RELEASES = [
    r'''cat > .git/hooks/pre-commit <<'H'
#!/bin/sh
{var}=$(git diff --cached --name-only --diff-filter=ACM | grep '\.sh$') || exit 0
shellcheck ${var} && shfmt -d ${var}
H
chmod +x .git/hooks/pre-commit; git config core.hooksPath .git/hooks; git config blame.ignoreRevsFile .git-blame-ignore-revs''',
    r'''for {var} in post-checkout post-merge; do printf '#!/bin/sh\ngit diff-tree -r --name-only ORIG_HEAD HEAD 2>/dev/null | grep -q package-lock.json && npm ci\nexit 0\n' > .git/hooks/${var}; chmod 755 .git/hooks/${var}; done; git lfs install --local''',
    r'''cat > /srv/git/{plain}.git/hooks/post-receive <<'H'
#!/bin/sh
while read -r old new ref; do
  [ "$ref" = refs/heads/main ] || continue
  git --work-tree=/srv/{plain} checkout -f main && cd /srv/{plain} && make install && sudo systemctl restart {plain}
  curl -fsS -d "text=deployed ${new%??????????????????????????????}" "$HOOK_URL" >/dev/null
done
H
chmod +x /srv/git/{plain}.git/hooks/post-receive''',
    r'''v=$(jq -r .version package.json); git diff --quiet || { echo 'commit first' >&2; exit 1; }
npm ci && npm test && npm run build && npm version "${1:-patch}" -m 'Release %s' && git push --follow-tags && npm publish --access public --provenance''',
    r'''jq '.scripts.postinstall="patch-package && node scripts/check-engine.js" | .version="{n}.1.0"' package.json > package.json.new && mv package.json.new package.json; npm pack --dry-run; npm publish --tag next''',
    r'''cat > setup.py <<'P'
from setuptools import setup
from setuptools.command.build_ext import build_ext
import subprocess
class Build(build_ext):
    def run(self):
        subprocess.check_call(['make', '-C', 'native'])
        super().run()
setup(name='{plain}', version='{n}.0', packages=['{plain}'], cmdclass={'build_ext': Build})
P
python3 -m build && twine check dist/* && TWINE_PASSWORD="$PYPI_TOKEN" twine upload -u __token__ dist/*''',
    r'''mkdir -p .github/workflows && cat > .github/workflows/test.yml <<'W'
on: [push, pull_request]
permissions: {contents: read}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: make test
        env: {DATABASE_URL: "${{ secrets.TEST_DATABASE_URL }}"}
W
git add .github && git commit -qm 'Test each push' && git push -q''',
    r'''for {var} in $(gh repo list "$ORG" --no-archived -L 200 --json name -q '.[].name'); do gh api "repos/$ORG/${var}/contents/.github/dependabot.yml" -X PUT -f message='Add dependabot' -f content="$(base64 -w0 dependabot.yml)" >/dev/null 2>&1 && echo "${var}" || echo "${var} has one"; done''',
    r'''docker buildx build --pull --platform linux/amd64,linux/arm64 --build-arg VERSION="$TAG" --secret id=npm,src="$HOME/.npmrc" -t "$REGISTRY/{plain}:$TAG" -t "$REGISTRY/{plain}:latest" --push . && cosign sign --yes "$REGISTRY/{plain}@$(crane digest "$REGISTRY/{plain}:$TAG")" && syft "$REGISTRY/{plain}:$TAG" -o spdx-json > sbom.json''',
    r'''for {var} in nginx:1.27 redis:7 postgres:16; do skopeo copy --all "docker://docker.io/library/${var}" "docker://$MIRROR/library/${var}" --dest-creds "$MIRROR_USER:$MIRROR_TOKEN"; done; crane catalog "$MIRROR" | while read -r r; do crane ls "$MIRROR/$r" | grep -E '^pr-' | xargs -r -I@ crane delete "$MIRROR/$r:@"; done''',
    r'''printf 'FROM %s\nUSER root\nRUN apt-get update && apt-get -y upgrade && rm -rf /var/lib/apt/lists/*\nCOPY ca.crt /usr/local/share/ca-certificates/\nRUN update-ca-certificates\nENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n' "$BASE" | docker build -t "$REGISTRY/base:$(date +%F)" -f - . && docker push "$REGISTRY/base:$(date +%F)"''',
    r'''fpm -s dir -t deb -n {plain} -v "$V" --deb-systemd {plain}.service --after-install postinst --config-files /etc/{plain} build/usr=/ && dpkg-sig --sign builder {plain}_"$V"_amd64.deb && reprepro -b /srv/apt includedeb stable {plain}_"$V"_amd64.deb && rsync -a --delete /srv/apt/ www@{domain}:/srv/apt/''',
    r'''rpmbuild -bb --define "version $V" {plain}.spec && rpm --addsign ~/rpmbuild/RPMS/x86_64/{plain}-"$V"*.rpm && createrepo_c --update /srv/repo && gpg --batch --yes --detach-sign --armor /srv/repo/repodata/repomd.xml''',
    r'''helm lint charts/{plain} && helm package charts/{plain} --version "$V" --app-version "$V" && helm push {plain}-"$V".tgz oci://"$REGISTRY"/charts && helm upgrade --install {plain} oci://"$REGISTRY"/charts/{plain} --version "$V" -n {plain} --atomic --timeout 5m''',
    r'''packer init . && packer build -var "version=$V" -only='amazon-ebs.{plain}' . | tee packer.log && ami=$(grep -oE 'ami-[0-9a-f]{17}' packer.log | tail -1) && aws ec2 modify-image-attribute --image-id "$ami" --launch-permission "Add=[{UserId=$PROD_ACCOUNT}]" && aws ssm put-parameter --overwrite --name /ami/{plain} --type String --value "$ami"''',
    r'''mkdir -p /usr/share/initramfs-tools/hooks; cat > /usr/share/initramfs-tools/hooks/dropbear-keys <<'I'
#!/bin/sh
. /usr/share/initramfs-tools/hook-functions
copy_exec /usr/sbin/cryptsetup
mkdir -p "$DESTDIR/root/.ssh" && cp /etc/dropbear/initramfs/authorized_keys "$DESTDIR/root/.ssh/"
I
chmod +x /usr/share/initramfs-tools/hooks/dropbear-keys; update-initramfs -u''',
    r'''git clone --mirror "$OLD" repo.git && cd repo.git && git push --mirror "$NEW" && cd .. && rm -rf repo.git; gh api -X PATCH "repos/$ORG/{plain}" -F archived=true >/dev/null''',
    r'''git filter-repo --path config/secrets.yml --invert-paths --force && git remote add origin "$URL" && git push origin --force --all && git push origin --force --tags && echo 'All clones must be made anew.' ''',
    r'''{ cat head.sh; tar cz -C build . | base64; } > {plain}-installer.run && chmod +x {plain}-installer.run && sha256sum {plain}-installer.run > {plain}-installer.run.sha256 && gh release upload "v$V" {plain}-installer.run*''',
    r'''npm config set registry https://npm.{domain}/; pip config set global.index-url https://pypi.{domain}/simple; go env -w GOPROXY=https://go.{domain},direct GONOSUMDB='*.{domain}'; cp {plain}-ca.crt /usr/local/share/ca-certificates/ && update-ca-certificates''',
    r'''python3 - <<'P'
import base64, json, pathlib
icons = {p.stem: base64.b64encode(p.read_bytes()).decode() for p in pathlib.Path('icons').glob('*.svg')}
pathlib.Path('src/icons.js').write_text('export default ' + json.dumps(icons))
P
npx terser src/*.js --compress --mangle -o dist/{plain}.min.js && gzip -9k dist/{plain}.min.js''',
    r'''cat > Makefile <<'M'
.PHONY: all test clean
all: ; @go build -o bin/{plain} ./cmd/{plain}
test: ; @go test ./...
clean: ; @rm -rf bin dist
M
make -s all test''',
    r'''printf '[alias]\n\tst = status -sb\n\tundo = !git reset --soft HEAD~1\n\tsync = !git fetch -p && git rebase @{u}\n[core]\n\tpager = delta\n\tfsmonitor = true\n[init]\n\ttemplateDir = ~/.git-templates\n' >> ~/.gitconfig; mkdir -p ~/.git-templates/hooks; cp hooks/commit-msg ~/.git-templates/hooks/ && chmod +x ~/.git-templates/hooks/commit-msg''',
    r'''mkdir -p .vscode && jq -n '{version:"2.0.0",tasks:[{label:"watch",type:"shell",command:"npm run watch",isBackground:true,runOptions:{runOn:"folderOpen"}}]}' > .vscode/tasks.json; echo 'use flake' > .envrc && direnv allow''',
    r'''cat > .gitlab-ci.yml <<'Y'
test:
  image: node:20
  script:
    - npm ci
    - npm test -- --coverage
    - curl -fsS --data-binary @coverage/lcov.info -H "Authorization: Bearer $COVERAGE_TOKEN" https://coverage.{domain}/upload
Y
glab ci lint && git add .gitlab-ci.yml && git commit -qm 'ci: coverage' ''',
    r'''for {var} in $(gh run list -w nightly -s failure -L 10 --json databaseId -q '.[].databaseId'); do gh run rerun "${var}" --failed; done; gh secret list; gh variable set BUILD_IMAGE --body "$REGISTRY/ci:$(date +%Y%m)"''',
    r'''docker save {plain}:latest | gzip | ssh deploy@{domain} 'gunzip | docker load && docker compose -f /srv/{plain}/compose.yml up -d && docker image prune -f' ''',
    r'''crane mutate "$REGISTRY/{plain}:$TAG" --label org.opencontainers.image.revision="$SHA" --entrypoint /usr/bin/{plain} -t "$REGISTRY/{plain}:$TAG"; oras push "$REGISTRY/{plain}-docs:$TAG" docs.tgz:application/gzip; regctl image copy "$REGISTRY/{plain}:$TAG" "$MIRROR/{plain}:$TAG"''',
]
