#!/usr/bin/env bash
# Builds the plugin in a Debian 13 (GStreamer 1.26) with that version's analytics metas, runs their tests, those of detections of other elements, and tests/pipelines.sh there. Usage: tests/debian13.sh [--package FOLDER]    as root
# In: debootstrap, a mirror of Debian, this machine's Rust and the crates that cargo has fetched, and of the cache footage, photos and ONNX Runtime.
# Out: a root of 1.5 GB in CACHE/debian13, made once, with what was built in it; the lines of tests/pipelines.sh, or with --package that Debian's package in FOLDER. Nothing stays mounted.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")
root=$cache/debian13
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

say() { printf 'debian 13: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
((EUID == 0)) || die "needs root, for another root folder and what is mounted there"

# In the root: the tests.
tried() {
  setup/system-packages.sh
  # bad has the metas, and the element that draws them.
  setup/system-packages.sh xvfb xdotool python3 libgstreamer-plugins-bad1.0-dev gstreamer1.0-plugins-bad
  gst-inspect-1.0 --version
  export GST_PLUGIN_PATH=/build/debug ORT_DYLIB_PATH=$(setup/onnxruntime.sh --where)
  cargo build --package gst-plugin-ssdcrp --features v1_26 --locked
  cargo test --package gst-plugin-ssdcrp --features v1_26 --locked --test element -- analytics upstream live
  tests/pipelines.sh
}

# In the root: the package.
packed() {
  # There is no make on a bare Debian.
  setup/system-packages.sh
  # A package of another version may lie there.
  rm -f /build/*.deb
  make deb
  cp /build/*+gst1.26_*.deb /packages/
}

# Becomes one of the two, in namespaces of its own, so that what is mounted and started ends with it.
inside() {
  for place in proc sys dev tmp checkout rust cargo cache; do
    mkdir -p "$root/$place"
  done
  mount -t proc none "$root/proc"
  mount -t tmpfs none "$root/tmp"
  mount --rbind /dev "$root/dev"
  bind "$PWD" "$root/checkout"
  bind "$(rustc --print sysroot)" "$root/rust"
  bind "${CARGO_HOME:-$HOME/.cargo}" "$root/cargo"
  for part in footage photos onnxruntime; do
    mkdir -p "$root/cache/$part"
    bind "$cache/$part" "$root/cache/$part"
  done
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  exec chroot "$root" /usr/bin/env -i LC_ALL="$LC_ALL" DEBIAN_FRONTEND="$DEBIAN_FRONTEND" HOME=/root TERM=dumb \
    PATH=/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/cargo CARGO_NET_OFFLINE=true \
    CARGO_TARGET_DIR=/build SSDCRP_CACHE=/cache bash /checkout/tests/debian13.sh "$@"
}
bind() { mount --bind "$1" "$2"; }

case ${1:-} in
  --tried | --packed)
    cd /checkout
    "${1#--}"
    exit
    ;;
  --inside)
    shift
    mkdir -p "$root/packages"
    [[ -z ${2:-} ]] || bind "$2" "$root/packages"
    inside "$1"
    ;;
  --package)
    (($# == 2)) || die 'usage: tests/debian13.sh [--package FOLDER]'
    mkdir -p "$2"
    work=(--packed "$(realpath "$2")")
    ;;
  '') work=(--tried) ;;
  *) die 'usage: tests/debian13.sh [--package FOLDER]' ;;
esac
setup/debian-root.sh trixie "$root"
for part in footage/vtest.avi photos/dog.jpg onnxruntime/libonnxruntime.so; do
  [[ -e $cache/$part ]] || die "there is no $cache/$part: run 'make test' once"
done
cargo fetch --locked --quiet
exec unshare --mount --pid --fork --kill-child tests/debian13.sh --inside "${work[@]}"
