#compdef tpmdps
# Completion of tpmdps for zsh. Load it now: source <(tpmdps completion zsh)
# For all shells to come, write it to a file named _tpmdps in a directory of $fpath.
_tpmdps() {
	local -a lines described
	local line
	# The program gets the words as they are: nothing in them is run by completing it.
	lines=("${(@f)$("${words[1]/#\~/$HOME}" completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -z ${lines[1]} ]]; then
		_files
		return
	fi
	for line in $lines; do
		described+=("${line%%$'\t'*}:${line#*$'\t'}")
	done
	_describe tpmdps described
}
if [[ ${funcstack[1]} == _tpmdps ]]; then
	_tpmdps "$@"
else
	compdef _tpmdps tpmdps
fi
