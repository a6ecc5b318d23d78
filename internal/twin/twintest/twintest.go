// Package twintest is for tests: twins that a hub accepts and refuses, on both
// sides of each limit. All code that judges a twin is tried with all of them.
package twintest

import (
	"fmt"
	"strings"

	"tpmdps/internal/twin"
)

// Case is one part of a twin, as a user writes it.
type Case struct {
	Name string
	Part twin.Part // [twin.Tags] or [twin.Desired]
	JSON string
	// Path and Reason are in what is said of it: where, and a part of why. Both
	// are "" for what a hub accepts.
	Path, Reason string
	// Service is set where the refused members are those that a service writes: a
	// user must not, but an enrollment that comes back may have them.
	Service bool
}

// Accepted tells whether a hub accepts the part.
func (c Case) Accepted() bool { return c.Reason == "" }

// Initial is the part as an enrollment's member initialTwin.
func (c Case) Initial() string {
	if c.Part == twin.Tags {
		return `{"tags":` + c.JSON + `}`
	}
	return `{"properties":{"desired":` + c.JSON + `}}`
}

// Flag is the name of the option of enroll that sets the part.
func (c Case) Flag() string {
	if c.Part == twin.Tags {
		return "initial-twin-tags"
	}
	return "initial-twin-properties"
}

// Cases returns all of them, each for the tags and for the desired properties
// where it means the same for both.
func Cases() []Case {
	var all []Case
	for _, c := range append(names(), values()...) {
		for _, part := range []twin.Part{twin.Tags, twin.Desired} {
			both := c
			both.Part = part
			if part == twin.Desired {
				both.Name += ", desired"
			}
			if c.Reason != "" {
				both.Path = part.String() + c.Path
			}
			all = append(all, both)
		}
	}
	return append(all, sizes()...)
}

func accepted(name, json string) Case { return Case{Name: name, JSON: json} }

// refused is for a path that goes on from the part's.
func refused(name, json, path, reason string) Case {
	return Case{Name: name, JSON: json, Path: path, Reason: reason}
}

func names() []Case {
	x := strings.Repeat
	return []Case{
		accepted("no members", `{}`),
		accepted("members", `{"site":"north","line":7}`),
		accepted("signs in names", `{"a-b_c:d/e@f(g)h!i*j+k,l;m=n?o'p~q%r&s\\t\"u":1}`),
		accepted("names in other letters", `{"größe":1,"现场":2,"🏭":3}`),
		accepted("names differ in case", `{"line":1,"Line":2}`),
		accepted("name of 1024 bytes", `{"`+x("n", 1024)+`":1}`),
		refused("name of 1025 bytes", `{"`+x("n", 1025)+`":1}`, ".nnn", "the name has 1025 bytes"),
		accepted("name of 512 letters of 2 bytes", `{"`+x("é", 512)+`":1}`),
		refused("name of 513 letters of 2 bytes", `{"`+x("é", 513)+`":1}`, ".ééé", "the name has 1026 bytes"),
		refused("dollar", `{"a$b":1}`, ".a$b", `does not accept "$"`),
		refused("dollar at the begin", `{"$ref":{"a":1}}`, ".$ref", `does not accept "$"`),
		{Name: "metadata of a twin", JSON: `{"a":1,"$metadata":{"$lastUpdated":"x"},"$version":4}`, Path: ".$metadata", Reason: `does not accept "$"`, Service: true},
		refused("dot", `{"site":{"a.b":1}}`, ".site.a.b", `does not accept "."`),
		refused("dot alone", `{".":1}`, "..", `does not accept "."`),
		refused("number sign", `{"line#2":1}`, ".line#2", `does not accept "#"`),
		refused("blank", `{"site":{"line 2":1}}`, ".site.line 2", `a blank in the name "line 2"`),
		refused("blank at the end", `{"site ":1}`, ".site ", "a blank"),
		refused("no-break space", `{"line\u00a02":1}`, `.line\u00a02`, "a blank"),
		refused("ideographic space", `{"line　2":1}`, `.line\u30002`, "a blank"),
		refused("tab", `{"line\t2":1}`, `.line\t2`, "a control character"),
		refused("line break", `{"line\n2":1}`, `.line\n2`, "a control character"),
		refused("null character", `{"a\u0000":1}`, `.a\x00`, "a control character"),
		refused("delete", `{"a\u007f":1}`, `.a\x7f`, "a control character"),
		refused("control character of C1", `{"a\u0085":1}`, `.a\u0085`, "a control character"),
		refused("empty name", `{"":1}`, ".", "the name is empty"),
		refused("name in a list", `{"list":[{"ok":1},{"a b":1}]}`, ".list[1].a b", "a blank"),
		refused("name twice", `{"line":7,"line":8}`, "", "line appears twice"),
		refused("name twice, deeper", `{"site":{"line":7,"line":8}}`, "", "site.line appears twice"),
		refused("name twice, once escaped", `{"line":7,"l\u0069ne":8}`, "", "line appears twice"),
		refused("name twice in a list", `{"list":[{"a":1,"a":1}]}`, "", "appears twice"),
	}
}

func values() []Case {
	x := strings.Repeat
	return []Case{
		accepted("true, false, a text, numbers", `{"a":true,"b":false,"c":"","d":1.5,"e":-2e-3,"f":-0}`),
		accepted("null", `{"a":null,"b":{"c":null}}`),
		accepted("list", `{"a":[1,"b",true,{"c":[]},[[2]]]}`),
		refused("null in a list", `{"a":[1,null]}`, ".a[1]", "it is null"),
		refused("null in an object in a list", `{"a":[{"b":{"c":null}}]}`, ".a[0].b.c", "it is null"),
		accepted("text of 4096 bytes", `{"a":"`+x("v", 4096)+`"}`),
		refused("text of 4097 bytes", `{"a":"`+x("v", 4097)+`"}`, ".a", "the string has 4097 bytes"),
		accepted("text of 2048 letters of 2 bytes", `{"a":"`+x("ü", 2048)+`"}`),
		refused("text of 2049 letters of 2 bytes", `{"a":"`+x("ü", 2049)+`"}`, ".a", "the string has 4098 bytes"),
		accepted("text of 4096 bytes, escaped", `{"a":"`+x(`\u0041`, 4096)+`"}`),
		refused("long text in a list", `{"a":["`+x("v", 4097)+`"]}`, ".a[0]", "the string has 4097 bytes"),
		accepted("control characters in a text", `{"a":"\t\n\u0085"}`),
		accepted("largest integer", `{"a":4503599627370495}`),
		refused("integer 2^52", `{"a":4503599627370496}`, ".a", "the integer is not one from"),
		accepted("smallest integer", `{"a":-4503599627370496}`),
		refused("integer below -2^52", `{"a":-4503599627370497}`, ".a", "the integer is not one from"),
		refused("integer 2^53", `{"site":{"a":9007199254740992}}`, ".site.a", "the integer is not one from"),
		refused("integer 2^53+1", `{"a":9007199254740993}`, ".a", "the integer is not one from"),
		refused("integer of 64 bits", `{"a":18446744073709551615}`, ".a", "the integer is not one from"),
		refused("integer of 30 digits", `{"a":[123456789012345678901234567890]}`, ".a[0]", "the integer is not one from"),
		accepted("large integer as a text", `{"a":"9007199254740993"}`),
		accepted("large numbers", `{"a":1e300,"b":9007199254740993.5}`),
		refused("larger than a double", `{"a":1e400}`, ".a", "larger than a double"),
		accepted("10 levels", nested(10, `"text"`)),
		refused("11 levels", nested(11, `"text"`), x(".n", 11), "it is 11 levels deep"),
		refused("11 levels, the last one empty", nested(10, `{}`), x(".n", 11), "it is 11 levels deep"),
		refused("40 levels", nested(40, `1`), x(".n", 11), "it is 11 levels deep"),
		accepted("10 levels of lists", `{"n":`+x("[", 10)+x("]", 10)+`}`),
		refused("11 levels of lists", `{"n":`+x("[", 11)+x("]", 11)+`}`, ".n"+x("[0]", 10), "it is 11 levels deep"),
		refused("11 levels of both", nested(9, `[{}]`), x(".n", 10)+"[0]", "it is 11 levels deep"),
		refused("100 levels", nested(100, `1`), "", "nested too deep"),
		refused("half a character", `{"a":"\ud83d"}`, "", "half a character"),
	}
}

// nested is an object in which levels objects lie in each other, and a value in
// the last one.
func nested(levels int, value string) string {
	return strings.Repeat(`{"n":`, levels) + `{"n":` + value + `}` + strings.Repeat("}", levels)
}

// sizes has the two limits of size, each reached by other values.
func sizes() []Case {
	var all []Case
	for _, part := range []twin.Part{twin.Tags, twin.Desired} {
		limit := part.MaxSize()
		for _, fill := range []struct {
			name, begin string // of which a hub counts
			counted     int    // bytes
		}{
			{"texts", ``, 0},
			{"a number", `"n":1.5,`, 1 + 8},
			{"a long number", `"n":1234567890.123456789,`, 1 + 8},
			{"true and false", `"t":true,"f":false,`, 2 + 2*4},
			{"objects", `"o":{"p":{"q":"r"}},`, 4},
			{"lists", `"l":[1,[2],"abc"],`, 1 + 8 + 8 + 3},
			{"null", `"z":null,`, 1},
			{"control characters", `"c":"a\t\u0000\u0085b",`, 1 + 2},
			{"other letters", `"ü":"现🏭",`, 2 + 3 + 4},
		} {
			for over := range 2 {
				c := Case{Name: fmt.Sprintf("%s of %d bytes with %s", part, limit+over, fill.name), Part: part, JSON: filled(fill.begin, limit+over-fill.counted)}
				if over > 0 {
					c.Path, c.Reason = part.String(), fmt.Sprintf("it has %d bytes as a hub counts them, and a hub accepts %d", limit+1, limit)
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// filled is an object that has size counted bytes after begin: texts of at most
// 4000 bytes under names of 3.
func filled(begin string, size int) string {
	var members []string
	for n := 100; size > 0; n++ {
		text := min(size-3, 4000)
		if rest := size - 3 - text; rest > 0 && rest < 3 { // no room for a name
			text -= 3
		}
		members = append(members, fmt.Sprintf(`"%d":"%s"`, n, strings.Repeat("v", text)))
		size -= 3 + text
	}
	return "{" + begin + strings.Join(members, ",") + "}"
}
