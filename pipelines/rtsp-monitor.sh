#!/usr/bin/env bash
# Watches a network camera without a window: keeps what was found and why, and the last minute of explained pictures.
set -euo pipefail
# shellcheck source=pipelines/element.sh
source "$(dirname "$(realpath "$0")")/element.sh"

usage() {
  cat <<'HELP'
usage: rtsp-monitor.sh [--frames N] [--] SOURCE FOLDER [TARGET] [PROPERTY=VALUE...]

FOLDER, which is made if it is missing, gets a file results-TIME.jsonl for each connection, with a line of JSON for every
result, and picture-NUMBER.jpg, one a second. At most 120 pictures are kept: the last 60 of this connection, and the last 60
from before it. If the camera cannot be reached or closes the connection, the script tries again every five seconds.
  SOURCE          a network camera (rtsp://…), a camera, a video file, or `test` for a test picture
  TARGET          what to explain: auto (default), class:NAME, offset:cx+ and the like. The best detection is explained,
                  whatever its class; to explain cars only, add select=label select-label=car
  PROPERTY=VALUE  any property of the element, e.g. expected-classes=person,car (gst-inspect-1.0 ssdcrp lists them)
  --frames N      end after N frames
Ctrl-C ends it.
HELP
}

parse_arguments 2 "$@"
[[ -n ${arguments[1]:-} ]] || die "needs the camera to watch and the folder to write to; see --help"
from=${arguments[0]} folder=$(realpath -m -- "${arguments[1]}")
find_source "$from"
mkdir -p -- "$folder" || die "cannot make the folder '$folder'"
require decodebin jpegenc multifilesink videorate

# next_number: the number after that of the newest picture. multifilesink counts from a number that it is told and forgets what it
# wrote before, so the pictures of earlier connections go here, but for the last 60.
next_number() {
  local numbers
  mapfile -t numbers < <(find "$folder" -maxdepth 1 -name 'picture-*.jpg' -printf '%f\n' |
    sed -n 's/^picture-\([0-9]\{6,\}\)\.jpg$/\1/p' | sort -n)
  if ((${#numbers[@]} == 0)); then
    echo 0
    return
  fi
  echo $((10#${numbers[-1]} + 1))
  ((${#numbers[@]} <= 60)) || (cd -- "$folder" && printf 'picture-%s.jpg\0' "${numbers[@]:0:${#numbers[@]}-60}" | xargs -0 rm -f --)
}

watch() {
  results=$folder/results-$(date +%Y%m%dT%H%M%S).jsonl
  launch --no-position "${source[@]}" ! "${limit[@]}" "${pace[@]}" \
    queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! \
    ssdcrp mode=live results-location="$(escaped "$results")" "${properties[@]}" ! \
    videorate drop-only=true ! video/x-raw,framerate=1/1 ! videoconvert ! jpegenc ! \
    multifilesink index="$(next_number)" location="$(escaped "${folder//%/%%}/picture-%06d.jpg")" max-files=60
}

# A mistake in the arguments would otherwise look like a camera that is gone.
launch --no-position videotestsrc num-buffers=1 ! ssdcrp "${properties[@]}" ! fakesink ||
  die "the element does not start, see above"
found="cannot be reached"
# A network camera has no end: where its stream ends, it has closed the connection, as one does that starts anew.
until watch && [[ $from != rtsp* || ${#limit[@]} -gt 0 ]]; do
  [[ -z $interrupted ]] || break
  [[ $from == *://* ]] || die "GStreamer failed, see above"
  # Without a connection there are no results, and of a camera that is off for a day thousands of empty files would stay.
  if [[ -s $results ]]; then
    found="is gone"
  else
    rm -f -- "$results"
  fi
  printf '%s: the camera %s; asking again in five seconds\n' "$pipeline" "$found" >&2
  trap 'exit 130' INT
  sleep 5
done
