#!/usr/bin/env bash
# Explains every frame of a video file and writes the result as an MP4 that any player shows.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"

usage() {
  cat <<'HELP'
usage: record.sh [--frames N] [--] IN OUT [TARGET] [PROPERTY=VALUE...]

Every frame of the video IN waits for its own detections and its own explanation; OUT is H.264 in MP4 without sound.
  TARGET          what to explain: auto (default), class:NAME, offset:cx+ and the like
  PROPERTY=VALUE  any property of the element, e.g. contrast=runner-up (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
OUT appears when it is complete; Ctrl-C ends the recording early and keeps what there is, a second one abandons it.
HELP
}

parse_arguments 2 "$@"
[[ -n ${arguments[1]:-} ]] || die "needs the video to read and the MP4 to write; see --help"
prepare_recording "${arguments[@]}"
find_source "${arguments[0]}"

status=0
launch --force-position --eos-on-shutdown \
  "${source[@]}" ! "${limit[@]}" queue ! ssdcrp mode=every-frame "${properties[@]}" ! "${recorder[@]}" ||
  status=$?
finish_recording "$status"
