# shellcheck shell=bash
# Sourced by the pipelines, not run: turns a pipeline's arguments into properties of the element ssdcrp, finds the element,
# and runs gst-launch-1.0 so that it ends with the script and says what matters and nothing else.
# In: the caller's arguments, its function `usage`, GST_PLUGIN_PATH. Out: GST_PLUGIN_PATH, the arrays `arguments`,
# `properties` and `limit`; `interrupted` is not empty after Ctrl-C, nor `abandoned` after a second one; the files named in
# `temporary` go when the script ends.
# A caller whose pipeline has targets of its own takes none as an argument: it sets `own_targets`. One that records has the
# option --force, which sets `force`: recording.sh sets `records`. `ending` is what is said at the first Ctrl-C. An identity named
# `counter` in `counter` tells of each frame that passes; `frames` is the number of --frames.
pipeline=$(basename "$0" .sh)
# So that the C library gives memory back in long runs (docs/performance.md, "Memory").
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-262144}
temporary=() launched='' interrupted='' abandoned='' own_targets='' records='' force='' ending='' frames='' counter=()

die() {
  printf '%s: %s\n' "$pipeline" "$*" >&2
  exit 1
}

# Nothing of a recording that is ended by force is kept, so gst-launch-1.0 is not asked but killed. It must be gone before
# its files are removed: it might create them again.
clean_up() {
  if [[ -n $launched ]]; then
    { kill -KILL "$launched" && wait "$launched"; } 2>/dev/null || :
  fi
  rm -f -- "${temporary[@]}"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# escaped TEXT: how gst-launch-1.0 must be given any TEXT in PROPERTY=TEXT. It takes the argument apart for words, quotes and
# backslashes, then GStreamer reads what is left: a string in quotes, where \ooo is the byte with this octal number.
escaped() {
  if [[ $1 =~ ^[[:alnum:]/_.:,=+-]*$ ]]; then
    printf '%s' "$1"
  else
    printf '\\"%s\\"' "$(printf '%s' "$1" | od -An -v -to1 | tr -d '\n' | sed 's/ /\\\\/g')"
  fi
}

# parse_arguments COUNT ARGUMENT...: the first COUNT go to `arguments`; then may follow a target, and PROPERTY=VALUE for
# any property of the element. `--frames N` in front becomes a `limit` of the pipeline.
parse_arguments() {
  local count=$1 names=1 argument property
  shift
  arguments=() properties=() limit=()
  while [[ ${1:-} == -?* ]]; do
    case $1 in
      -h | --help)
        usage
        exit
        ;;
      --frames)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "--frames needs a number of frames from 1 on, not '${2:-}'"
        # The first identity ends the stream at the buffer after the Nth. What a decoder still hands over then, the
        # queue drops, except one picture that may have been waiting for room in it: that one meets the second identity.
        frames=$2
        # shellcheck disable=SC2034
        limit=(queue ! identity "eos-after=$((frames + 1))" ! identity "eos-after=$((frames + 1))" !)
        shift 2
        ;;
      --force)
        [[ -n $records ]] || die "unknown option '$1'; see --help"
        # shellcheck disable=SC2034
        force=yes
        shift
        ;;
      --)
        names=$((count + 1))
        shift
        break
        ;;
      *) die "unknown option '$1'; a file whose name starts with - goes behind --; see --help" ;;
    esac
  done
  for argument in "${@:names}"; do
    [[ $argument != --* ]] || die "'$argument' stands too far back: options go in front of everything else; see --help"
  done
  while (($# && ${#arguments[@]} < count)); do
    arguments+=("$1")
    shift
  done
  if [[ -z $own_targets ]] && (($#)) && [[ $1 != *=* ]]; then
    properties+=("target=$(escaped "$1")")
    shift
  fi
  for property; do
    [[ $property =~ ^[a-z][a-z-]*= ]] ||
      die "'$property' is not PROPERTY=VALUE with a property's name in small letters; gst-inspect-1.0 ssdcrp lists them"
    properties+=("${property%%=*}=$(escaped "${property#*=}")")
  done
}

# require ELEMENT...: ends with one line unless GStreamer knows ssdcrp and the elements named.
require() {
  local build profile element
  command -v gst-launch-1.0 >/dev/null || die "gst-launch-1.0 is missing; Debian has it in gstreamer1.0-tools"
  if [[ -z ${GST_PLUGIN_PATH:-} ]]; then
    # Without a build beside this script GStreamer looks where the system keeps its plugins.
    build=${CARGO_TARGET_DIR:-$(realpath -m "$0/../../target")}
    for profile in release debug; do
      if [[ -f $build/$profile/libgstssdcrp.so ]]; then
        export GST_PLUGIN_PATH=$build/$profile
        break
      fi
    done
  fi
  # Unless told otherwise --exists asks for GStreamer's own version number, and ssdcrp has another.
  gst-inspect-1.0 --exists --atleast-version=0.0 ssdcrp ||
    die "GStreamer does not find the element ssdcrp (GST_PLUGIN_PATH=${GST_PLUGIN_PATH:-});" \
      "build it: cargo build --release --workspace"
  for element; do
    gst-inspect-1.0 --exists --atleast-version=0.0 "$element" ||
      die "GStreamer's element $element is missing; 'make packages' installs what the pipelines need"
  done
}

# bar PERCENT TEXT
bar() {
  local done_ left
  printf -v done_ '%*s' $(($1 * 30 / 100)) ''
  printf -v left '%*s' $((30 - ${#done_})) ''
  printf '[%s%s] %3d %%  %s\r' "${done_// /#}" "${left// /.}" "$1" "$2"
}

# progress LINE: gst-launch-1.0's line "0:00:01.5 / 0:00:10.0 (15.0 %)" as a bar; of a camera, which has no length, the time alone.
progress() {
  if [[ $1 =~ ^(.*)\ \(\ *([0-9]+)(\.[0-9]+)?\ *%\) ]]; then
    bar "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
  else
    printf '%s\r' "${1%% / *}"
  fi
}

# no_video [LACK...]: why nothing of the input can be shown; each LACK is something that GStreamer would need for it.
no_video() {
  local lacks
  printf 'there is no video in it that can be decoded'
  if (($#)); then
    printf -v lacks ', no %s' "$@"
    printf '; GStreamer has %s: Debian has most decoders in gstreamer1.0-libav, and others in gstreamer1.0-plugins-bad' "${lacks#, }"
  fi
}

# The standard output of gst-launch-1.0: warnings go on to stderr, and on a terminal the progress is shown.
warnings() {
  local line end='' passed=0 lacks=()
  while IFS= read -r line; do
    case $line in
      'Missing element: '*) lacks+=("${line#*: }") ;;
      WARNING:*decodebin*': Delayed linking failed.') printf 'WARNING: %s\n' "$(no_video "${lacks[@]}")" >&2 ;;
      WARNING:*) printf '%s\n' "$line" >&2 ;;
      *':counter: last-message = chain '*)
        passed=$((passed + 1))
        bar $((passed * 100 / frames)) "$passed of $frames frames"
        end=$'\n'
        ;;
      [0-9]*:*' / '*)
        [[ -t 1 && -z ${counter[*]} ]] || continue
        progress "$line"
        end=$'\n'
        ;;
    esac
  done < <(stdbuf -o0 tr '\r' '\n')
  printf '%s' "$end"
}

# Its standard error, up to the first error that names a cause: what follows that are its consequences.
errors() {
  local line lacks
  while IFS= read -r line; do
    [[ ${line,,} != "error: pipeline doesn't want to "* ]] || continue
    case $line in
      ERROR:*decodebin*': Your GStreamer installation is missing a plug-in.')
        # What follows has a line such as "Missing decoder: H.265 (video/x-h265, …)" for each stream, and ends with an empty one.
        mapfile -t lacks < <(sed -n '/^$/q; s/^Missing decoder: \(.*\) ([a-z]*\/.*/\1 decoder/p')
        line="ERROR: $(no_video "${lacks[@]}")"
        ;;
      ERROR:*:typefind:*) line="ERROR: $(no_video): ${line##*:typefind: }" ;;
    esac
    printf '%s\n' "$line" >&2
    [[ $line != ERROR:* ]] || break
  done
  cat >/dev/null
}

interrupt() {
  [[ -n $interrupted || -z $ending ]] || printf '%s: %s\n' "$pipeline" "$ending" >&2
  # shellcheck disable=SC2034
  abandoned=$interrupted
  # shellcheck disable=SC2034
  interrupted=yes again=yes
  kill -INT "$launched" 2>/dev/null || :
}

# launch ARGUMENT...: gst-launch-1.0 with these, and its exit status. Ctrl-C reaches it once, through `interrupt`: it has a
# process group of its own (set -m), because it takes a second Ctrl-C for leave to drop everything.
launch() {
  local status out out_reader err err_reader again=''
  # The readers end with what they read, so Ctrl-C is not for them.
  exec {out}> >(trap '' INT && warnings)
  out_reader=$!
  exec {err}> >(trap '' INT && errors)
  err_reader=$!
  set -m
  # Even if this script is killed outright, what it launched ends. Translated messages could not be told apart.
  LANGUAGE=en setpriv --pdeathsig KILL gst-launch-1.0 ${counter[0]:+--verbose} "$@" >&"$out" 2>&"$err" {out}>&- {err}>&- &
  launched=$!
  set +m
  trap interrupt INT
  exec {out}>&- {err}>&-
  # A signal ends `wait` too; only without one is it the exit status of gst-launch-1.0.
  while
    again='' status=0
    wait "$launched" 2>/dev/null || status=$?
    [[ -n $again ]]
  do :; done
  launched=''
  trap '' INT
  wait "$out_reader" "$err_reader" || :
  return "$status"
}

# find_source FROM: a camera, a file, an address such as rtsp://… or `test`, as elements in `source` that decode to raw
# video, the right way up; `pace` is what holds pictures that come as fast as they are read back to the speed of the clock;
# `live` is empty if they wait until they are read.
find_source() {
  # 50 ms early: time to draw before the picture is due in the window.
  # shellcheck disable=SC2034
  pace=(clocksync ts-offset=-50000000 !) live=''
  case $1 in
    test) source=(videotestsrc ! 'video/x-raw,width=768,height=576,framerate=25/1') ;;
    /dev/*)
      [[ -c $1 ]] || die "there is no camera '$1'; a video file, an address or the word test will do as well"
      source=(v4l2src device="$(escaped "$1")" ! decodebin)
      # shellcheck disable=SC2034
      pace=() live=yes
      ;;
    rtsp://* | rtsps://* | rtspt://*)
      require rtspsrc
      source=(rtspsrc location="$(escaped "$1")" latency=200 ! 'application/x-rtp,media=video' ! decodebin)
      # shellcheck disable=SC2034
      pace=() live=yes
      ;;
    *://*) source=(uridecodebin uri="$(escaped "$1")" 'caps=video/x-raw') ;;
    *)
      [[ ! -d $1 ]] || die "'$1' is a folder; ssdcrp annotate takes folders"
      [[ -f $1 ]] || die "there is no file '$1'; a camera is a /dev/videoN, a network camera an rtsp://…"
      # GStreamer would wait for its first frame for ever.
      [[ $(head -c 4 -- "$1" | tr -d '\0') != GIF8 ]] ||
        die "'$1' is a GIF, of which GStreamer makes no video; convert it to a video first, for example with ffmpeg"
      source=(filesrc location="$(escaped "$(realpath -- "$1")")" ! decodebin)
      ;;
  esac
  # Telephones store pictures as the camera was held, and a tag that says how to turn them. GStreamer 1.22 turns them and leaves the
  # tag, by which a player would turn the recording once more.
  require videoflip taginject
  source+=(! videoconvert ! videoflip video-direction=auto ! taginject tags=image-orientation=rotate-0)
}

# find_window: the end of the pipeline in `sink`: SSDCRP_SINK, by default a window.
find_window() {
  [[ -n ${SSDCRP_SINK:-}${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] ||
    die "no display for a window here; name another end of the pipeline: SSDCRP_SINK='fakesink sync=true'"
  read -ra sink <<<"${SSDCRP_SINK:-autovideosink}"
}
