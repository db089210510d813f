#!/usr/bin/env bash
# Puts two explanations of a video beside the original, in one recording.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"
# shellcheck source=pipelines/recording.sh
source "$(dirname "$(realpath "$0")")/recording.sh"

usage() {
  cat <<'HELP'
usage: compare.sh [--frames N] [--force] [--] IN OUT TARGET TARGET [PROPERTY=VALUE...]

OUT has three panels: the video IN, IN explained for the first TARGET, and IN explained for the second one. The endings that
its name can have are those of record.sh.
  TARGET          what to explain, e.g. class:dog class:sheep, or offset:w+ offset:w-. The best detection is explained,
                  whatever its class; to explain cars only, add select=label select-label=car
  PROPERTY=VALUE  any property of the element, for both, e.g. contrast=none (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
  --force         replace OUT if there is such a file
OUT is written when it is complete. Ctrl-C ends the recording early and keeps it; a second Ctrl-C discards it.
HELP
}

# shellcheck disable=SC2034
own_targets=yes
parse_arguments 4 "$@"
[[ -n ${arguments[3]:-} ]] || die "needs the video to read, the file to write and two targets; see --help"
find_source "${arguments[0]}"
prepare_recording "${arguments[@]:0:2}"
require compositor

explained() {
  printf '%s\0' t. ! queue ! ssdcrp mode=every-frame target="$(escaped "$1")" "${properties[@]}" ! queue ! beside.
}
mapfile -d '' -t first < <(explained "${arguments[2]}")
mapfile -d '' -t second < <(explained "${arguments[3]}")

# Each panel is 640 pixels wide, and drawn on at that size.
status=0
launch --force-position --eos-on-shutdown \
  compositor name=beside sink_1::xpos=640 sink_2::xpos=1280 ! "${recorder[@]}" \
  "${source[@]}" ! "${limit[@]}" "${waiting[@]}" videoscale ! 'video/x-raw,width=640,pixel-aspect-ratio=1/1' ! tee name=t \
  t. ! queue ! beside. "${first[@]}" "${second[@]}" ||
  status=$?
finish_recording "$status"
