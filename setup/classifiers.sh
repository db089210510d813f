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

python3 -m pip --version >/dev/null 2>&1 || "$here/system-packages.sh" python3 python3-pip
mkdir -p "$target"
work=$(mktemp -d --tmpdir="$target")
trap 'rm -rf -- "$work"' EXIT

say "fetching onnx $version from PyPI"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
  --implementation cp --python-version 312 --abi cp312 --platform manylinux_2_28_x86_64 "onnx==$version" </dev/null >&2 ||
  die "pip could not fetch onnx $version (above)"
wheel=$(printf '%s\n' "$work"/*.whl)
sha256sum --check --status <<<"$sha256  $wheel" ||
  die "$(basename "$wheel") does not have the expected sha256 $sha256; nothing was installed"
python3 -m zipfile -e "$wheel" "$work/wheel"
cd "$work/wheel/onnx/backend/test/data/light"
mv -f "${absent[@]}" "$target/"
