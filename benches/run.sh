#!/usr/bin/env bash
# Runs the benches one after the other, and makes one report of what they measured: FOLDER/report.md and FOLDER/report.json.
# Usage: benches/run.sh default|full|memory FOLDER     the environment is that of `make bench`
# default has the rows that something is aimed at and a sample of the rest; full the cross of all settings; memory that of 20 minutes alone. Each bench has a process of its own, so that none is measured with what another one keeps.
# A model that is not in the cache (SSDCRP_CACHE) is left out, and said: `make model-b` and `make model-ssd300` put two there, `make own-models ROWS='yolo-fastest-1.1 yolov8n'` two more, setup/onnxruntime-openvino.sh the library with OpenVINO.
set -euo pipefail

say() { printf '\nbench, after %d s: %s\n' "$SECONDS" "$*"; }
die() { printf 'bench: %s\n' "$*" >&2; exit 1; }

(($# == 2)) && [[ $1 == default || $1 == full || $1 == memory ]] || die 'usage: benches/run.sh default|full|memory FOLDER'
extent=$1 folder=$2
: "${SSDCRP_CACHE:?is the folder of what is fetched: make sets it}"
model_b=$SSDCRP_CACHE/models/ssd_mobilenet_v2_oidv4.onnx
ssd300=$SSDCRP_CACHE/models/ssd300_vgg16_voc.onnx
yolos=("$SSDCRP_CACHE"/own-models/files/{yolo-fastest-1.1,yolov8n}.onnx)
openvino=("$SSDCRP_CACHE"/onnxruntime-openvino-*/libonnxruntime.so.*)

mkdir -p "$folder"
# Cargo runs benches in their packages' folders.
folder=$(realpath "$folder")
export BENCH_OUT=$folder/records.jsonl
rm -f -- "$BENCH_OUT" "$folder"/report.{md,json}

# What fails is told at the end: the others' measurements are worth having.
failed=()
measure() { "$@" || failed+=("${*: -1}"); }
engine() { measure cargo bench --quiet --locked --package ssdcrp --bench "$1"; }
element() { measure cargo bench --quiet --locked --package gst-plugin-ssdcrp --bench "$1"; }

# explanations ROWS ROUNDS [VARIABLE=VALUE...]
explanations() {
  say "explanations, rows: $1, ${*:3}"
  measure env BENCH_ROWS="$1" ROUNDS="$2" "${@:3}" cargo bench --quiet --locked --package ssdcrp --bench explanation
}

# with FILE COMMAND...: runs it if there is the file.
with() {
  if [[ -f $1 ]]; then
    "${@:2}"
  else
    say "left out: there is no $1"
  fi
}

all_explanations() {
  if [[ $extent == default ]]; then
    explanations some 15 THREADS=1
    explanations some 15 THREADS=2
    with "$model_b" explanations few 15 THREADS=1 BENCH_MODEL="$model_b"
    with "$model_b" explanations few 15 THREADS=2 BENCH_MODEL="$model_b"
    with "$ssd300" explanations few 5 THREADS=1 BENCH_MODEL="$ssd300"
    for yolo in "${yolos[@]}"; do
      with "$yolo" explanations few 15 THREADS=1 BENCH_MODEL="$yolo"
    done
  else
    for threads in 1 2; do
      explanations all 9 THREADS="$threads"
      with "$model_b" explanations all 9 THREADS="$threads" BENCH_MODEL="$model_b"
      with "$ssd300" explanations all 2 THREADS="$threads" BENCH_MODEL="$ssd300"
      for yolo in "${yolos[@]}"; do
        with "$yolo" explanations all 9 THREADS="$threads" BENCH_MODEL="$yolo"
      done
    done
  fi
  with "${openvino[0]}" explanations few 9 THREADS=1 PROVIDER=openvino ORT_DYLIB_PATH="${openvino[0]}"
}

# All is built before the clock starts.
for package in ssdcrp gst-plugin-ssdcrp; do
  cargo bench --quiet --locked --package "$package" --no-run
done
cargo build --quiet --locked --release --package bench-report
SECONDS=0

if [[ $extent == memory ]]; then
  export MINUTES=1,5,20
else
  [[ $extent == default ]] || export DURATION=10
  all_explanations
  say 'live and recording'
  element live
  say 'the streaming thread'
  element streaming_thread
  say 'stop and flush'
  element stop_and_flush
  say 'start'
  engine start
  say 'growth'
  engine growth
  element growth
fi
say 'memory'
element memory

minutes=$((SECONDS / 60)).$((SECONDS % 60 * 10 / 60))
cargo run --quiet --locked --release --package bench-report -- gather "$BENCH_OUT" "$folder" "$minutes"
say "the report is $folder/report.md, after $minutes minutes"
((${#failed[@]} == 0)) || die "the report is incomplete, for these failed (above): ${failed[*]}"
