#!/bin/sh
# Prepares this machine on the imaging line: reads its chip, enrolls it in DPS, proves
# that it comes up, and writes IoT Edge's configuration. Run it as root; running it again
# changes nothing that is right already. It asks nothing, and prints one line.
#
#   OUT         folder for what each step printed and for its error, as JSON
#   ID_SCOPE    the ID scope of the DPS
#   SECRET      file with a SAS token for the line (tpmdps token mint), readable by root only
#   BATCH       instead of SECRET: add the machine to this batch, and enroll it later
#   CONFIG      the configuration to write (/etc/aziot/config.toml)
#   NAME        registration ID or template, such as line7-{serial} (from the chip)
#
# It ends with 0: done; 75: run it again later; 1: stop the line, every other machine would
# fail in the same way; 2: a person has to look at this one; 3: put the machine aside.
set -u
if [ -z "${OUT:-}" ] || [ -z "${ID_SCOPE:-}" ] || [ -z "${SECRET:-}${BATCH:-}" ]; then
  echo "OUT, ID_SCOPE, and SECRET or BATCH have to be set"
  exit 1
fi
CONFIG=${CONFIG:-/etc/aziot/config.toml}
umask 077
mkdir -p "$OUT" || exit 1

# step NAME COMMAND...: runs tpmdps, keeps its result as NAME.json, or ends the script.
step() {
  name=$1
  shift
  tpmdps "$@" -q -o json >"$OUT/$name.new" 2>"$OUT/$name.error"
  code=$?
  if [ "$code" -eq 0 ]; then
    mv "$OUT/$name.new" "$OUT/$name.json" && rm -f "$OUT/$name.error" || exit 1
    return
  fi
  # The error is one object on one line; these two members need no JSON parser.
  if grep -q '"retryable":true' "$OUT/$name.error"; then
    end 75 "$name: code $code, again later"
  fi
  case $code in
  20 | 22 | 32 | 130) end 75 "$name: code $code, again later" ;;
  15 | 31 | 33 | 34 | 41 | 51) end 2 "$name: code $code, see $OUT/$name.error" ;;
  10 | 12 | 13 | 14) end 3 "$name: code $code, put this machine aside" ;;
  *) end 1 "$name: code $code, stop the line: $OUT/$name.error" ;; # known ones, and new ones
  esac
}

end() {
  echo "$2"
  exit "$1"
}

set -- read-ek
[ -z "${NAME:-}" ] || set -- "$@" --registration-id "$NAME"
[ -z "${BATCH:-}" ] || set -- "$@" --append "$BATCH"
step record "$@"
# The object is printed one member a line, so it needs no JSON parser.
id=$(sed -n 's/^  "registration_id": "\(.*\)",$/\1/p' "$OUT/record.json")
# An ID that is left out is derived from the chip, and compared with what config.toml has.
set --
[ -z "${NAME:-}" ] || set -- --registration-id "$id"

# Nothing is enrolled where the configuration is another machine's: a disk from the last one.
step plan config --dry-run --id-scope "$ID_SCOPE" --config "$CONFIG" "$@"
if [ -n "${BATCH:-}" ]; then
  step verify verify --offline
else
  step enroll enroll --from "$OUT/record.json" --sas-token-file "$SECRET" --edge-enabled
  step verify verify --id-scope "$ID_SCOPE" "$@"
fi
step config config --id-scope "$ID_SCOPE" --config "$CONFIG" "$@"
end 0 "done: $id"
