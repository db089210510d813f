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
in=${arguments[0]} out=${arguments[1]}
[[ -f $in ]] || die "there is no file '$in'"
[[ $out != */ && ! -d $out ]] || die "'$out' is a folder, not a file to write"
[[ ! -e $out || -f $out ]] || die "'$out' is no ordinary file and cannot be replaced by a recording"
[[ ! $in -ef $out ]] || die "'$in' and '$out' are the same file; write the recording to another"
# Where a link leads to, so that the link stays one.
in=$(realpath -- "$in") out=$(realpath -m -- "$out")
folder=$(dirname -- "$out")
[[ -d $folder ]] || die "there is no folder '$folder' to write to"

trap 'die "nothing was recorded; '\''$out'\'' was not written"' INT
require decodebin x264enc mp4mux

# Beside OUT, so that the finished file is renamed and never copied.
part=$folder/.record.$$.part
temporary=("$part" "$part.mdat")
{ : >"$part"; } 2>/dev/null || die "cannot write to the folder '$folder'"

# I420, because RGB left alone would become 4:4:4, which few players show; even sizes, because 4:2:0 has no others.
# Constant quality without a limit on the bit rate: under a limit x264's threads make each recording a little different.
status=0
launch --force-position --eos-on-shutdown \
  filesrc location="$(escaped "$in")" ! decodebin ! videoconvert ! "${limit[@]}" \
  queue ! ssdcrp mode=every-frame "${properties[@]}" ! \
  queue ! videoconvert ! videoscale ! 'video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2]' ! \
  x264enc speed-preset=veryfast pass=qual quantizer=20 vbv-buf-capacity=0 ! \
  mp4mux faststart=true faststart-file="$(escaped "$part.mdat")" ! filesink location="$(escaped "$part")" ||
  status=$?

((status == 0)) || [[ -n $interrupted ]] || die "GStreamer failed, see above; '$out' was not written"
# An MP4 without a frame ends with the header of a box `mdat` that holds nothing.
if ((status)) || [[ ! -s $part ]] || tail -c 4 -- "$part" | LC_ALL=C grep -qax mdat; then
  die "nothing was recorded; '$out' was not written"
fi
mv -f -- "$part" "$out"
