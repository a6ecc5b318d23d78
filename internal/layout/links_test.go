package layout_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/russross/blackfriday/v2"
)

// TestLinks: every link of the documents leads somewhere. No network is used: of
// another site only the form of the address is looked at.
func TestLinks(t *testing.T) {
	links, err := readLinks(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(links) < 100 {
		t.Errorf("only %d links were found", len(links))
	}
	for _, l := range links {
		if fault := l.fault(); fault != "" {
			t.Errorf("%s: (%s) %s", l.page, l.to, fault)
		}
	}
}

// link is a link of a document, and the documents it may lead to.
type link struct {
	page, to string
	library  *library
}

// library is what links of this tree can lead to.
type library struct {
	root    fs.FS
	anchors map[string][]string // by document
}

// readLinks finds the links of README.md and of the documents in docs. What looks
// like a link and is not read as one is among them.
func readLinks(root fs.FS) ([]link, error) {
	var links []link
	all := &library{root, map[string][]string{}}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && name != "docs" && !strings.HasPrefix(name, "docs/"):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".md"):
			return nil
		}
		content, err := fs.ReadFile(root, name)
		page := readPage(content)
		all.anchors[name] = page.anchors
		for _, to := range page.links {
			links = append(links, link{name, to, all})
		}
		return err
	})
	return links, err
}

// page is what matters of a document here.
type page struct{ links, anchors []string }

func readPage(content []byte) (p page) {
	repeated := map[string]int{}
	parser := blackfriday.New(blackfriday.WithExtensions(blackfriday.CommonExtensions &^ blackfriday.HeadingIDs))
	parser.Parse(content).Walk(func(n *blackfriday.Node, entering bool) blackfriday.WalkStatus {
		switch {
		case !entering:
		case n.Type == blackfriday.Link && bare.MatchString(plainText(n)): // which GitHub makes no link of
		case n.Type == blackfriday.Link, n.Type == blackfriday.Image:
			p.links = append(p.links, string(n.LinkData.Destination))
		case n.Type == blackfriday.Text && (strings.Contains(string(n.Literal), "](") || strings.Contains(string(n.Literal), "][")):
			p.links = append(p.links, string(n.Literal))
		case n.Type == blackfriday.Heading:
			p.anchors = append(p.anchors, anchor(plainText(n), repeated))
		}
		return blackfriday.GoToNext
	})
	return p
}

// bare is an address in a sentence whose host has no dot: http://HOST:PORT.
var bare = regexp.MustCompile(`^https?://[^./]*$`)

// plainText is the text of a heading or link, without what makes it bold.
func plainText(of *blackfriday.Node) string {
	var text strings.Builder
	of.Walk(func(n *blackfriday.Node, entering bool) blackfriday.WalkStatus {
		if entering && (n.Type == blackfriday.Text || n.Type == blackfriday.Code) {
			text.Write(n.Literal)
		}
		return blackfriday.GoToNext
	})
	return text.String()
}

// anchor is the name that GitHub gives to a heading: the second of one name gets a
// number. repeated counts them.
func anchor(heading string, repeated map[string]int) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.TrimSpace(heading))
	n := repeated[name]
	repeated[name]++
	if n > 0 {
		return fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// fault says why a link leads nowhere, or is "".
func (l link) fault() string {
	to, err := url.Parse(l.to)
	switch {
	case err != nil:
		return err.Error()
	case strings.ContainsFunc(l.to, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("[]()<>", r) }):
		return "is not a link, or not a whole one"
	case to.Scheme != "" || to.Host != "":
		return addressFault(to)
	case to.RawQuery != "" || path.IsAbs(to.Path) || l.to == "":
		return "is not a path from the folder of the document"
	}
	name := l.page
	if to.Path != "" {
		name = path.Join(path.Dir(l.page), to.Path)
	}
	if _, err := fs.Stat(l.library.root, name); err != nil {
		return "leads to a file that is not there"
	}
	if to.Fragment != "" && !slices.Contains(l.library.anchors[name], to.Fragment) {
		return "leads to a heading that is not there"
	}
	return ""
}

// addressFault says what is wrong with the form of an address of another site.
func addressFault(to *url.URL) string {
	labels := strings.Split(to.Host, ".")
	switch {
	case to.Scheme != "https":
		return "is not an https address"
	case len(labels) < 2 || slices.Contains(labels, "") || strings.ToLower(to.Host) != to.Host || to.User != nil:
		return "has a host that cannot be a site of the Internet"
	}
	return ""
}

// TestLinksAreSeenBroken breaks every link of this tree's documents: one letter
// less, one letter other, at each place of a path or a heading's name; of another
// site's address the scheme and the dots of the host.
func TestLinksAreSeenBroken(t *testing.T) {
	links, err := readLinks(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, l := range links {
		for _, broken := range breakLink(l.to) {
			if l.leadsElsewhere(broken) {
				continue
			}
			tried++
			if (link{l.page, broken, l.library}).fault() == "" {
				t.Errorf("%s: (%s) is not seen to be broken as (%s)", l.page, l.to, broken)
			}
		}
	}
	if tried < 20*len(links) {
		t.Errorf("only %d links were broken, of %d", tried, len(links))
	}
}

func breakLink(to string) (broken []string) {
	if host, found := strings.CutPrefix(to, "https://"); found {
		host, rest, _ := strings.Cut(host, "/")
		for i := range len("https") {
			broken = append(broken, to[:i]+to[i+1:])
		}
		return append(broken, "https:/"+host+"/"+rest, "https://"+strings.ReplaceAll(host, ".", "")+"/"+rest, "https://"+strings.Replace(host, ".", "..", 1)+"/"+rest)
	}
	for i := range len(to) {
		if strings.ContainsRune("./#", rune(to[i])) {
			continue
		}
		other := "q"
		if to[i] == 'q' {
			other = "x"
		}
		broken = append(broken, to[:i]+to[i+1:], to[:i]+other+to[i+1:])
	}
	return broken
}

// leadsElsewhere reports whether a link leads to another place that is there: two headings
// of one name differ by a number.
func (l link) leadsElsewhere(to string) bool {
	name, heading, _ := strings.Cut(to, "#")
	if was, _, _ := strings.Cut(l.to, "#"); name != was {
		return false
	}
	file := l.page
	if name != "" {
		file = path.Join(path.Dir(l.page), name)
	}
	return heading != "" && slices.Contains(l.library.anchors[file], heading)
}

// TestLinkForms has the ways in which Markdown writes links, each right and wrong.
func TestLinkForms(t *testing.T) {
	root := fstest.MapFS{
		"docs/a.md": {Data: []byte("# A `--flag`, [a link](b.md) and *more*\n\n## Twice\n\n## Twice\n\n## Über_uns & Co.\n\n```\n# not a heading\n```\n\nSetext heading\n---\n")},
		"docs/b.md": {Data: []byte("# B\n")}, "docs/c/d.md": {Data: []byte("# D\n")}, "LICENSE": {}, "README.md": {Data: []byte("# R\n")},
	}
	for text, dead := range map[string]int{
		"[x](b.md)": 0, "[x](b.m)": 1, "[x](B.md)": 1, "[x](c)": 0, "[x](../LICENSE)": 0, "[x](../LICENCE)": 1, "[x](../../LICENSE)": 1, "[x](/docs/b.md)": 1,
		"[x](b.md#b)": 0, "[x](b.md#B)": 1, "[x](#here)": 0, "[x](#there)": 1, "[x](b.md#here)": 1, "[x](../LICENSE#l1)": 1, "[x](../README.md#r)": 0,
		"[x](a.md#a---flag-a-link-and-more)": 0, "[x](a.md#a---flag-a-link-and-more-1)": 1, "[x](a.md#a---flag--a-link-and-more)": 1, "[x](a.md#a---flag,-a-link-and-more)": 1,
		"[x](a.md#twice)": 0, "[x](a.md#twice-1)": 0, "[x](a.md#twice-2)": 1, "[x](a.md#über_uns--co)": 0, "[x](a.md#not-a-heading)": 1, "[x](a.md#setext-heading)": 0,
		"`[x](none.md)`": 0, "```\n[x](none.md)\n```": 0, "    [x](none.md)": 0, "[two\nlines](none.md)": 1, "**[x](none.md)**": 1, "- [x](none.md)": 1,
		"| a |\n|---|\n| [x](none.md) |": 1, "![x](none.svg)": 1, "[x](none.md \"title\")": 1, "[x](b.md \"title\")": 0, "[![x](none.svg)](b.md)": 1,
		"[x][y]\n\n[y]: b.md": 0, "[x][y]\n\n[y]: none.md": 1, "[x][y]": 1, "[x](<b.md>)": 0, "[x](b .md)": 1, "[x]()": 1, "[x](b.md?y)": 1, "[x](%zz)": 1,
		"[x](https://example.com/a)": 0, "[x](http://example.com/a)": 1, "[x](https:/example.com/a)": 1, "[x](https://example/a)": 1, "[x](https://exam..ple.com)": 1,
		"<https://example.com/a>": 0, "<http://example.com/a>": 1, "https://example.com": 0, "http://example.com": 1, "http://HOST:PORT": 0, "[x](ftp://example.com)": 1, "[x](//example.com)": 1, "[x](https://me@example.com)": 1,
	} {
		root["docs/page.md"] = &fstest.MapFile{Data: []byte("# Here\n\n" + text + "\n")}
		links, err := readLinks(root)
		if err != nil {
			t.Fatal(err)
		}
		found := slices.DeleteFunc(links, func(l link) bool { return l.page != "docs/page.md" || l.fault() == "" })
		if len(found) != dead {
			t.Errorf("%q: %d dead links, want %d", text, len(found), dead)
		}
	}
}
