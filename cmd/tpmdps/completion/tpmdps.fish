# Completion of tpmdps for fish. Load it now: tpmdps completion fish | source
# For all shells to come, write it to ~/.config/fish/completions/tpmdps.fish.
function __tpmdps_words
    # The program gets the words as they are: nothing in them is run by completing it.
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] completion words $words[2..-1] 2>/dev/null)
    if test (count $lines) -gt 0
        printf '%s\n' $lines
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c tpmdps -f -a '(__tpmdps_words)'
