#!/usr/bin/env bash
# Explains every frame of a video file and writes the result as an MP4 that any player shows.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"

if [[ ${1:-} == --help ]]; then
  cat <<'HELP'
usage: record.sh [--frames N] IN OUT [TARGET] [PROPERTY=VALUE...]

Every frame of the video IN waits for its own detections and its own explanation; OUT is H.264 in MP4 without sound.
  TARGET          what to explain: auto (default), class:NAME, offset:cx+ and the like
  PROPERTY=VALUE  any property of the element, e.g. contrast=runner-up (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
OUT appears when it is complete; Ctrl-C ends the recording early and keeps what there is.
HELP
  exit 0
fi

parse_arguments 2 "$@"
((${#arguments[@]} == 2)) || die "needs the video to read and the MP4 to write; see --help"
in=${arguments[0]} out=${arguments[1]}
[[ -f $in ]] || die "there is no file '$in'"
[[ -d $(dirname "$out") ]] || die "there is no folder '$(dirname "$out")' to write to"
require decodebin x264enc mp4mux

# Beside OUT, so that the finished file is renamed and never copied.
part=$(dirname "$out")/.$(basename "$out").$$.part
trap 'rm -f -- "$part" "$part.mdat"' EXIT
# gst-launch-1.0 answers Ctrl-C by closing the file; this script then goes on and keeps it.
trap : INT

quiet=()
[[ -t 1 ]] || quiet=(--quiet)

# I420, because RGB left alone would become 4:4:4, which few players show; even sizes, because 4:2:0 has no others.
# Constant quality without a limit on the bit rate: under a limit x264's threads make each recording a little different.
gst-launch-1.0 "${quiet[@]}" --eos-on-shutdown \
  filesrc location="$in" ! decodebin ! videoconvert ! "${limit[@]}" \
  queue ! ssdcrp mode=every-frame "${properties[@]}" ! \
  queue ! videoconvert ! videoscale ! 'video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2]' ! \
  x264enc speed-preset=veryfast pass=qual quantizer=20 vbv-buf-capacity=0 ! \
  mp4mux faststart=true faststart-file="$part.mdat" ! filesink location="$part" ||
  die "GStreamer failed, see above; '$out' was not written"

mv -f -- "$part" "$out"
