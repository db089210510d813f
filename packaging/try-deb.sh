#!/usr/bin/env bash
# Installs the Debian package in a Debian 12 and a Debian 13 and tries all that it brings: packaging/try-deb.sh PACKAGE.deb [SUITE...]    as root
# In: what `make deb` made; photos of the cache; debootstrap and a mirror of Debian. SUITE is bookworm or trixie, by default both.
# Out: a line for each check, and what was said at the first that fails; bare roots in CACHE/bare, made once and never changed: what is installed lies in a layer
# above them that is thrown away. Nothing stays mounted.
set -euo pipefail

say() { printf '%s: %s\n' "${suite:-try-deb}" "$*" >&2; }
die() { say "$@"; exit 1; }

log=/tmp/log
# try WHAT COMMAND...: COMMAND must succeed.
try() {
  local what=$1
  shift
  "$@" >"$log" 2>&1 || {
    printf 'FAIL  %s: exit status %s of: %s\n' "$what" $? "$*"
    tail -n 30 "$log"
    exit 1
  }
  printf 'ok    %s\n' "$what"
}
# says TEXT COMMAND...: its output must have TEXT.
says() {
  local text=$1
  shift
  "$@" >"$log" 2>&1 && grep -qF -- "$text" "$log"
}
# all_there FILE...: each must be a file.
all_there() {
  local file
  for file; do [[ -s $file ]] || { echo "there is no $file"; return 1; }; done
}

# at_work WHERE FOLDER: each program does what it is for, and its results lie in FOLDER. What GStreamer knows of its plugins is found out anew.
at_work() {
  local where=$1 results=$2
  mkdir "$results"
  local -x GST_REGISTRY=$results/registry.bin
  try "${where}the element explains a video" gst-launch-1.0 videotestsrc num-buffers=3 ! ssdcrp mode=every-frame ! fakesink
  try "${where}the command explains a photo" ssdcrp explain /try/dog.jpg -o "$results/why.png"
  try "${where}the picture is there" all_there "$results/why.png"
  try "${where}an archive is annotated" ssdcrp annotate /try/dog.jpg -o "$results/archive"
  try "${where}its tables are there" all_there "$results/archive/detections/"*.parquet
  try "${where}the monitor takes its configuration" says 'as it should be' ssdcrp-monitor --config /etc/ssdcrp/monitor.toml --check
}

# In the root: the package as its users have it.
installed() {
  try 'apt reads its lists' apt-get -qq -o APT::Update::Error-Mode=any update
  try 'apt installs the package' apt-get -qq -o Dpkg::Use-Pty=0 install --yes /try/package.deb
  try 'the element is there' says 'The ssdcrp authors' gst-inspect-1.0 ssdcrp
  try 'the element names its package and author' eval \
    'gst-inspect-1.0 ssdcrp >/tmp/inspected; grep -E "Binary package +ssdcrp" /tmp/inspected; grep -E "Origin URL +." /tmp/inspected'
  at_work '' /tmp/with
  # Bash's pipes with names need /proc.
  try 'a pipeline records' /usr/share/ssdcrp/pipelines/record.sh --frames 2 /try/vtest.avi /tmp/explained.mp4
  try 'the recording is there' all_there /tmp/explained.mp4
  # It is not on a bare Debian.
  try 'what reads manual pages is there' apt-get -qq -o Dpkg::Use-Pty=0 install --yes man-db
  try 'man finds the pages' man -w ssdcrp ssdcrp-explain ssdcrp-annotate ssdcrp-monitor
  try 'the page names its options' says '--target' man -P cat ssdcrp-explain
  try 'the shells have completions' all_there /usr/share/bash-completion/completions/ssdcrp{,-annotate,-monitor} \
    /usr/share/zsh/vendor-completions/_ssdcrp{,-annotate,-monitor} /usr/share/fish/vendor_completions.d/ssdcrp{,-annotate,-monitor}.fish
  try 'it names the pipelines' says '/usr/share/ssdcrp/pipelines' man -P cat ssdcrp
  try 'the documents are there' all_there /usr/share/doc/ssdcrp/README.md /usr/share/doc/ssdcrp/docs/start/photo.md
  try 'the photos of the pages can be fetched' /usr/share/ssdcrp/setup/media.sh photos
  try 'they are there' all_there ~/.cache/ssdcrp/photos/dog.jpg
  try 'a player is there' gst-play-1.0 --version
  try '/proc can go' umount /proc
  at_work 'without /proc ' /tmp/without
  try 'and explains the same' cmp /tmp/with/why.png /tmp/without/why.png
  try '/proc comes back' mount -t proc none /proc
  try 'apt removes it' apt-get -qq -o Dpkg::Use-Pty=0 remove --yes ssdcrp
  try 'and leaves no program' test ! -e /usr/bin/ssdcrp
}

# inside ROOT LAYER PACKAGE CACHE
inside() {
  local package=$3 cache=$4
  # shellcheck source=packaging/bare-root.sh
  source "$(dirname "$0")/bare-root.sh"
  bare_root "$1" "$2"
  mkdir "$root/try"
  cp "$package" "$root/try/package.deb"
  cp "$cache/photos/dog.jpg" "$cache/footage/vtest.avi" "$0" "$root/try/"
  enter_bare_root bash /try/try-deb.sh --installed
}

case ${1:-} in
  --installed)
    installed
    exit
    ;;
  --inside)
    shift
    inside "$@"
    ;;
esac

(($#)) || die 'usage: packaging/try-deb.sh PACKAGE.deb [bookworm|trixie...]'
((EUID == 0)) || die "needs root, for another root folder and what is mounted there"
package=$(realpath "$1")
[[ -f $package ]] || die "there is no file $1: make deb"
shift
cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")
for part in footage/vtest.avi photos/dog.jpg; do
  [[ -e $cache/$part ]] || die "there is no $cache/$part: run 'make test' once"
done
here=$(realpath "$0")
(($#)) || set -- bookworm trixie
for suite; do
  [[ $suite == @(bookworm|trixie) ]] || die "is neither bookworm nor trixie"
  root=$cache/bare/$suite
  "$(dirname "$here")/../setup/debian-root.sh" "$suite" "$root"
  say "trying $(basename "$package")"
  layer=$(mktemp -d --tmpdir="$cache")
  trap 'rm -rf -- "$layer"' EXIT
  unshare --mount --pid --fork --kill-child "$here" --inside "$root" "$layer" "$package" "$cache"
  rm -rf -- "$layer"
done
