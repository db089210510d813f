#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while, on copies of the committed corpora: fuzz/run.sh [SECONDS [TARGET…]]. What breaks a reader is kept in target/fuzz/found.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-85}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(model manifest fit grammar annotations events picture)

# libFuzzer's coverage, which the stable compiler makes too; a target of its own keeps build scripts free of it.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target/fuzz}
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS=$(tr -s ' \n' ' ' <<<"$RUSTFLAGS")
cargo build --release --locked --target "$host" "${targets[@]/#/--bin=}"

found=$CARGO_TARGET_DIR/found
broken=()
for target in "${targets[@]}"; do
    grown=$CARGO_TARGET_DIR/corpus/$target
    mkdir -p "$grown" "$found"
    options=()
    # Whole detectors and their manifests, which are in the checkout already.
    case $target in
        model)
            cp ../tests/golden/{yolo,yolov5,anchor_free,joined}/*.onnx "$grown"
            # How often each of so many edges is passed takes longer to count than a model to read, as does the search for smaller inputs.
            options=(-use_counters=0 -reduce_inputs=0)
            ;;
        manifest | fit) cp ../tests/golden/*/*.toml ../models/*.toml "$grown" ;;
    esac
    dictionary=()
    words=dictionaries/${target/fit/manifest}
    [ ! -f "$words" ] || dictionary=("-dict=$words")
    echo "== $target"
    status=0
    # Memory in MB, time of one input in seconds: what a reader may take is in docs/robustness.md.
    "$CARGO_TARGET_DIR/$host/release/$target" "$grown" "corpus/$target" -max_total_time="$seconds" -rss_limit_mb=2048 \
        -timeout=10 -max_len=65536 -print_final_stats=1 -artifact_prefix="$found/$target-" "${options[@]}" "${dictionary[@]}" 2>&1 |
        grep -E 'INITED|DONE|stat::(number_of_executed|average_exec|peak_rss)|ERROR|panicked|Test unit written|cov:.*pulse' ||
        status=$?
    ((status == 0)) || broken+=("$target")
done
if [ ${#broken[@]} -gt 0 ]; then
    echo "ended by an error: ${broken[*]}; what did it is in $found" >&2
    exit 1
fi
