# shellcheck shell=bash
# Sourced by the pipelines, not run: finds the element ssdcrp and turns a pipeline's arguments into its properties.
# In: the caller's arguments, GST_PLUGIN_PATH. Out: GST_PLUGIN_PATH, the arrays `arguments` and `properties`, `limit`.
pipeline=$(basename "$0" .sh)

die() {
  printf '%s: %s\n' "$pipeline" "$*" >&2
  exit 1
}

# parse_arguments COUNT ARGUMENT...: the first COUNT go to `arguments`; then may follow a target, and PROPERTY=VALUE for
# any property of the element. `--frames N` in front becomes a `limit` of the pipeline.
parse_arguments() {
  local count=$1 property
  shift
  arguments=() properties=() limit=()
  while [[ ${1:-} == --* ]]; do
    [[ $1 == --frames ]] || die "unknown option '$1'; see --help"
    [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "--frames needs a number of frames from 1 on, not '${2:-}'"
    # The first identity ends the stream at the buffer after the Nth. What a decoder still hands over then, the queue
    # drops, except one picture that may have been waiting for room in it: that one meets the second identity.
    # shellcheck disable=SC2034
    limit=(queue ! identity "eos-after=$(($2 + 1))" ! identity "eos-after=$(($2 + 1))" !)
    shift 2
  done
  while (($# && ${#arguments[@]} < count)); do
    arguments+=("$1")
    shift
  done
  if (($#)) && [[ $1 != *=* ]]; then
    properties+=("target=$1")
    shift
  fi
  for property; do
    [[ $property =~ ^[a-z][a-z-]*= ]] ||
      die "'$property' is not PROPERTY=VALUE; gst-inspect-1.0 ssdcrp lists the properties"
    properties+=("$property")
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
