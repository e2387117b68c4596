"""What starts a container."""

ENTRYPOINT = [
    "if ! whoami &> /dev/null; then\n  if [ -w /etc/passwd ]; then\n    echo \"${USER_NAME:-default}:x:$(id -u):0:${USER_NAME:-default} user:${HOME}:/sbin/nologin\" >> /etc/passwd\n  fi\nfi\nexec \"$@\"",
    "until ‹nc -z¦nc -w 1 -z› \"${DB_HOST:-{plain}}\" ‹5432¦3306¦6379¦9092¦{port}›; do echo waiting; sleep ‹1¦2¦{n}›; done\nexec ‹\"$@\"¦gosu {user} \"$@\"¦java -jar app.jar›",
    "while ! (echo > /dev/tcp/${{plain}_HOST}/‹5432¦6379¦{port}›) >/dev/null 2>&1; do sleep 1; done",
    "timeout {n} bash -c 'until printf \"\" 2>>/dev/null >>/dev/tcp/$0/$1; do sleep 1; done' ‹db¦{plain}¦localhost› ‹5432¦{port}›",
    "mkdir -p /root/.ssh && echo \"$SSH_PUBLIC_KEY\" > /root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys\nexec /usr/sbin/sshd -D",
    "set -e\nif [ \"$1\" = '{plain}' ] && [ \"$(id -u)\" = '0' ]; then\n  chown -R {plain}:{plain} /var/lib/{plain}\n  exec gosu {plain} \"$0\" \"$@\"\nfi\nexec \"$@\"",
    "for f in /docker-entrypoint.d/*.sh; do . \"$f\"; done\nenvsubst < /etc/nginx/template.conf > /etc/nginx/nginx.conf\nexec nginx -g 'daemon off;'",
    "ulimit -n 65535\nsysctl -w vm.max_map_count=262144\nexec su-exec elasticsearch \"$@\"",
    "crontab /etc/cron.d/{plain} && exec cron -f",
    "export JAVA_OPTS=\"${JAVA_OPTS} -Xmx$(($(cat /sys/fs/cgroup/memory/memory.limit_in_bytes) / 2))\"\nexec java $JAVA_OPTS -jar /app/{plain}.jar",
    "TOKEN=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)\ncurl -s --cacert /var/run/secrets/kubernetes.io/serviceaccount/ca.crt -H \"Authorization: Bearer $TOKEN\" https://kubernetes.default.svc/api/v1/namespaces/default/‹endpoints¦pods›/{plain}",
    "export LD_PRELOAD=/usr/lib/‹x86_64-linux-gnu/libjemalloc.so.2¦libjemalloc.so¦x86_64-linux-gnu/libtcmalloc.so.4›\nexec \"$@\"",
    "if [ -n \"$DEBUG\" ]; then set -x; fi\n{plain} migrate || exit 1\nexec {plain} serve --port \"${PORT:-8080}\"",
    "ZONE=$(curl -s -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/zone)\nexec /{plain} --zone \"${ZONE##*/}\"",
    "INSTANCE_ID=$(curl -s http://169.254.169.254/latest/meta-data/instance-id)\nREGION=$(curl -s http://169.254.169.254/latest/meta-data/placement/region)\naws ec2 create-tags --resources $INSTANCE_ID --region $REGION --tags Key=Name,Value={plain}",
]
