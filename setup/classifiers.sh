#!/usr/bin/env bash
# Puts ONNX's own test models of nine classifiers into the cache folder, out of the wheel `onnx` on PyPI (Apache-2.0, 20 MB).
# Usage: setup/classifiers.sh        CACHE/classifiers/light_*.onnx and what they give, light_*_output_0.pb
# CACHE is SSDCRP_CACHE, by default ~/.cache/ssdcrp.
set -euo pipefail

version=1.23.2
# The files do not depend on the machine: any one wheel will do.
sha256=7abf381d278f31ac62487fddedc9dd42da842dce94d5d43536836ee3efdf4a2b
names=(bvlc_alexnet densenet121 inception_v1 inception_v2 resnet50 shufflenet squeezenet vgg19 zfnet512)

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
target=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")/classifiers

say() { printf 'classifiers: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

(($# == 0)) || die "unknown argument '$1'; usage: setup/classifiers.sh"
absent=()
for name in "${names[@]}"; do
  for file in "light_$name.onnx" "light_${name}_output_0.pb"; do
    [[ -f $target/$file ]] || absent+=("$file")
  done
done
((${#absent[@]})) || exit 0

mkdir -p "$target"
work=$(mktemp -d --tmpdir="$target")
trap 'rm -rf -- "$work"' EXIT

say "fetching onnx $version from PyPI"
"$here/wheel.sh" "onnx==$version" "$sha256" manylinux_2_28_x86_64 "$work/wheel" || die "onnx $version was not installed (above)"
cd "$work/wheel/onnx/backend/test/data/light"
mv -f "${absent[@]}" "$target/"
