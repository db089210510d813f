#!/usr/bin/env bash
# Explains a camera live in a window; a video file or a test picture can stand in for the camera.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"

usage() {
  cat <<'HELP'
usage: live.sh [--frames N] [--] [SOURCE [TARGET] [PROPERTY=VALUE...]]

The video never waits for the network: detections and heatmap follow as fast as they are ready.
  SOURCE          a camera (default /dev/video0), a video file, or `test` for a test picture
  TARGET          what to explain: auto (default), class:NAME, offset:cx+ and the like
  PROPERTY=VALUE  any property of the element, e.g. contrast=runner-up (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
Ctrl-C ends it.
SSDCRP_SINK is the end of the pipeline, by default autovideosink, a window; e.g. SSDCRP_SINK='fakesink sync=true'.
HELP
}

parse_arguments 1 "$@"
from=${arguments[0]:-/dev/video0}
[[ -n ${SSDCRP_SINK:-}${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] ||
  die "no display for a window here; name another end of the pipeline: SSDCRP_SINK='fakesink sync=true'"
read -ra sink <<<"${SSDCRP_SINK:-autovideosink}"
require decodebin clocksync "${sink[0]}"

# What is no camera is paced by the clock, 50 ms early: time to draw before the picture is due in the window.
pace=(clocksync ts-offset=-50000000 !)
case $from in
  test) input=(videotestsrc ! 'video/x-raw,width=768,height=576,framerate=25/1') ;;
  /dev/*)
    [[ -c $from ]] || die "there is no camera '$from'; a video file or the word test will do as well"
    input=(v4l2src device="$(escaped "$from")" ! decodebin)
    pace=()
    ;;
  *)
    [[ -f $from ]] || die "there is no file '$from'; a camera is a /dev/videoN"
    input=(filesrc location="$(escaped "$(realpath "$from")")" ! decodebin)
    ;;
esac

# The leaky queue drops old frames rather than let the delay grow when the machine is too slow even to draw.
launch --no-position "${input[@]}" ! videoconvert ! "${limit[@]}" "${pace[@]}" \
  queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! \
  ssdcrp mode=live "${properties[@]}" ! videoconvert ! "${sink[@]}" ||
  [[ -n $interrupted ]] || die "GStreamer failed, see above"
