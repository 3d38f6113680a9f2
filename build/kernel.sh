#!/usr/bin/env bash
# Prints the folder of a Debian kernel and its modules, which the machines of the memory test start from, and has qemu there.
# Nothing of it is installed but qemu. Where it is not to be had, it says so and the test skips.
set -euo pipefail

folder=$(cd "$(dirname "$0")/.." && pwd)/.cache/kernel
if [ ! -d "$folder/boot" ] || ! command -v qemu-system-x86_64 >/dev/null; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || [ "$(uname -m)" != x86_64 ]; then
    echo "no kernel of Debian and qemu here: the image of a machine's memory is not held against its hypervisor's" >&2
    exit 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt=(apt-get -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root -qq)
  "${apt[@]}" update >&2
  command -v qemu-system-x86_64 >/dev/null || "${apt[@]}" install -y --no-install-recommends qemu-system-x86 >&2
  name=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -1)
  mkdir -p "$folder"
  (cd "$folder" && "${apt[@]}" download "$name" >&2 && dpkg-deb -x ./*.deb . && rm ./*.deb)
fi
echo "$folder"
