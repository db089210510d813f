# shellcheck shell=bash
# Sourced by the pipelines that record, after element.sh, not run: where a recording is written, in which container, and what becomes
# of it when the pipeline ends.
# In: what element.sh gives. Out: the arrays `recorder` and `waiting`, which belong into the pipeline; `counter` where frames are counted.
# shellcheck disable=SC2034
records=yes
# shellcheck disable=SC2034
ending='ending: what was read already is still explained; Ctrl-C once more abandons the recording'

# container OUT: the end of its name says in what OUT is written: `encoder` makes coded video of I420, `muxer` puts it into the file.
container() {
  # Constant quality without a limit on the bit rate: under a limit x264's threads make each recording a little different.
  encoder=(x264enc speed-preset=veryfast pass=qual quantizer=20 vbv-buf-capacity=0)
  case ${1,,} in
    # The index in front, so that a browser plays while it loads.
    *.mp4 | *.m4v) muxer=(mp4mux faststart=true faststart-file="$(escaped "$part.mdat")") ;;
    *.mov) muxer=(qtmux faststart=true faststart-file="$(escaped "$part.mdat")") ;;
    *.mkv) muxer=(matroskamux) ;;
    *.ts) muxer=(mpegtsmux) ;;
    *.webm)
      encoder=(vp8enc deadline=1 cpu-used=8 end-usage=cq cq-level=10 target-bitrate=20000000)
      muxer=(webmmux)
      ;;
    *) die "the end of a recording's name says in what it is written: .mp4, .m4v, .mov, .mkv, .ts or .webm; '$1' ends otherwise" ;;
  esac
}

# prepare_recording IN OUT, after find_source: refuses what cannot be written; `waiting` comes before the first ssdcrp, `recorder`
# encodes raw video to a file beside OUT and is the end of the pipeline; finish_recording STATUS makes that file OUT, or says why
# there is none.
prepare_recording() {
  local in=$1 folder name
  out=$2 named=$2
  [[ $out != */ && ! -d $out ]] || die "'$out' is a folder, not a file to write"
  [[ ! -e $out || -f $out ]] || die "'$out' is no ordinary file and cannot be replaced by a recording"
  name=${out##*/}
  case ${name,,} in
    .mp4 | .m4v | .mov | .mkv | .ts | .webm) die "'$out' is an ending without a name: the recording would be a hidden file" ;;
  esac
  [[ ! $in -ef $out ]] || die "'$in' and '$out' are the same file; write the recording to another"
  [[ ! -e $out || -n $force ]] || die "there is a file '$out' already; --force replaces it"
  # Where a link leads to, so that the link stays one.
  out=$(realpath -m -- "$out")
  folder=$(dirname -- "$out")
  [[ -d $folder ]] || die "there is no folder '$folder' to write to"

  trap 'die "nothing was recorded; '\''$out'\'' was not written"' INT
  # Beside OUT, so that the finished file is renamed and never copied.
  part=$folder/.$pipeline.$$.part
  container "$2"
  require decodebin "${encoder[0]}" "${muxer[0]}"
  temporary=("$part" "$part.mdat")
  { : >"$part"; } 2>/dev/null || die "cannot write to the folder '$folder'"
  # A frame that waits here is still explained after Ctrl-C. What a camera sends while there is no room is dropped.
  waiting=(queue max-size-buffers=4 max-size-bytes=0 max-size-time=0 !)
  [[ -z $live ]] || waiting=(queue leaky=downstream max-size-buffers=25 max-size-bytes=0 max-size-time=0 !)
  # I420, because RGB left alone would become 4:4:4, which few players show; even sizes, because 4:2:0 has no others.
  # Of a video that is not read to its end, how much of it has been read is no progress.
  [[ -z $frames || ! -t 1 ]] || counter=(identity name=counter silent=false !)
  recorder=(
    "${counter[@]}" queue ! videoconvert ! videoscale ! 'video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2]' !
    "${encoder[@]}" ! "${muxer[@]}" ! filesink location="$(escaped "$part")"
  )
}

# Whether there is no frame in what was recorded: muxers write their headers all the same.
is_empty() {
  case ${named,,} in
    # Frames lie in clusters (RFC 9559).
    *.mkv | *.webm) ! LC_ALL=C grep -qaF $'\x1f\x43\xb6\x75' -- "$part" ;;
    # It ends with the header of a box `mdat` that holds nothing.
    *.mp4 | *.m4v | *.mov) tail -c 4 -- "$part" | LC_ALL=C grep -qax mdat ;;
    *) false ;;
  esac || [[ ! -s $part ]]
}

finish_recording() {
  local empty=''
  if is_empty; then
    empty=yes
  fi
  if (($1 == 0)) && [[ -z $empty ]]; then
    mv -f -- "$part" "$out"
    printf '%s: written: %s\n' "$pipeline" "$out" >&2
    return
  fi
  [[ -z $abandoned ]] || die "abandoned; '$out' was not written"
  if (($1 == 0)) || [[ -n $interrupted ]]; then
    die "nothing was recorded; '$out' was not written"
  fi
  # A file can be recorded once more. What a camera sent is gone.
  if [[ -n $live && -z $empty ]]; then
    mv -f -- "$part" "$out"
    die "GStreamer failed, see above; '$out' has what was recorded until then"
  fi
  die "GStreamer failed, see above; '$out' was not written"
}
