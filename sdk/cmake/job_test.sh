#!/bin/sh
# job_test.sh STEPD STEPCTL JOB [--real] [--config FILE] [--outputs FILE]
#             [--first FILE]... [--path PATH] PLUGIN...
#
# Plays every way the job in the file can take (stepctl job test), in a daemon of its own with these
# plugins. Ends with 0 when no path is broken and no step at fault. Everything lies in a scratch
# folder, which is also the plugins' home. Jobs given with --first run before, and must succeed.
# --path plays one path and prints its journal.
set -eu

again="$0 $*"
stepd=$1 stepctl=$2 job=$3
shift 3
real='' config='' outputs='' first='' path=''
place=$(mktemp -d /tmp/stepd-job-test-XXXXXX)
daemon=''

end() {
  code=$?
  trap - EXIT
  trap '' PIPE  # nobody may read on
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || :
    wait "$daemon" || :
  fi
  if [ "$code" -ne 0 ] && [ -s "$place/log" ]; then
    echo "-- what stepd said last" >&2
    tail -n 20 "$place/log" >&2
    echo "-- one path again, with its journal, in a daemon like this one" >&2
    echo "$again --path PATH" >&2
  fi
  rm -rf "$place"
  exit "$code"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

mkdir "$place/plugins"
while [ $# -gt 0 ]; do
  case $1 in
    --real) real=yes ;;
    --config) config=$2 && shift ;;
    --outputs) outputs=$2 && shift ;;
    --path) path=$2 && shift ;;
    --first) cat "$2" >>"$place/first.jsonl" && echo >>"$place/first.jsonl" && first=yes && shift ;;
    *) cp "$1" "$place/plugins/" ;;
  esac
  shift
done

export HOME="$place" XDG_DATA_HOME="$place/data" XDG_STATE_HOME="$place/state_home"
export STEPD_SERVER="unix:$place/stepd.sock"
unset STEPD_TOKEN_FILE
if [ -z "$config" ]; then
  config=$place/stepd.toml
  : >"$config"
fi

mkfifo "$place/said"
"$stepd" --state-dir "$place/state" --plugins "$place/plugins" --config "$config" \
  --listen "$STEPD_SERVER" ${real:+--real-steps} 2>"$place/said" >&2 &
daemon=$!
exec 3<"$place/said"
listens=''
while IFS= read -r line <&3; do
  printf '%s\n' "$line" >>"$place/log"
  case $line in *" listening "*) listens=yes && break ;; esac
done
if [ -z "$listens" ]; then
  echo "error: $stepd did not start" >&2
  exit 1
fi
cat <&3 >>"$place/log" &

if [ -n "$first" ]; then
  "$stepctl" job submit "$place/first.jsonl" --strict --wait --quiet >/dev/null
fi
"$stepctl" job test "$job" ${outputs:+--outputs "$outputs"} ${path:+--path "$path"} \
  ${real:+--real --yes}
