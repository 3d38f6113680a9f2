#!/usr/bin/env bash
# Installs the Debian packages the tests need, when one is missing. Changes nothing otherwise.
set -euo pipefail

packages=(
  gcc libc6-dev # the race detector
  gnupg zstd tar sq libarchive-tools p7zip-full unzip python3 # the stock tools that must open a bundle without us, and what is in it
  dosfstools fusefat # the FAT32 stick that is filled and pulled, also where the kernel knows no FAT
  strace # shows that the agent executes nothing
  sleuthkit # mactime reads the body files; fls and icat read NTFS beside us
  ntfs-3g attr # write the NTFS images we read
  wimtools # packs as CompactOS does
  libhivex-bin # hivexml reads registry hives beside us
  libvshadow-utils # vshadowmount reads shadow copies beside us
  libevtx-utils libevt-utils # what our readers of event logs are held against
  sqlite3 # makes the databases we read, and reads them beside us
  systemd systemd-journal-remote # journalctl reads journals beside us; the other writes them
  ewf-tools qemu-utils # write images of disks in the formats we read
  fdisk xfsprogs lvm2 dosfstools mtools exfatprogs exfat-fuse # divide disks, and write the file systems on them
  ansible-core # runs the job that the page on unattended runs shows
  python3-jsonschema # holds forms against their schema
  osslsigncode openssl # sign the programs for Windows
  wine wine64 # the Windows half runs under it
  xvfb # a screen for it
)

missing=()
if command -v dpkg-query >/dev/null; then
  for p in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
  done
else
  for tool in gcc gpg zstd tar sq bsdtar 7z unzip python3 mkfs.vfat fusefat strace mactime ntfs-3g setfattr wimlib-imagex ewfacquire qemu-img sfdisk mkfs.xfs lvm mkfs.vfat mcopy mkfs.exfat evtxexport evtexport sqlite3 journalctl hivexml vshadowmount ansible-playbook osslsigncode openssl wine Xvfb; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the tests need what is not installed here: ${missing[*]}" >&2
  echo "on Debian or Ubuntu: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -o DPkg::Lock::Timeout=300 -qq)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
