#!/usr/bin/env bash
# Installs into a home, where the system's folders cannot be written, and tries what is there: packaging/try-home.sh PHOTO    as root
# In: a photo. Builds for release first, if that is not done. Out: a line for each check, and what was said at the first that fails.
set -euo pipefail
(($# == 1)) || { echo 'usage: packaging/try-home.sh PHOTO' >&2; exit 2; }
photo=$(realpath "$1")

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
prefix=$scratch/home/.local

try() {
  local what=$1
  shift
  "$@" >"$scratch/log" 2>&1 || {
    printf 'FAIL  home: %s: exit status %s of: %s\n' "$what" $? "$*"
    tail -n 30 "$scratch/log"
    exit 1
  }
  printf 'ok    home: %s\n' "$what"
}

# Without root nothing of these could be written. A name space of mounts shows them so to root, too.
read_only='for folder in /etc /usr /opt /var; do mount --bind "$folder" "$folder"; mount -o remount,bind,ro "$folder"; done; exec "$@"'
try 'make install' unshare --mount bash -euc "$read_only" bash make --no-print-directory install PREFIX="$prefix"
cp "$scratch/log" "$scratch/said"
try 'it says what to export' grep -F "export GST_PLUGIN_PATH=$prefix/lib/gstreamer-1.0" "$scratch/said"

export GST_PLUGIN_PATH=$prefix/lib/gstreamer-1.0 GST_REGISTRY=$scratch/registry.bin PATH=$prefix/bin:$PATH
# What was installed finds its ONNX Runtime without the cache.
export SSDCRP_CACHE=$scratch/none
try 'the element explains a video' gst-launch-1.0 videotestsrc num-buffers=3 ! ssdcrp mode=every-frame ! fakesink
try 'the command explains a photo' ssdcrp explain "$photo" -o "$scratch/why.png"
try 'the picture is there' test -s "$scratch/why.png"
try 'the monitor takes its configuration' ssdcrp-monitor --config "$prefix/etc/ssdcrp/monitor.toml" --check
