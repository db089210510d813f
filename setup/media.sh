#!/usr/bin/env bash
# Puts real footage or real photos into the cache folder, out of Debian packages that are unpacked but not installed.
# Usage: setup/media.sh footage     CACHE/footage/vtest.avi   768x576, 10 fps, 795 frames (opencv-doc)
#        setup/media.sh photos      CACHE/photos/*.jpg        (darknet)
# CACHE is SSDCRP_CACHE, by default ~/.cache/ssdcrp. Needs no root: apt's `download` is open to every user.
set -euo pipefail

cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")

say() { printf 'media: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

case ${1:-} in
  footage)
    package=opencv-doc
    folder=usr/share/doc/opencv-doc/examples/data
    sums='45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf  vtest.avi'
    ;;
  photos)
    package=darknet
    folder=usr/share/darknet/data
    sums='5a9522051c3cec2bbd2f6323fccba32e8fbf3ddcc2b3e2fd46b04c720bc6f866  dog.jpg
cdcbab947e46110fc2b77784ac54ddbbab2640f1e44cb5e91fc8984a9793a7d1  person.jpg
c8f0a677a1356569e2ce71d2fa88c1030c0ae57ecf5e14170e02d9a86a20dcb4  horses.jpg
f95f57297fd51a6c5ddceb5ed6916fa759d1d65f402fee34c05b31a9608755c0  eagle.jpg
00dc48a9b2af8a1fe4c4b79319726591f1033c7e1150f21e7577a79f3b6659f1  giraffe.jpg
87410f52f79cc256c3949b48a3548632c07c8e9943468ef8caa6250f6643be8e  kite.jpg
dcab7bae866fbb396e01ab27a9c8d2d40b3e80911dafb05a5fa18d1bac6b8d17  scream.jpg'
    ;;
  *) die "usage: setup/media.sh footage|photos" ;;
esac
target=$cache/$1

# Kept files are not checked again: they were checked when they came, and who replaces one means to.
absent=()
while read -r _ name; do
  [[ -f $target/$name ]] || absent+=("$name")
done <<<"$sums"
((${#absent[@]})) || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  die "no apt on this system; put ${absent[*]} of Debian's package $package into $target by hand"
fi

mkdir -p "$target"
work=$(mktemp -d --tmpdir="$cache")
trap 'rm -rf -- "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"

# Run by root, apt would drop to a user who may not write here, and warn.
apt=(apt-get -qq -o APT::Sandbox::User=root)
# An index of our own, for a system that has none or an outdated one, so that not even `update` needs root.
own_index=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work")

say "fetching ${absent[*]} out of Debian's package $package"
cd "$work"
"${apt[@]}" download "$package" </dev/null >log 2>&1 ||
  { "${apt[@]}" "${own_index[@]}" update && "${apt[@]}" "${own_index[@]}" download "$package"; } </dev/null >log 2>&1 ||
  die "cannot download $package: $(grep '^E:' log | tail -n 1)"
dpkg-deb --extract "$package"_*.deb unpacked || die "cannot unpack $package: is there space in $cache?"

[[ -d unpacked/$folder ]] ||
  die "this system's $package has no folder /$folder; put ${absent[*]} into $target by hand"
cd "unpacked/$folder"
for name in "${absent[@]}"; do
  grep "  $name\$" <<<"$sums" | sha256sum --check --status 2>/dev/null ||
    die "$name of this system's $package is missing or another one (sha256); put the right one into $target by hand"
done
mv -f "${absent[@]}" "$target/"
