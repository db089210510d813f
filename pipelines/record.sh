#!/usr/bin/env bash
# Explains every frame of a video file, or what a camera shows, and records the result.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"
# shellcheck source=pipelines/recording.sh
source "$(dirname "$(realpath "$0")")/recording.sh"

usage() {
  cat <<'HELP'
usage: record.sh [--frames N] [--force] [--] IN OUT [TARGET] [PROPERTY=VALUE...]

Every frame of the video IN waits for its own detections and its own explanation. IN is a file, a camera such as
/dev/video0, or an address such as rtsp://…; frames of a camera are left out if there is no time for them. OUT is H.264
without sound in MP4, QuickTime, Matroska or MPEG-TS, or VP8 in WebM; the ending of its name decides (.mp4, .m4v, .mov,
.mkv, .ts, .webm). If a recording of a camera fails, .mkv, .ts and .webm keep what was recorded until then.
  TARGET          what to explain: auto (default), class:NAME, offset:cx+ and the like. The best detection is explained,
                  whatever its class; to explain cars only, add select=label select-label=car
  PROPERTY=VALUE  any property of the element, e.g. contrast=runner-up (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
  --force         replace OUT if there is such a file
OUT is written when it is complete. Ctrl-C ends the recording early and keeps it; a second Ctrl-C discards it.
HELP
}

parse_arguments 2 "$@"
[[ -n ${arguments[1]:-} ]] || die "needs the video to read and the file to write; see --help"
find_source "${arguments[0]}"
prepare_recording "${arguments[@]}"

status=0
launch --force-position --eos-on-shutdown \
  "${source[@]}" ! "${limit[@]}" "${waiting[@]}" ssdcrp mode=every-frame "${properties[@]}" ! "${recorder[@]}" ||
  status=$?
finish_recording "$status"
