#!/bin/bash
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for i in 1 2 3; do
  echo "line $i" >> "$dir/app.log"
done
gzip -c "$dir/app.log" > "$dir/app.log.1.gz"
ls -l "$dir" > /dev/null
