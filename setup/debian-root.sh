#!/usr/bin/env bash
# Makes the root folder of a bare Debian, unless it is there: setup/debian-root.sh SUITE FOLDER    as root
# In: SUITE, e.g. bookworm; debootstrap, and a mirror of Debian. Out: FOLDER; what debootstrap says lies in FOLDER.log.
set -euo pipefail
(($# == 2)) || { echo 'usage: setup/debian-root.sh SUITE FOLDER' >&2; exit 2; }
suite=$1 root=$2

say() { printf 'debian %s: %s\n' "$suite" "$*" >&2; }
die() { say "$@"; exit 1; }

[[ ! -e $root/etc/debian_version ]] || exit 0
((EUID == 0)) || die "needs root, for another root folder"
"$(dirname "$(realpath "$0")")/system-packages.sh" debootstrap debian-archive-keyring
# The mirror that this machine's own packages come from, where that is one of Debian.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/*$' || true)
mkdir -p "$(dirname "$root")"
rm -rf -- "$root" "$root.new"
say "made from ${mirror:=http://deb.debian.org/debian}"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root.new" "$mirror" >"$root.log" ||
  die "debootstrap failed: $root.log"
mv "$root.new" "$root"
