#!/usr/bin/env bash
# Shows a camera like a mirror, and explains whatever is clicked in the window.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"

usage() {
  cat <<'HELP'
usage: webcam-click.sh [--frames N] [--] [SOURCE [PROPERTY=VALUE...]]

Click a box in the window to explain that object. The explanation follows the object while it moves. A second click on the
object, or Escape, ends this. Click with Shift or Control held to ask why nothing is found at a place.
The key t changes what is explained (class, offsets, edges), n goes on to the next offset or edge, c to the next contrast.
  SOURCE          a camera (default /dev/video0), a network camera (rtsp://…), a video file, or `test` for a test picture
  PROPERTY=VALUE  any property of the element, e.g. contrast=runner-up (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
Ctrl-C ends it.
The environment variable SSDCRP_SINK names another end of the pipeline than autovideosink, which is a window.
HELP
}

# shellcheck disable=SC2034
own_targets=yes
parse_arguments 1 "$@"
from=${arguments[0]:-/dev/video0}
find_window
find_source "$from"
require decodebin clocksync videoflip "${sink[0]}"

mirror=()
[[ $from != /dev/* ]] || mirror=(videoflip video-direction=horiz !)

# The leaky queue drops old frames rather than let the delay grow. Clicks come back up the pipeline from the window.
launch --no-position "${source[@]}" ! "${mirror[@]}" "${limit[@]}" "${pace[@]}" \
  queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! \
  ssdcrp mode=live "${properties[@]}" ! videoconvert ! "${sink[@]}" ||
  [[ -n $interrupted ]] || die "GStreamer failed, see above"
