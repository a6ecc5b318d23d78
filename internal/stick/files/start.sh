#!/bin/sh
# Runs the tpmdps on this stick that is for this machine:
#
#	sudo sh start.sh                 test this box and add it to the batch on the stick
#	sudo sh start.sh --operator ANN  the same, with flags of tpmdps bench
#	sudo sh start.sh read-ek         any other command of tpmdps
#
# It works from a stick that is mounted read-only, and from one from which no program
# may be started: then a copy runs, which is removed afterwards.

fail() {
	echo "start.sh: $*" >&2
	exit 1
}

case $0 in
*/*) stick=${0%/*}/ ;;
*) stick=./ ;;
esac
# The slash at the end keeps a line end that the name of the folder may end with.
stick=$(CDPATH='' cd -P -- "$stick" && printf '%s/' "${PWD%/}") || fail "this folder cannot be opened: $stick"

[ "$(uname -s)" = Linux ] || fail "the programs on this stick are for Linux, and for Windows (start.cmd), not for $(uname -s)"
case $(uname -m) in
x86_64 | amd64) system=linux-amd64 ;;
aarch64 | arm64) system=linux-arm64 ;;
armv7* | armv8l) system=linux-armv7 ;;
riscv64) system=linux-riscv64 ;;
*) fail "there is no program for a processor of the kind $(uname -m)" ;;
esac
program=${stick}bin/tpmdps-$system
[ -f "$program" ] || fail "$program is missing: make the stick again with the release for this system (tpmdps stick init)"

runs() { "$1" version -o none </dev/null >/dev/null 2>&1; }

copy=
if ! runs "$program"; then
	trap '[ -z "$folder" ] || rm -rf "$folder"' EXIT
	trap : HUP INT QUIT TERM # tpmdps ends by itself; then the copy is removed
	tried=
	for place in "${TMPDIR:-/tmp}" /dev/shm /run /var/tmp "${HOME:-/root}"; do
		folder=$place/tpmdps-$$
		mkdir -m 700 "$folder" 2>/dev/null || {
			folder=
			continue
		}
		tried="$tried $place"
		if cp "$program" "$folder/tpmdps" 2>/dev/null && chmod 700 "$folder/tpmdps" && runs "$folder/tpmdps"; then
			copy=$folder/tpmdps
			break
		fi
		rm -rf "$folder"
		folder=
	done
	if [ -z "$copy" ]; then
		echo "start.sh: $program cannot be started, nor can a copy of it in:${tried:- any other place}" >&2
		echo "start.sh: copy it to a place from which this machine lets programs run, and run it there:" >&2
		echo "  sudo install -m 755 '$program' /usr/local/bin/tpmdps" >&2
		echo "  sudo tpmdps bench --append '${stick}batch.jsonl'" >&2
		echo "start.sh: if that fails as well, the stick may be damaged: sh start.sh stick check, on another machine" >&2
		exit 1
	fi
	echo "start.sh: no program can be started from this stick here (noexec); a copy of it runs in $place, and is removed afterwards" >&2
fi

TPMDPS_STICK=$stick
export TPMDPS_STICK
case ${1-} in
-h | --help | --version) ;;
-*) set -- bench --append "${stick}batch.jsonl" "$@" ;;
*) [ $# -gt 0 ] || set -- bench --append "${stick}batch.jsonl" ;;
esac
[ -n "$copy" ] || exec "$program" "$@"
"$copy" "$@"
exit $?
