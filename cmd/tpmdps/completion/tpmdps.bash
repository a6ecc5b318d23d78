# Completion of tpmdps for bash. Load it now: source <(tpmdps completion bash)
# For all shells to come, write it to /usr/share/bash-completion/completions/tpmdps.
_tpmdps() {
	local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]}
	[[ $cur == "=" ]] && cur=
	# The program gets the words as they are: nothing in them is run by completing it.
	local words
	words=$("${COMP_WORDS[0]/#\~/$HOME}" completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1)
	# shellcheck disable=SC2207 # one word a line, none with a pattern in it
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _tpmdps tpmdps
