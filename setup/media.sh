#!/usr/bin/env bash
# Puts real footage, photos or pictures into the cache folder, out of Debian packages that are unpacked but not installed.
# Usage: setup/media.sh footage     CACHE/footage/vtest.avi   768x576, 10 fps, 795 frames (opencv-doc)
#        setup/media.sh photos      CACHE/photos/*.jpg        (darknet)
#        setup/media.sh pictures    CACHE/pictures/*          the 36 of docs/evaluation.md (opencv-doc, python3-skimage)
# CACHE is SSDCRP_CACHE, by default ~/.cache/ssdcrp. Needs no root: apt's `download` is open to every user.
set -euo pipefail

cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")

say() { printf 'media: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# Takes files out of a package: take PACKAGE FOLDER PREFIX, with lines of "SHA256  NAME" on standard input. In $target a file's name has PREFIX in front of it.
take() {
  local package=$1 folder=$2 prefix=$3 sums absent=() name
  sums=$(cat)
  # Kept files are not checked again: they were checked when they came, and who replaces one means to.
  while read -r _ name; do
    [[ -f $target/$prefix$name ]] || absent+=("$name")
  done <<<"$sums"
  ((${#absent[@]})) || return 0

  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    die "no apt on this system; put ${absent[*]/#/$prefix} of Debian's package $package into $target by hand"
  fi
  mkdir -p "$target"
  work=$(mktemp -d --tmpdir="$cache")
  trap 'rm -rf -- "$work"' EXIT
  fetch "$package"

  cd "$work"
  [[ -d unpacked/$folder ]] ||
    die "this system's $package has no folder /$folder; put ${absent[*]/#/$prefix} into $target by hand"
  cd "unpacked/$folder"
  for name in "${absent[@]}"; do
    grep "  $name\$" <<<"$sums" | sha256sum --check --status 2>/dev/null ||
      die "$name of this system's $package is missing or another one (sha256); put the right one into $target by hand"
  done
  for name in "${absent[@]}"; do
    mv -f "$name" "$target/$prefix$name"
  done
  cd /
  rm -rf -- "$work"
}

# Unpacks a package into $work/unpacked.
fetch() {
  local package=$1
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  # Run by root, apt would drop to a user who may not write here, and warn.
  local apt=(apt-get -qq -o APT::Sandbox::User=root)
  # An index of our own, for a system that has none or an outdated one, so that not even `update` needs root.
  local own_index=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work")
  say "fetching files out of Debian's package $package"
  cd "$work"
  "${apt[@]}" download "$package" </dev/null >log 2>&1 ||
    { "${apt[@]}" "${own_index[@]}" update && "${apt[@]}" "${own_index[@]}" download "$package"; } </dev/null >log 2>&1 ||
    die "cannot download $package: $(grep '^E:' log | tail -n 1)"
  dpkg-deb --extract "$package"_*.deb unpacked || die "cannot unpack $package: is there space in $cache?"
}

target=$cache/${1:-}
opencv=usr/share/doc/opencv-doc/examples/data

case ${1:-} in
  footage)
    take opencv-doc "$opencv" '' <<'SUMS'
45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf  vtest.avi
SUMS
    ;;
  photos)
    take darknet usr/share/darknet/data '' <<'SUMS'
5a9522051c3cec2bbd2f6323fccba32e8fbf3ddcc2b3e2fd46b04c720bc6f866  dog.jpg
cdcbab947e46110fc2b77784ac54ddbbab2640f1e44cb5e91fc8984a9793a7d1  person.jpg
c8f0a677a1356569e2ce71d2fa88c1030c0ae57ecf5e14170e02d9a86a20dcb4  horses.jpg
f95f57297fd51a6c5ddceb5ed6916fa759d1d65f402fee34c05b31a9608755c0  eagle.jpg
00dc48a9b2af8a1fe4c4b79319726591f1033c7e1150f21e7577a79f3b6659f1  giraffe.jpg
87410f52f79cc256c3949b48a3548632c07c8e9943468ef8caa6250f6643be8e  kite.jpg
dcab7bae866fbb396e01ab27a9c8d2d40b3e80911dafb05a5fa18d1bac6b8d17  scream.jpg
SUMS
    ;;
  pictures)
    take opencv-doc "$opencv" '' <<'SUMS'
bc3330e78e3456688e22b62fe033b8b2444fd016df567b1782bcc9baaead8e02  Blender_Suzanne1.jpg
ade5b67347d7f89b1539c93843f3f7178782a7e34eb1fe586f4a785c3e60a432  HappyFish.jpg
d9a69191f6e3642ea361bc3c62e677b2f40fe6534b78da540f4155e0734b59ef  aero1.jpg
1c407146f8762b3b14a7953ff9bc4c01ed64c467d7277122e769bf7e816017a4  aero3.jpg
cce5736808efe80d9f04b118dbb978c344d4345672b332718c3e039a3eeb8eee  aloeL.jpg
e86879de3d9a807dedc742a8f464f39e6b74bbb531a1fba3583155d94997d1cd  apple.jpg
1a1dd18d78eec44420af3b0b7f08ee3d41c982916cae3ce203d7ff35d754cc0f  baboon.jpg
ba06f6701f7260998b430c39b6557f775497e6ce7b1a74f0b7ea6af371bf54a6  basketball1.png
b3047772e0dc6c9d83c26f64894ca1a897f799f855c5574ac24b2ef934c2978e  basketball2.png
4c9a24ba67138ad5486d550f586cc5dd1161be112f1c1bea336d6c550cdf255f  board.jpg
742a1baad62ac82e91e718e77eedf7e85c2eddc4badfb8c87c6cbc86c45a8b07  building.jpg
34a99716b78ded10eae87b4880de739d3e68cc7dd1a96812bb28f469d5eeaea8  butterfly.jpg
3721e83d1d54b1c2867cc9924f06112dba28cb7a54149938ad065999dec39235  cards.png
b55798b35e2dcb24675f0865a2442d0e4887eeb6aff322ecb1968d936cc23e7f  ela_original.jpg
9c031d80a1c52da5eca790db896baffec6a7e52bf786cdb7bbfca5c7f880e6a1  fruits.jpg
23b8cf46a1965d0ec33459b875aed43187802834db49e0daa9fa2cc842e9d8d2  home.jpg
9621899098adffa1440c8264606bb7be535ccfd9ad126ae8e0bd9b0c5a5b8676  left01.jpg
40bab8934fa76f82ec614a7fd0e6ebb4d9f74391d5e8b0c6f2f0ed6080c6c4de  left05.jpg
e736ace3d515c94c547009c3c10d818c81506ed7059cb31123749b9cc3f94ee8  left11.jpg
b2977cdbd9fb3f94dadd6f76cf586d145676deb8a22b5f0f42149d21c058c09f  leuvenA.jpg
ea6fa9cea75df91bec656d1d3b903111a9c0708c6a3b88f405a5156de38ff9d6  licenseplate_motion.jpg
1d570e49654e84c7a943918537bd9e5e1ef82920152e147c834006e235be97c9  messi5.jpg
152c20d2f380ac985de25e474e1a5f06ed34b932191342099b8272a63a15a079  orange.jpg
43a3cea1907be641268ea18478362ab6c459424a9d8b7265eb5fb2264fcfb894  right03.jpg
eb312435369dac9efcc92f7e098edbd9ed8d7e6dfede8b3b4d8e3702cd80b796  rubberwhale1.png
20bb6e8ae96918a36c9886b6d48e54eedeb3948591e1485c206bc1dc60c8dc8b  squirrel_cls.jpg
accda7a19a90f22a4a922fdc8c230167d7abf5f80882171e2cee125c5f12481d  starry_night.jpg
21cd00afbdd0727f445dd91c0a09633e6345ed5b05a3d2355453a1f3c314c6c5  stuff.jpg
SUMS
    take python3-skimage usr/lib/python3/dist-packages/skimage/data ski_ <<'SUMS'
88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5  astronaut.png
b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a  camera.png
596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb  chelsea.png
f029226b28b642e80113d86622e9b215ee067a0966feaf5e60604a1e05733955  clock_motion.png
cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7  coffee.png
c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455  horse.png
db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179  motorcycle_left.png
c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c  rocket.jpg
SUMS
    ;;
  *) die "usage: setup/media.sh footage|photos|pictures" ;;
esac
