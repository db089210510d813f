#!/usr/bin/env bash
# Runs every script of pipelines/ in a real gst-launch-1.0, on a few frames of real footage, and looks at the result.
# Usage: tests/pipelines.sh    GST_PLUGIN_PATH names the folder of the plugin to test; `make test` sets it.
# In: the footage in the cache folder, tests/rtsp_server.py, Xvfb and xdotool. Out: a line per check and their number; it ends with 1 at the first that fails.
set -euo pipefail
: "${GST_PLUGIN_PATH:?must name the folder of the plugin, e.g. target/debug}"
cd "$(dirname "$(realpath "$0")")/.."

footage=${SSDCRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssdcrp}/footage/vtest.avi
frame_bytes=$((768 * 576 * 3 / 2)) # a picture of the footage in 4:2:0, so that another format has another size

work=$(mktemp -d)
camera='' screen=''
cleanup() {
  [[ -z $camera ]] || kill "$camera" 2>/dev/null || true
  [[ -z $screen ]] || kill "$screen" 2>/dev/null || true
  rm -rf -- "$work"
}
trap cleanup EXIT
log=$work/log
out=$work/out
mkdir "$out"

passed=0
ok() {
  printf 'ok    %s\n' "$*"
  passed=$((passed + 1))
}
fail() {
  printf 'FAIL  %s\n' "$*" >&2
  [[ ! -s $log ]] || sed 's/^/      | /' "$log" >&2
  exit 1
}

succeeds() { "$@" >"$log" 2>&1 || fail "exit status $? of: $*"; }
# refused TEXT COMMAND...: COMMAND must fail and its output name TEXT.
refused() {
  local text=$1
  shift
  ! "$@" >"$log" 2>&1 || fail "no error from: $*"
  grep -qF -- "$text" "$log" || fail "the error does not name '$text': $*"
}

# tidy COUNT: the output of the last command is no longer than COUNT lines.
tidy() { (($(wc -l <"$log") <= $1)) || fail "more than $1 lines"; }

# until_true SECONDS COMMAND...: waits for COMMAND to succeed.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}
# ended PID: also a process that only waits for its parent to take note of its end.
ended() { ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; }

# decode FILE: its pictures, one after the other, to $work/raw.
decode() {
  gst-launch-1.0 --quiet filesrc location="$1" ! decodebin ! filesink location="$work/raw" >"$log" 2>&1 ||
    fail "cannot decode $1"
}
# frames FILE [BYTES]: how many pictures it decodes to, of BYTES each.
frames() {
  decode "$1"
  local bytes each=${2:-$frame_bytes}
  bytes=$(stat --format=%s "$work/raw")
  ((bytes % each == 0)) || fail "$1 has pictures of another size than $each bytes"
  printf '%s\n' $((bytes / each))
}
# pixels FILE: a checksum of all its pictures; the file itself also holds the time of day.
pixels() {
  decode "$1"
  sha256sum <"$work/raw"
}
offset_of() { grep --byte-offset --only-matching --text --max-count=1 "$1" "$2" | head -n 1 | cut -d : -f 1; }

# A registry of its own, for other programs may look for plugins elsewhere meanwhile. What is told once of files that are no plugins is told now.
export GST_REGISTRY=$work/registry
gst-inspect-1.0 ssdcrp >"$log" 2>&1 || fail "GStreamer does not find the element"
[[ -f $footage ]] || fail "no footage at $footage: run 'make test', or setup/media.sh footage"

for script in pipelines/*.sh; do
  [[ $script != */element.sh && $script != */recording.sh ]] || continue
  for option in --help -h; do
    succeeds "$script" "$option"
    grep -q '^usage: ' "$log" || fail "$script $option shows no usage"
  done
  refused "unknown option '--nonsense'" "$script" --nonsense
  refused "options go in front" "$script" one two three four --frames 3
done
refused "no file '--help'" pipelines/record.sh -- --help two
ok "all pipelines explain themselves and their options"

succeeds pipelines/record.sh --frames 12 "$footage" "$out/first.mp4" class:person
[[ $(frames "$out/first.mp4") == 12 ]] || fail "record: $(frames "$out/first.mp4") frames out of 12"
ok "record: 12 frames in, 12 frames out, 4:2:0"

(($(offset_of moov "$out/first.mp4") < $(offset_of mdat "$out/first.mp4"))) ||
  fail "record: the index is behind the pictures"
ok "record: the index stands in front, a browser can play while it loads"

first=$(pixels "$out/first.mp4")
succeeds pipelines/record.sh --frames 12 "$footage" "$out/again.mp4" class:person
[[ $(pixels "$out/again.mp4") == "$first" ]] || fail "record: two recordings of the same frames differ"
ok "record: the same frames give the same recording"

succeeds pipelines/record.sh --frames 12 "$footage" "$out/plain.mp4" class:person \
  draw-heatmap=false draw-boxes=false draw-labels=false
plain=$(pixels "$out/plain.mp4")
[[ $plain != "$first" ]] || fail "record: nothing was drawn"
succeeds pipelines/record.sh --frames 12 "$footage" "$out/heatmap.mp4" class:person draw-boxes=false draw-labels=false
heatmap=$(pixels "$out/heatmap.mp4")
[[ $heatmap != "$plain" ]] || fail "record: no heatmap was drawn"
succeeds pipelines/record.sh --frames 12 "$footage" "$out/target.mp4" class:car draw-boxes=false draw-labels=false
[[ $(pixels "$out/target.mp4") != "$heatmap" ]] || fail "record: the target makes no difference"
ok "record: heatmap, boxes and target all show in the pictures"

# Ten frames are a second.
succeeds pipelines/record.sh --frames 12 "$footage" "$work/checked.mp4" auto select=all check-explanations=true \
  results-location="$work/checked.jsonl"
(($(grep -c '"effect":.*"checked":' "$work/checked.jsonl") == 2)) || fail "record: not two frames of 12 are checked"
ok "record: one explanation a second says what it is worth"

echo 'no video' >"$work/text.avi"
echo 'kept' >"$out/kept.mp4"
refused "was not written" pipelines/record.sh --force "$work/text.avi" "$out/kept.mp4"
grep -q '^ERROR: there is no video in it .*type of stream' "$log" || fail "record: the cause is not named"
tidy 2
# What other files are is known, but not how to decode them; and there may be sound alone.
printf '!<arch>\ndebian-binary   ' >"$work/package.deb"
refused "there is no video in it that can be decoded; GStreamer has no application/x-ar decoder" \
  pipelines/record.sh "$work/package.deb" "$out/new.mp4"
tidy 2
gst-launch-1.0 --quiet audiotestsrc num-buffers=10 ! wavenc ! filesink location="$work/sound.wav" >"$log" 2>&1 ||
  fail "cannot make sound"
refused "WARNING: there is no video in it that can be decoded" pipelines/record.sh "$work/sound.wav" "$out/new.mp4"
tidy 3
printf 'GIF89a' >"$work/moving.gif"
refused "is a GIF" pipelines/record.sh "$work/moving.gif" "$out/new.mp4"
refused "is a folder; ssdcrp annotate takes folders" pipelines/record.sh "$work" "$out/new.mp4"
for name in .mp4 .WEBM; do
  refused "an ending without a name" pipelines/record.sh "$footage" "$out/$name"
done
refused "was not written" pipelines/record.sh --force --frames 1 "$footage" "$out/kept.mp4" model-file=/nonexistent.onnx
grep -q '^ERROR: .*/nonexistent.onnx' "$log" || fail "record: the cause is not named"
tidy 2
refused "was not written" pipelines/record.sh --force --frames 1 "$footage" "$out/kept.mp4" class:nonsense
[[ $(<"$out/kept.mp4") == kept ]] || fail "record: a failure overwrote the file that was there"
refused "a file '$out/kept.mp4' already" pipelines/record.sh --frames 1 "$footage" "$out/kept.mp4"
refused "a file '$out/kept.mp4' already" pipelines/compare.sh --frames 1 "$footage" "$out/kept.mp4" class:person class:car
[[ $(<"$out/kept.mp4") == kept ]] || fail "record: overwrote a file unasked"
for name in new new.avi mp4 new.mp4.txt; do
  refused ".mp4, .m4v, .mov, .mkv, .ts or .webm" pipelines/record.sh "$footage" "$out/$name"
done
refused "no file" pipelines/record.sh "$work/absent.avi" "$out/new.mp4"
refused "no folder" pipelines/record.sh "$footage" "$out/absent/new.mp4"
refused "not PROPERTY=VALUE" pipelines/record.sh "$footage" "$out/new.mp4" auto nonsense
refused "--frames" pipelines/record.sh --frames 0 "$footage" "$out/new.mp4"
kept=$(ls -A "$out")
[[ $kept == $'again.mp4\nfirst.mp4\nheatmap.mp4\nkept.mp4\nplain.mp4\ntarget.mp4' ]] ||
  fail "record: left behind: $kept"
ok "record: what fails says so, writes nothing and keeps what was there"

mkdir "$work/precious" "$work/closed"
chmod a-w "$work/closed"
cp "$footage" "$work/precious/video.avi"
ln -s video.avi "$work/precious/link.avi"
ln "$work/precious/video.avi" "$work/precious/hard.avi"
mkfifo "$work/precious/pipe.mp4"
precious=$work/precious/video.avi
for same in video.avi link.avi hard.avi; do
  refused "are the same file" pipelines/record.sh --frames 1 "$precious" "$work/precious/$same"
  refused "are the same file" pipelines/record.sh --frames 1 "$work/precious/$same" "$precious"
done
cmp -s "$footage" "$precious" || fail "record: its input is no longer what it was"
refused "no ordinary file" pipelines/record.sh --frames 1 "$precious" "$work/precious/pipe.mp4"
[[ -p $work/precious/pipe.mp4 ]] || fail "record: replaced a pipe"
refused "is a folder" pipelines/record.sh --frames 1 "$precious" "$work/precious"
refused "is a folder" pipelines/record.sh --frames 1 "$precious" "$work/new.mp4/"
tidy 1
# To root every folder is open, unless it gives up the right to that.
closed=()
((EUID)) || closed=(setpriv --bounding-set=-dac_override)
refused "cannot write to the folder" "${closed[@]}" pipelines/record.sh --frames 1 "$precious" "$work/closed/new.mp4"
tidy 1
ok "record: its input, devices, folders and closed folders are refused as output"

mkdir "$work/names"
for name in 'a space ! b' '"a\b"' "end\\" "--it's" $'tab\tand\nline'; do
  ln -s "$footage" "$work/names/$name"
  mkdir "$work/names/$name.d"
  (
    cd "$work/names"
    succeeds "$OLDPWD/pipelines/record.sh" --frames 1 -- "$name" "$name.d/$name.mp4"
  )
  [[ -s $work/names/$name.d/$name.mp4 ]] || fail "record: no recording under the name '$name'"
done
refused 'open model /m\ "1.onnx' pipelines/record.sh --frames 1 "$footage" "$out/new.mp4" 'model-file=/m\ "1.onnx'
ok "record: any name of a file will do"

# Such bounds of the pixels let relevance overflow: the question has no answer, and the element warns of that.
question=(class:person composite=pixels=zb:-1e38,1e38)
warned() { grep -q '^WARNING: .*no explanation' "$log"; }
pipelines/record.sh --frames 2 "$footage" "$work/warned.mp4" "${question[@]}" >"$work/stdout" 2>"$log" ||
  fail "record: exit status $?"
warned || fail "record: no warning"
grep -qxF "record: written: $work/warned.mp4" "$log" || fail "record: does not say what was written"
tidy 2
set -m
: >"$log" # or what the last command said would be read
env --default-signal SSDCRP_SINK='fakesink sync=true' pipelines/live.sh "$footage" "${question[@]}" >>"$work/stdout" 2>"$log" &
pid=$!
set +m
until_true 60 warned || fail "live: no warning after a minute"
kill -INT -- "-$pid"
wait "$pid" || fail "live: exit status $? after Ctrl-C"
tidy 1
[[ ! -s $work/stdout ]] || fail "chatter on the standard output: $(head -n 3 "$work/stdout")"
ok "both pipelines pass warnings on, and nothing else"

# A gst-launch-1.0 in front of the real one tells its number, and does what the check wants in its place.
mkdir "$work/bin" "$work/cut"
cat >"$work/bin/gst-launch-1.0" <<END
#!/usr/bin/env bash
echo "\$\$" >"$work/pid"
case \${STAND_IN:-} in
  interrupted) kill -INT "\$PPID" && exec sleep 60 ;;
  abandoned)
    trap '' INT
    kill -INT "\$PPID"
    for _ in {1..1200}; do
      ! grep -q ending: "$log" || break
      sleep 0.05
    done
    kill -INT "\$PPID"
    exit 1
    ;;
  empty) set -- "\${@/eos-after=2/eos-after=1}" ;;
  failing) set -- "\${@/eos-after=101/error-after=60}" ;;
esac
exec "$(command -v gst-launch-1.0)" "\$@"
END
chmod +x "$work/bin/gst-launch-1.0"
recorded() { [[ -n $(find "$work/cut" -name '*.mdat' -size +0) ]]; }
# cut_off SIGNAL SIGN: a recording gets SIGNAL in the midst of it; alone, or with SIGN=- its process group. Out: `status`.
cut_off() {
  rm -f "$work/pid"
  set -m
  # Who started this test may ignore signals, as nohup does, and what is ignored cannot be caught further down.
  env --default-signal PATH="$work/bin:$PATH" pipelines/record.sh "$footage" "$work/cut/cut.mp4" >"$log" 2>&1 &
  pid=$!
  set +m
  until_true 60 recorded || fail "record: nothing recorded after a minute"
  kill "-$1" -- "$2$pid"
  status=0
  wait "$pid" 2>/dev/null || status=$?
  until_true 60 ended "$(<"$work/pid")" || fail "record: SIG$1 leaves gst-launch-1.0 running"
}
for sign in '' -; do
  for signal in HUP TERM; do
    cut_off "$signal" "$sign"
    ((status == 128 + $(kill -l "$signal"))) || fail "record: exit status $status after SIG$signal"
    left=$(ls -A "$work/cut")
    [[ -z $left ]] || fail "record: SIG$signal left behind: $left"
  done
  cut_off INT "$sign"
  ((status == 0)) || fail "record: exit status $status after Ctrl-C"
  [[ $(head -n 1 "$log") == 'record: ending: '* ]] || fail "record: does not say that it is ending"
  tidy 2
  (($(frames "$work/cut/cut.mp4") > 0)) || fail "record: Ctrl-C kept no frame"
  left=$(ls -A "$work/cut")
  [[ $left == cut.mp4 ]] || fail "record: Ctrl-C left behind: $left"
  rm "$work/cut/cut.mp4"
done
cut_off KILL ''
rm -r "$work/cut"
ok "record: Ctrl-C keeps what there is; HUP, TERM and KILL leave nothing running, and only KILL files"

refused "nothing was recorded" env --default-signal STAND_IN=interrupted PATH="$work/bin:$PATH" \
  pipelines/record.sh --frames 1 "$footage" "$out/new.mp4"
tidy 2
refused "abandoned; '$out/new.mp4' was not written" env --default-signal STAND_IN=abandoned PATH="$work/bin:$PATH" \
  pipelines/record.sh --frames 1 "$footage" "$out/new.mp4"
tidy 2
for end in mp4 mov mkv ts webm; do
  refused "'$out/new.$end' was not written" env STAND_IN=empty PATH="$work/bin:$PATH" \
    pipelines/record.sh --frames 1 "$footage" "$out/new.$end"
  tidy 2
done
[[ $(ls -A "$out") == "$kept" ]] || fail "record: left behind: $(ls -A "$out")"
ok "record: without a frame there is no file"

for end in m4v mov mkv ts webm MP4; do
  succeeds pipelines/record.sh --frames 3 "$footage" "$work/kind.$end" class:person
  [[ $(frames "$work/kind.$end") == 3 ]] || fail "record: $(frames "$work/kind.$end") frames out of 3 in .$end"
done
ok "record: the end of the name says in what it is written"

script --quiet --return --command "pipelines/record.sh --frames 60 '$footage' '$work/shown.mp4'" /dev/null >"$log" 2>&1 ||
  fail "record: exit status $? on a terminal"
grep -q '\] 100 %  60 of 60 frames' "$log" || fail "record: no frames are counted on a terminal"
gst-launch-1.0 --quiet videotestsrc num-buffers=60 ! video/x-raw,width=768,height=576 ! jpegenc ! avimux ! \
  filesink location="$work/test.avi" >"$log" 2>&1 || fail "cannot make a video"
script --quiet --return --command "pipelines/record.sh '$work/test.avi' '$work/shown.mkv'" /dev/null >"$log" 2>&1 ||
  fail "record: exit status $? on a terminal"
grep -q '^\[#*\.*\] *[0-9]* %  [0-9]*:' "$log" || fail "record: no progress on a terminal"
ok "record: a terminal shows the progress"

# What a video comes in: the same pictures, a little changed by each way of coding.
encoded() {
  gst-launch-1.0 --quiet filesrc location="$footage" ! decodebin ! videoconvert ! queue ! identity eos-after=7 ! \
    identity eos-after=7 ! "${@:2}" ! filesink location="$work/$1" >"$log" 2>&1 || fail "cannot make $1"
}
encoded h264.mp4 x264enc ! mp4mux
encoded mjpeg.avi jpegenc ! avimux
encoded vp8.webm vp8enc deadline=1 ! webmmux
encoded vp9.webm vp9enc deadline=1 cpu-used=8 ! webmmux
for coded in h264.mp4 mjpeg.avi vp8.webm vp9.webm; do
  succeeds pipelines/record.sh "$work/$coded" "$work/explained.mp4" class:person
  [[ $(frames "$work/explained.mp4") == 6 ]] || fail "record: $(frames "$work/explained.mp4") frames out of 6 of $coded"
  rm "$work/explained.mp4"
done
ok "record: H.264, MJPEG, VP8 and VP9 are read"

# As a telephone stores it that was held upright: the picture lies on its side, and the track's matrix says how to turn it.
encoded phone.mp4 videoflip video-direction=90l ! x264enc ! mp4mux
matrix=$(($(offset_of tkhd "$work/phone.mp4") + 4 + 40))
printf '%b' '\0\0\0\0\0\01\0\0\0\0\0\0\0377\0377\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0100\0\0\0' |
  dd of="$work/phone.mp4" bs=1 seek="$matrix" conv=notrunc status=none
succeeds gst-launch-1.0 --tags filesrc location="$work/phone.mp4" ! decodebin ! fakesink
grep -q 'image orientation: rotate-90' "$log" || fail "record: no video to turn"
succeeds pipelines/record.sh "$work/phone.mp4" "$work/upright.mp4" class:person results-location="$work/upright.jsonl"
tidy 1
(($(grep -c '"width":768,"height":576.*"label":"person".*"label":"person"' "$work/upright.jsonl") == 6)) ||
  fail "record: the pictures of a telephone are not looked at the right way up"
succeeds gst-launch-1.0 --tags --verbose filesrc location="$work/upright.mp4" ! decodebin ! fakesink
grep -q 'fakesink0.*sink: caps = .*width=(int)768, height=(int)576' "$log" || fail "record: a telephone's recording lies on its side"
! grep 'image orientation' "$log" | grep -vq rotate-0 || fail "record: a player would turn the recording once more"
ok "record: what a telephone stores on its side is turned once"

# Panels of 640x480; the footage has their shape.
panel_bytes=$((640 * 480 * 3 / 2))
succeeds pipelines/compare.sh --force --frames 3 "$footage" "$work/compare.mp4" class:person class:car
[[ $(frames "$work/compare.mp4" $((3 * panel_bytes))) == 3 ]] || fail "compare: not three frames out of 3"
compared=$(pixels "$work/compare.mp4")
succeeds pipelines/compare.sh --force --frames 3 "$footage" "$work/compare.mp4" class:person class:car
[[ $(pixels "$work/compare.mp4") == "$compared" ]] || fail "compare: two recordings of the same frames differ"
succeeds pipelines/compare.sh --force --frames 3 "$footage" "$work/compare.mp4" class:person class:person
[[ $(pixels "$work/compare.mp4") != "$compared" ]] || fail "compare: the second target makes no difference"
refused "the file to write and two targets" pipelines/compare.sh "$footage" "$work/new.mp4" class:person
refused "not PROPERTY=VALUE" pipelines/compare.sh "$footage" "$work/new.mp4" class:person class:car class:dog
succeeds pipelines/offsets.sh --frames 3 "$footage" "$work/offsets.mp4"
[[ $(frames "$work/offsets.mp4" $((4 * panel_bytes))) == 3 ]] || fail "offsets: not three frames out of 3"
refused "was not written" pipelines/offsets.sh --frames 1 "$footage" "$work/new.mp4" model-file=/nonexistent.onnx
tidy 2
[[ ! -e $work/new.mp4 ]] || fail "offsets: a failure left a file behind"
ok "compare and offsets: all panels, all frames, the same each time"

# Live, frames may be dropped on a busy machine, so only that pictures arrive and the end is clean can be asked for.
for from in test "$footage"; do
  SSDCRP_SINK="jpegenc ! multifilesink location=$work/live-%03d.jpg" \
    succeeds pipelines/live.sh --frames 10 "$from" auto opacity=0.5
  pictures=("$work"/live-*.jpg)
  [[ -s ${pictures[0]} ]] || fail "live: no picture from $from"
  ((${#pictures[@]} <= 10)) || fail "live: ${#pictures[@]} pictures out of 10 from $from"
  rm -- "${pictures[@]}"
done
ok "live: pictures arrive from a test source and from a file"

python3 tests/rtsp_server.py "$work/port" "$footage" >"$work/camera" 2>&1 &
camera=$!
until_true 60 test -s "$work/port" || fail "no network camera to test with: $(<"$work/camera")"
address=rtsp://127.0.0.1:$(<"$work/port")/camera
SSDCRP_SINK="jpegenc ! multifilesink location=$work/live-%03d.jpg" succeeds pipelines/live.sh --frames 10 "$address"
[[ -s $work/live-000.jpg ]] || fail "live: no picture from a network camera"
succeeds pipelines/record.sh --frames 10 "$address" "$work/camera.mkv" class:person
(($(frames "$work/camera.mkv") > 0)) || fail "record: no picture of a network camera"
# Over TCP it closes the connection after three seconds, which is the end of the recording.
succeeds pipelines/record.sh "rtspt${address#rtsp}" "$work/closed.mp4"
(($(frames "$work/closed.mp4") > 0)) || fail "record: nothing is kept of a camera that closes the connection"
# Where something fails, what a camera has sent until then is kept; a file can be recorded once more.
refused "'$work/failed.webm' has what was recorded until then" env STAND_IN=failing PATH="$work/bin:$PATH" \
  pipelines/record.sh --frames 100 "$address" "$work/failed.webm"
(($(frames "$work/failed.webm") > 0)) || fail "record: nothing is kept of a camera whose pipeline fails"
refused "'$work/failed.mkv' was not written" env STAND_IN=failing PATH="$work/bin:$PATH" \
  pipelines/record.sh --frames 100 "$footage" "$work/failed.mkv"
succeeds pipelines/rtsp-monitor.sh --frames 25 "$address" "$work/watched" class:person
[[ -s $work/watched/picture-000000.jpg ]] || fail "rtsp-monitor: no picture"
grep -q '"detections"' "$work"/watched/results-*.jsonl || fail "rtsp-monitor: no results"
# Over TCP this camera closes the connection after three seconds. It is asked again, and pictures' numbers go on.
mkdir "$work/closing"
set -m
env --default-signal pipelines/rtsp-monitor.sh "rtspt${address#rtsp}" "$work/closing" >"$log" 2>&1 &
pid=$!
set +m
asked_again() { grep -q "the camera $1; asking again" "$log"; }
pictures() { find "$work/closing" -name 'picture-*.jpg' | wc -l; }
until_true 60 asked_again 'is gone' || fail "rtsp-monitor: gives a camera up that closes the connection"
before=$(pictures)
((before > 0)) || fail "rtsp-monitor: no picture over TCP"
more() { (($(pictures) > before)); }
until_true 60 more || fail "rtsp-monitor: $(pictures) pictures of two connections, $before of the first"
kill -INT -- "-$pid"
# 130 where the second connection is closed by now, too.
status=0
wait "$pid" || status=$?
((status == 0 || status == 130)) || fail "rtsp-monitor: exit status $status after Ctrl-C"
kill "$camera"
refused "does not start" pipelines/rtsp-monitor.sh "$address" "$work/watched" class:nonsense
refused "cannot make the folder" pipelines/rtsp-monitor.sh "$address" "$work/text.avi/folder"
# A camera that does not answer is asked again, and leaves nothing behind; Ctrl-C ends that too.
set -m
env --default-signal pipelines/rtsp-monitor.sh rtsp://127.0.0.1:1/ "$work/silent" >"$log" 2>&1 &
pid=$!
set +m
until_true 60 asked_again 'cannot be reached' || fail "rtsp-monitor: gives a camera up that does not answer"
kill -INT -- "-$pid"
status=0
wait "$pid" 2>/dev/null || status=$?
((status == 130)) || fail "rtsp-monitor: exit status $status after Ctrl-C"
left=$(ls -A "$work/silent")
[[ -z $left ]] || fail "rtsp-monitor: left behind: $left"
ok "live and rtsp-monitor: a network camera is shown, watched, and waited for"

SSDCRP_SINK="jpegenc ! multifilesink location=$work/click-%03d.jpg" \
  succeeds pipelines/webcam-click.sh --frames 10 "$footage" contrast=none
[[ -s $work/click-000.jpg ]] || fail "webcam-click: no picture"
ok "webcam-click: pictures arrive"

# A window on a display of its own, a mouse and a keyboard, and ten minutes of a picture with people in it.
gst-launch-1.0 --quiet filesrc location="$footage" ! decodebin ! videoconvert ! imagefreeze num-buffers=1200 ! \
  video/x-raw,framerate=2/1 ! x264enc speed-preset=ultrafast ! mp4mux ! filesink location="$work/still.mp4" >"$log" 2>&1 ||
  fail "cannot make a video to click on"
Xvfb -displayfd 7 -screen 0 1024x768x24 -nolisten tcp 7>"$work/display" >"$log" 2>&1 &
screen=$!
until_true 60 test -s "$work/display" || fail "no display to click on"
user() { DISPLAY=:$(<"$work/display") timeout 60 xdotool "$@" >"$work/xdotool" 2>&1 || fail "xdotool $*: $(<"$work/xdotool")"; }
results=$work/clicked.jsonl
set -m
env --default-signal DISPLAY=":$(<"$work/display")" SSDCRP_SINK=ximagesink \
  pipelines/webcam-click.sh "$work/still.mp4" select=point results-location="$results" >"$log" 2>&1 &
pid=$!
set +m
user search --sync --onlyvisible --name .
window=$(head -n 1 "$work/xdotool")
# explained TARGET: a click explains an object by such a target; if what was clicked is gone, what was found last is clicked.
explained() {
  local last place
  ! grep -q "\"target\":\"$1" "$results" || return 0
  last=$(tail -n 1 "$results")
  if [[ $last != *'"explanations"'* ]]; then
    place=$(sed -n 's/.*"x":\([0-9]*\),"y":\([0-9]*\),"width":\([0-9]*\),"height":\([0-9]*\).*/\1 \2 \3 \4/p' <<<"$last")
    [[ -n $place ]] || return 1
    read -r x y width height <<<"$place"
    user mousemove --sync --window "$window" $((x + width / 2)) $((y + height / 2)) click 1
  fi
  sleep 2
  grep -q "\"target\":\"$1" "$results"
}
until_true 60 test -s "$results" || fail "webcam-click: no results"
# Nothing is at the point 0, 0, so nothing is explained before the click.
until_true 60 explained class: || fail "webcam-click: a click explains nothing"
user key --window "$window" t
until_true 60 explained offset:cx || fail "webcam-click: the key t does not turn the question"
kill -INT -- "-$pid"
wait "$pid" || fail "webcam-click: exit status $? after Ctrl-C"
kill "$screen"
ok "webcam-click: a click in the window explains what is there, and keys turn the question"

export SSDCRP_SINK=fakesink
refused "GStreamer failed" pipelines/live.sh "$work/text.avi"
tidy 2
refused "no camera" pipelines/live.sh /dev/nonexistent
refused "no file" pipelines/live.sh "$work/absent.avi"
refused "element nonexistent is missing" env SSDCRP_SINK=nonexistent pipelines/live.sh test
refused "no display" env -u SSDCRP_SINK -u DISPLAY -u WAYLAND_DISPLAY pipelines/live.sh test
ok "live: without camera, file or display one line says so"

# The tracer tells at the end of a process which of GStreamer's objects are still there.
mkdir "$work/traced"
traced() {
  succeeds env GST_TRACERS=leaks GST_DEBUG=GST_TRACER:7 GST_DEBUG_NO_COLOR=1 GST_DEBUG_FILE="$work/leaks" "$@"
  grep -q 'object-alive.class' "$work/leaks" || fail "the tracer says nothing of: $*"
  ! grep 'object-alive, type-name=(string)G' "$work/leaks" >"$log" || fail "left behind by: $*"
}
traced pipelines/record.sh --frames 3 "$footage" "$work/traced/record.mp4" class:person
traced pipelines/compare.sh --frames 2 "$footage" "$work/traced/compare.mp4" class:person class:car
traced pipelines/offsets.sh --frames 2 "$footage" "$work/traced/offsets.mp4"
traced pipelines/live.sh --frames 10 "$footage"
traced pipelines/webcam-click.sh --frames 10 "$footage"
traced pipelines/rtsp-monitor.sh --frames 10 test "$work/traced"
ok "all pipelines leave no object behind"

# A checkout of its own, with a build beside the scripts and without.
mkdir -p "$work/clone/target/debug"
cp -r pipelines "$work/clone/"
plugin=$(realpath "${GST_PLUGIN_PATH%%:*}")/libgstssdcrp.so
ln -s "$plugin" "$work/clone/target/debug/"
unset GST_PLUGIN_PATH CARGO_TARGET_DIR
succeeds "$work/clone/pipelines/record.sh" --frames 1 "$footage" "$work/found.mp4"
rm -r "$work/clone/target"
# The system's folder is put out of the way: a plugin may be installed there.
refused "does not find the element ssdcrp" \
  env GST_PLUGIN_SYSTEM_PATH="$work" "$work/clone/pipelines/record.sh" --frames 1 "$footage" "$work/found.mp4"
ok "both pipelines find the plugin that was built beside them"

# As `make install` lays it out: the runtime library stands where the plugin looks for it, and no variable says where.
mkdir -p "$work/prefix/share/ssdcrp" "$work/prefix/lib/gstreamer-1.0" "$work/prefix/lib/ssdcrp"
cp -r pipelines "$work/prefix/share/ssdcrp/"
ln -s "$plugin" "$work/prefix/lib/gstreamer-1.0/"
installed() {
  env -u ORT_DYLIB_PATH SSDCRP_CACHE="$work/prefix" GST_PLUGIN_PATH="$work/prefix/lib/gstreamer-1.0" \
    "$work/prefix/share/ssdcrp/pipelines/record.sh" --frames 1 "$footage" "$work/installed.mp4"
}
runtime=${ORT_DYLIB_PATH:-$(setup/onnxruntime.sh --where)}
ln -s "$(realpath "$runtime")" "$work/prefix/lib/ssdcrp/libonnxruntime.so.1.99.0"
succeeds installed
[[ $(frames "$work/installed.mp4") == 1 ]] || fail "record, installed: not one frame"
ok "installed, the plugin finds the runtime library beside it"

printf '%s passed, 0 failed\n' "$passed"
