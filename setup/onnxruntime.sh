#!/usr/bin/env bash
# Provides ONNX Runtime's shared library and prints its absolute path on standard output.
# Usage: setup/onnxruntime.sh [--where]     --where: only print the path it has or will have
# In this order: the file that ORT_DYLIB_PATH names; a library of the system that is new enough; the one inside the
# wheel on PyPI, kept in the cache folder (SSDCRP_CACHE, by default ~/.cache/ssdcrp).
set -euo pipefail

version=1.32.0
oldest_minor=22 # the API level the engine is compiled for: the feature `api-22` of the crate ort
# The library inside does not depend on Python's version: any one wheel of an architecture will do.
declare -A sha256=(
  [x86_64]=99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8
  [aarch64]=e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054
)
declare -A ldconfig_name=([x86_64]=x86-64 [aarch64]=AArch64)

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
machine=$(uname -m)
cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")/onnxruntime

say() { printf 'ONNX Runtime: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# Prints the system's library if its minor version is high enough; the version stands in the real file's name only.
system_library() {
  local path
  while read -r path; do
    path=$(realpath "$path")
    if [[ $path =~ libonnxruntime\.so\.1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= oldest_minor)); then
      printf '%s\n' "$path"
      return
    fi
  done < <(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null |
    awk -v machine="${ldconfig_name[$machine]:-none}" '/libonnxruntime\.so/ && index($0, machine) { print $NF }')
}

where() {
  if [[ -n ${ORT_DYLIB_PATH:-} ]]; then
    realpath -ms "$ORT_DYLIB_PATH"
    return
  fi
  local found
  found=$(system_library)
  printf '%s\n' "${found:-$cache/libonnxruntime.so.$version}"
}

download() {
  local work
  [[ -n ${sha256[$machine]:-} ]] ||
    die "no wheel for $machine is known here; build ONNX Runtime 1.$oldest_minor or newer and set ORT_DYLIB_PATH to it"
  mkdir -p "$cache"
  work=$(mktemp -d --tmpdir="$cache")
  # Expanded now: the variable is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf -- '$work'" EXIT

  say "fetching $version from PyPI for $machine"
  "$here/wheel.sh" "onnxruntime==$version" "${sha256[$machine]}" "manylinux_2_28_$machine" "$work/wheel" ||
    die "$version was not installed (above); without a network set ORT_DYLIB_PATH to a library you have"
  # What `make install` puts beside a copy of the library.
  mv -f "$work/wheel/onnxruntime/LICENSE" "$work/wheel/onnxruntime/ThirdPartyNotices.txt" "$cache/"
  # A rename on one file system: whoever looks sees no library or a whole one.
  mv -f "$work/wheel/onnxruntime/capi/libonnxruntime.so.$version" "$cache/"
}

path=$(where)
if [[ ${1:-} == --where ]]; then
  printf '%s\n' "$path"
  exit 0
fi
(($# == 0)) || die "unknown argument '$1'; usage: setup/onnxruntime.sh [--where]"

if [[ ! -f $path || ($path == "$cache"/* && ! -f $cache/ThirdPartyNotices.txt) ]]; then
  [[ -z ${ORT_DYLIB_PATH:-} ]] || die "ORT_DYLIB_PATH is '$ORT_DYLIB_PATH', which is no file; correct it or unset it"
  download
fi
# A name without the version, for who looks for the library in the cache without this script.
if [[ $path == "$cache"/* ]]; then
  ln -sfn "$(basename "$path")" "$cache/libonnxruntime.so"
fi
printf '%s\n' "$path"
