#!/usr/bin/env bash
# Builds the Debian guest of `make test-ble` and prints its directory: vmlinuz and initramfs.
#
# It is made of packages of the release this machine runs, from the sources apt has here, and kept in .cache under
# the hash of its recipe; whoever changes the recipe gets a new one.
set -euo pipefail
cd "$(dirname "$0")/.."

recipe=(scripts/guest-image.sh tests/guest/init tests/guest/requirements.txt)
packages=linux-image-amd64,kmod,busybox-static,dbus,bluez,bluez-test-tools,python3
# hci_vhci makes virtual controllers; the rest is what LE Secure Connections, bluetoothd, the shared folder and the
# way to the host need.
modules=(
    virtio_pci virtio_net virtio_rng 9pnet_virtio 9p bluetooth hci_vhci uhid
    drbg hmac sha256_generic sha512_generic algif_hash algif_skcipher aes_generic ecb cmac ecdh_generic
)

# An emulated guest unpacks what is in it at every boot.
left_out=(
    'dev/*' 'var/cache/*' 'var/lib/apt/*' 'lib/udev' 'usr/lib/klibc' 'usr/lib/x86_64-linux-gnu/gconv'
    'usr/lib/x86_64-linux-gnu/perl*' 'usr/share/perl*' 'usr/bin/perl*' 'usr/share/doc' 'usr/share/locale'
    'usr/share/man' 'usr/share/zoneinfo' 'usr/share/i18n' 'usr/lib/python3.*/test' 'usr/lib/python3.*/pydoc_data'
    'lib/modules/*/kernel/drivers/gpu' 'usr/lib/firmware' 'lib/firmware'
)

say() { echo "guest-image: $*" >&2; }

# The machine's own Debian sources, one line each, as apt knows them.
sources() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 'Architecture: amd64' |
        awk -v keyring=$keyring '$1 == "Debian" { print "deb [arch=amd64 signed-by=" keyring "] " $2, $3, $4 }' | sort -u
}

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$codename" ] && [ -n "$(sources)" ] || {
    say "this needs a Debian with package sources (apt-get update)"
    exit 3
}

key=$(cat "${recipe[@]}" | sha256sum | cut -c1-12)
image=$PWD/.cache/ble-guest/$codename-$key
if [ -e "$image/complete" ]; then
    echo "$image"
    exit
fi

say "building a Debian guest into .cache/ble-guest (once; downloads about 130 MB)"
mkdir -p "$PWD/.cache/ble-guest"
work=$(mktemp -d "$PWD/.cache/ble-guest/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/root" "$work/image"

# Packages are only unpacked, none of their scripts runs: the guest has no package manager, users or boot loader.
sources | mmdebstrap --quiet --variant=extract --include=$packages "" - - |
    tar -x -C "$work/root" --no-same-owner "${left_out[@]/#/--exclude=./}"
cd "$work/root"
chmod -R u+rwX .

version=$(basename lib/modules/*)
mv "boot/vmlinuz-$version" "$work/image/vmlinuz"
rm -rf boot

say "keeping the modules of Linux $version that are needed"
PATH=$PATH:/usr/sbin:/sbin
depmod -b . "$version"
for module in "${modules[@]}"; do
    modprobe -d . -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | sed "s#.*/lib/modules/$version/##" | sort -u >"$work/wanted"
mkdir -p "$work/modules"
(cd "lib/modules/$version" && xargs -a "$work/wanted" cp --parents -t "$work/modules" && cp modules.builtin modules.builtin.modinfo modules.order "$work/modules")
rm -rf "lib/modules/$version"
mv "$work/modules" "lib/modules/$version"
depmod -b . "$version"
echo "${modules[@]}" >etc/guest-modules

say "Python packages of the guest"
minor=$(basename "$(ls -d usr/lib/python3.*)")
minor=${minor#python3.}
# Debian's own python3 has no pip; the environment of the tests has.
PIP_ROOT_USER_ACTION=ignore "$OLDPWD/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --target "usr/lib/python3/dist-packages" \
    --only-binary :all: --implementation cp --python-version "3.$minor" --abi "cp3$minor" --abi abi3 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any \
    -r "$OLDPWD/tests/guest/requirements.txt"
# Debian compiles at installation, which does not happen here; emulated, it would cost more than the tests.
if [ "$(python3 -c 'import sys; print(sys.version_info.minor)')" = "$minor" ]; then
    python3 -m compileall -q -s "$PWD" "usr/lib/python3.$minor" usr/lib/python3/dist-packages || true
fi

# /bin, /sbin and /lib may be links to /usr's or directories of their own.
for applet in $(./bin/busybox --list); do
    [ -e "bin/$applet" ] || [ -e "usr/bin/$applet" ] || [ -e "sbin/$applet" ] || [ -e "usr/sbin/$applet" ] ||
        ln -s busybox "bin/$applet"
done
for applet in sh mount hostname; do ln -sf busybox "bin/$applet"; done

cat >etc/passwd <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
messagebus:x:100:100::/nonexistent:/usr/sbin/nologin
user:x:1000:1000::/tmp:/bin/sh
PASSWD
printf 'root:x:0:\nmessagebus:x:100:\nbluetooth:x:101:\nuser:x:1000:\nnogroup:x:65534:\n' >etc/group
echo 0123456789abcdef0123456789abcdef >etc/machine-id
mkdir -p proc sys dev run tmp mnt root var/lib/bluetooth
rm -rf var/run && ln -s /run var/run
install -m 755 "$OLDPWD/tests/guest/init" init

say "packing"
find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0 >"$work/image/initramfs"
cd "$OLDPWD"
touch "$work/image/complete"
rm -rf "$image"
mv "$work/image" "$image"
echo "$image"
