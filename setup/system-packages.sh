#!/usr/bin/env bash
# Installs the Debian packages that are missing, and no others.
# Usage: setup/system-packages.sh [PACKAGE...]     without arguments: all that building, running and testing need
# What is installed already costs one query; apt is not touched then.
set -euo pipefail

build=(gcc libc6-dev make pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev)
# ugly has x264enc, libav decodes the footage, x opens a window, base-apps has gst-discoverer-1.0.
run=(
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-base-apps gstreamer1.0-plugins-good
  gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x
)

say() { printf 'system packages: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

installed() { dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# Another distribution has the same things under other names: look for the things themselves.
check_without_apt() {
  local absent=() item
  for item in cc make pkg-config gst-launch-1.0 gst-inspect-1.0 gst-discoverer-1.0; do
    command -v "$item" >/dev/null || absent+=("$item")
  done
  for item in gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0; do
    pkg-config --exists "$item" 2>/dev/null || absent+=("$item.pc")
  done
  for item in videoconvert decodebin x264enc mp4mux avdec_h264; do
    gst-inspect-1.0 --exists "$item" 2>/dev/null || absent+=("element $item")
  done
  ((${#absent[@]} == 0)) ||
    die "no apt on this system, and these are missing: $(printf '%s, ' "${absent[@]}" | sed 's/, $//')"
  say "no apt on this system; everything needed is there"
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  (($# == 0)) || die "no apt on this system; install what Debian calls: $*"
  check_without_apt
  exit 0
fi

wanted=("$@")
((${#wanted[@]})) || wanted=("${build[@]}" "${run[@]}")
missing=()
for package in "${wanted[@]}"; do
  installed "$package" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  # Without a terminal nobody can type a password: sudo counts only if it asks for none.
  if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    die "missing, and neither root nor sudo here; as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
fi

say "installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
"${apt[@]}" update </dev/null >&2 || die "apt-get update failed (above); it is needed for: ${missing[*]}"
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" </dev/null >&2 ||
  die "apt-get install failed (above) for: ${missing[*]}"
