#!/bin/sh
set -e
# A container's entrypoint: take settings from the environment, then run the service.
: "${PORT:=8080}"
: "${DATA_DIR:=/tmp}"
if [ ! -d "$DATA_DIR" ]; then
  echo "no data directory $DATA_DIR" >&2
  exit 1
fi
echo "would listen on $PORT with $DATA_DIR"
exec true
