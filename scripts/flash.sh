#!/bin/sh
# Writes an image of scripts/firmware-esp.sh to a board and shows its log: scripts/flash.sh CHIP DEFINITION PORT [NAME]
set -eu
cd "$(dirname "$0")/.."
chip=$1 port=$3
name=${4:-$(basename "$2" .yaml)-1}
image=${CARGO_TARGET_DIR:-$PWD/target}/firmware/$name-$chip.bin
[ "$port" = auto ] && port=
if command -v espflash >/dev/null; then
    espflash write-bin --chip "$chip" ${port:+--port "$port"} 0x0 "$image"
    exec espflash monitor --chip "$chip" ${port:+--port "$port"}
fi
tools=.cache/esptool
if ! cmp -s firmware/esp/requirements.txt $tools/requirements.txt; then
    python3 -m venv $tools
    $tools/bin/pip install --quiet --disable-pip-version-check -r firmware/esp/requirements.txt
    cp firmware/esp/requirements.txt $tools/requirements.txt
fi
$tools/bin/esptool --chip "$chip" ${port:+--port "$port"} write-flash 0x0 "$image"
# esptool brings pyserial along.
exec $tools/bin/python -m serial.tools.miniterm ${port:--} 115200
