#!/usr/bin/env bash
# Provides an ONNX Runtime that has the execution provider `openvino` besides `cpu`, and prints its library's absolute path on standard output.
# Usage: setup/onnxruntime-openvino.sh
# It is what the wheel onnxruntime-openvino on PyPI has (84 MB, 152 MB of libraries), kept in the cache folder (SSDCRP_CACHE, by default ~/.cache/ssdcrp).
set -euo pipefail

version=1.24.1
# The libraries do not depend on Python's version: any one wheel will do. There is none for another kind of processor.
sha256=d617fac2f59a6ab5ea59a788c3e1592240a129642519aaeaa774761dfe35150e

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")
folder=$cache/onnxruntime-openvino-$version
library=$folder/libonnxruntime.so.$version

say() { printf 'ONNX Runtime with OpenVINO: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

(($# == 0)) || die "unknown argument '$1'; usage: setup/onnxruntime-openvino.sh"
if [[ ! -f $library ]]; then
  [[ $(uname -m) == x86_64 ]] || die "there is no wheel for $(uname -m)"
  mkdir -p "$cache"
  # Within the cache, so that the last step is a rename on one file system.
  work=$(mktemp -d --tmpdir="$cache")
  trap 'rm -rf -- "$work"' EXIT

  say "fetching $version from PyPI, 84 MB"
  "$here/wheel.sh" "onnxruntime-openvino==$version" "$sha256" manylinux_2_28_x86_64 "$work/wheel" ||
    die "$version was not installed (above)"
  mkdir "$work/libraries"
  mv "$work/wheel/onnxruntime/LICENSE" "$work/wheel/onnxruntime/ThirdPartyNotices.txt" "$work/libraries/"
  # They find each other in one folder, by the names with the short version; the wheel has most of them twice or three times.
  (
    cd "$work/wheel/onnxruntime/capi"
    mv libonnxruntime.so."$version" libonnxruntime_providers_*.so libopenvino{,_onnx_frontend}.so.???? \
      libopenvino_*_plugin.so libtbb.so.12 "$work/libraries/"
  )
  rm -rf "$folder"
  mv "$work/libraries" "$folder"
fi
printf '%s\n' "$library"
