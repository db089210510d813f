#!/usr/bin/env bash
# Explains a camera live in a window; a network camera, a video file or a test picture can stand in for it.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"

usage() {
  cat <<'HELP'
usage: live.sh [--frames N] [--] [SOURCE [TARGET] [PROPERTY=VALUE...]]

The video never waits for the network: detections and heatmap follow as fast as they are ready.
  SOURCE          a camera (default /dev/video0), a network camera (rtsp://…), a video file, or `test` for a test picture
  TARGET          what to explain: auto (default), class:NAME, offset:cx+ and the like. The best detection is explained,
                  whatever its class; to explain cars only, add select=label select-label=car
  PROPERTY=VALUE  any property of the element, e.g. contrast=runner-up (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
Ctrl-C ends it.
The environment variable SSDCRP_SINK names another end of the pipeline than autovideosink, which is a window,
e.g. SSDCRP_SINK='fakesink sync=true'.
HELP
}

parse_arguments 1 "$@"
from=${arguments[0]:-/dev/video0}
find_window
find_source "$from"
require decodebin clocksync "${sink[0]}"

# The leaky queue drops old frames rather than let the delay grow when the machine is too slow even to draw.
launch --no-position "${source[@]}" ! "${limit[@]}" "${pace[@]}" \
  queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! \
  ssdcrp mode=live "${properties[@]}" ! videoconvert ! "${sink[@]}" ||
  [[ -n $interrupted ]] || die "GStreamer failed, see above"
