package text

import "regexp"

// goWords are what Go's libraries say of a connection, a file or a time, and the
// words for people who do not know them. The longer ones stand first.
var goWords = []struct {
	pattern *regexp.Regexp
	plain   string
}{
	{regexp.MustCompile(` ?\(Client\.Timeout[^)]*\)`), ""},
	{regexp.MustCompile(`net/http: HTTP/[0-9.x]+ transport connection broken: `), ""},
	{regexp.MustCompile(`net/http: HTTP/[0-9.x]+ transport connection broken`), "the connection broke"},
	{regexp.MustCompile(`net/http: TLS handshake timeout`), "the TLS handshake timed out"},
	{regexp.MustCompile(`net/http: timeout awaiting response headers`), "timed out waiting for an answer"},
	{regexp.MustCompile(`net/http: request canceled while waiting for connection`), "timed out waiting for a connection"},
	{regexp.MustCompile(`net/http: request canceled`), "the request was given up"},
	{regexp.MustCompile(`(?:net/http|http): server gave HTTP response to HTTPS client`), "it speaks HTTP, not HTTPS"},
	{regexp.MustCompile(`(?:net/http|http): server closed idle connection`), "the server closed the connection"},
	{regexp.MustCompile(`(?:net/http|http): server replied with more than declared Content-Length; truncated`), "the answer is longer than it says"},
	{regexp.MustCompile(`(?:net/http: |http: )?ContentLength=\d+ with Body length \d+`), "the request was cut short"},
	{regexp.MustCompile(`net/http: HTTP/[0-9.x]+ (?:transport )?`), ""},
	{regexp.MustCompile(`malformed (?:HTTP|MIME) [a-z]+(?: line| code)?`), "it is not an answer in HTTP:"},
	{regexp.MustCompile(`tls: first record does not look like a TLS handshake`), "what answered does not speak TLS"},
	{regexp.MustCompile(`(?:tls: )?use of closed (?:network )?connection`), "the connection was closed"},
	{regexp.MustCompile(`use of closed file|file already closed`), "the file was closed"},
	{regexp.MustCompile(`io: read/write on closed pipe`), "the pipe was closed"},
	{regexp.MustCompile(`context deadline exceeded|i/o timeout`), "timed out"},
	{regexp.MustCompile(`context canceled|operation was canceled`), "interrupted"},
	{regexp.MustCompile(`unexpected EOF`), "it ended half-way"},
	{regexp.MustCompile(`(^|: )EOF($|[;,.) ])`), "${1}it ended before anything came$2"},
	{regexp.MustCompile(`invalid character ('(?:\\.|[^'\\])+'|'\\''|'.') (?:looking for|after|in) [a-z ]*(?:'.'[a-z ]*|"."[a-z ]*|\([a-z ]*\))?`), "it is not valid JSON, at the character $1"},
	{regexp.MustCompile(`signal: (killed|interrupt|terminated|aborted|segmentation fault)`), "it was ended ($1)"},
}

// Plain says in plain words what Go's libraries say in their own, wherever that
// stands in a text. What has none of theirs stays as it is.
func Plain(text string) string {
	for _, word := range goWords {
		text = word.pattern.ReplaceAllString(text, word.plain)
	}
	return text
}

// GoWords matches words of Go's libraries that Plain leaves in no text: for tests of
// what reaches people.
var GoWords = regexp.MustCompile(`unexpected EOF|: EOF\b|transport connection broken|use of closed|deadline exceeded|context canceled|i/o timeout|Client\.Timeout|net/http|invalid character '`)
