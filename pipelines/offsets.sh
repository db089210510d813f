#!/usr/bin/env bash
# Explains what places and what sizes the best detection's box, in one recording of four panels.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"
# shellcheck source=pipelines/recording.sh
source "$(dirname "$(realpath "$0")")/recording.sh"

usage() {
  cat <<'HELP'
usage: offsets.sh [--frames N] [--force] [--] IN OUT [PROPERTY=VALUE...]

OUT has four panels, in which the box of the best detection in IN is explained: its centre x, centre y, width and height. The
endings that its name can have are those of record.sh.
  PROPERTY=VALUE  any property of the element, for all four, e.g. colour-map=orange-blue (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
  --force         replace OUT if there is such a file
OUT is written when it is complete. Ctrl-C ends the recording early and keeps it; a second Ctrl-C discards it.
HELP
}

# shellcheck disable=SC2034
own_targets=yes
parse_arguments 2 "$@"
[[ -n ${arguments[1]:-} ]] || die "needs the video to read and the file to write; see --help"
find_source "${arguments[0]}"
prepare_recording "${arguments[@]}"
require compositor

# Panels of 640x480, in which a video of another shape keeps its own.
panels=(compositor name=panels background=black)
branches=() panel=0
for offset in cx cy w h; do
  panels+=(
    "sink_$panel::xpos=$((panel % 2 * 640))" "sink_$panel::ypos=$((panel / 2 * 480))"
    "sink_$panel::width=640" "sink_$panel::height=480" "sink_$panel::sizing-policy=keep-aspect-ratio"
  )
  branches+=(t. ! queue ! ssdcrp mode=every-frame "target=offset:$offset" "${properties[@]}" ! queue ! panels.)
  panel=$((panel + 1))
done

status=0
launch --force-position --eos-on-shutdown \
  "${panels[@]}" ! "${recorder[@]}" \
  "${source[@]}" ! "${limit[@]}" "${waiting[@]}" videoscale ! 'video/x-raw,width=640,pixel-aspect-ratio=1/1' ! tee name=t \
  "${branches[@]}" ||
  status=$?
finish_recording "$status"
