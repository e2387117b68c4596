test -f /proc/self/status && exit 0 || exit 1
