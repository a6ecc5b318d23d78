# Completion of tpmdps for PowerShell. Load it now:
#   tpmdps completion powershell | Out-String | Invoke-Expression
# For all sessions to come, append it to the file that $PROFILE names.
Register-ArgumentCompleter -Native -CommandName tpmdps, tpmdps.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    # The program gets the words as they are: nothing in them is run by completing it.
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -le $cursorPosition } | ForEach-Object { $_.ToString() })
    $program, $rest = $words
    $rest = @($rest)
    if ($wordToComplete -eq '') { $rest += '""' } # an empty argument would be dropped
    & $program completion words @rest 2>$null | ForEach-Object {
        $word, $about = $_ -split "`t", 2
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $(if ($about) { $about } else { $word }))
    }
}
