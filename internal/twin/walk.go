package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// walk reads a text that is known to be JSON, token by token. It writes down the
// faults and counts the size.
type walk struct {
	dec    *json.Decoder
	faults []Fault
	size   int
}

func newWalk(raw []byte) *walk {
	w := &walk{dec: json.NewDecoder(bytes.NewReader(raw))}
	w.dec.UseNumber()
	return w
}

func (w *walk) fault(path, format string, a ...any) {
	w.faults = append(w.faults, Fault{path, fmt.Sprintf(format, a...)})
}

// value reads one value. depth is how many objects and lists are around it,
// listed whether one of them is a list.
func (w *walk) value(path string, depth int, listed bool) {
	token, err := w.dec.Token()
	if err != nil {
		return
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == MaxDepth+1 { // once, not for what lies in it
			w.fault(path, "it is %d levels deep, and a hub accepts %d", depth, MaxDepth)
		}
		if token == '{' {
			w.object(path, depth, listed)
		} else {
			w.list(path, depth)
		}
	case string:
		w.size += countedBytes(token)
		if len(token) > MaxText {
			w.fault(path, "the string has %d bytes, and a hub accepts %d", len(token), MaxText)
		}
	case json.Number:
		w.size += 8
		w.number(path, token.String())
	case bool:
		w.size += 4
	case nil:
		// Elsewhere it is how a property is taken away. That hubs refuse it in
		// lists, and in objects that lie in one: azure-iot-sdk-csharp issue 1741.
		if listed {
			w.fault(path, "it is null, which a hub does not accept in a list")
		}
	}
}

func (w *walk) object(path string, depth int, listed bool) {
	for w.dec.More() {
		token, err := w.dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return
		}
		inside := path + "." + displayName(name)
		w.size += countedBytes(name)
		w.name(inside, name)
		w.value(inside, depth+1, listed)
	}
	w.dec.Token() // its end
}

// list reads a list, which lies as deep as an object: IoT Edge's own hub, which
// has its rules from IoT Hub, counts both (azure iotedge pull 4896).
func (w *walk) list(path string, depth int) {
	for n := 0; w.dec.More(); n++ {
		w.value(fmt.Sprintf("%s[%d]", path, n), depth+1, true)
	}
	w.dec.Token() // its end
}

func (w *walk) name(path, name string) {
	switch bad := refusedIn(name); {
	case name == "":
		w.fault(path, "the name is empty")
	case bad != "":
		w.fault(path, "a hub does not accept %s in the name \"%s\"", bad, displayName(name))
	}
	if len(name) > MaxName {
		w.fault(path, "the name has %d bytes, and a hub accepts %d", len(name), MaxName)
	}
}

// refusedIn says what a name must not have, "" if it has none of it. The
// documentation names control characters, the dot, the dollar sign and the space.
// The number sign is named by the hub's own refusal (azure-iot-sdk-java issue
// 243), and IoT Edge's hub refuses it and every kind of blank.
func refusedIn(name string) string {
	for _, r := range name {
		switch {
		case r == '.' || r == '$' || r == '#':
			return strconv.Quote(string(r))
		case unicode.IsControl(r):
			return "a control character"
		case unicode.IsSpace(r), unicode.In(r, unicode.Z):
			return "a blank"
		}
	}
	return ""
}

// number judges a number as it is spelled: with a fraction or an exponent it is not
// an integer, and only has to be one that a double holds.
func (w *walk) number(path, spelled string) {
	if strings.ContainsAny(spelled, ".eE") {
		if f, err := strconv.ParseFloat(spelled, 64); err != nil || math.IsInf(f, 0) {
			w.fault(path, "the number is larger than a double holds")
		}
		return
	}
	if n, err := strconv.ParseInt(spelled, 10, 64); err != nil || n < MinInteger || n > MaxInteger {
		w.fault(path, "the integer is not one from %d to %d, which are those that a hub accepts; as a string, in quotes, it keeps its value", int64(MinInteger), int64(MaxInteger))
	}
}

// countedBytes is the length of a text as a hub counts it: without the control
// characters of both segments, C0 and C1.
func countedBytes(s string) int {
	n := len(s)
	for _, r := range s {
		if unicode.IsControl(r) {
			n -= len(string(r))
		}
	}
	return n
}

// displayName is a name fit for a terminal: what cannot be seen is written as in Go.
func displayName(name string) string {
	const longest = 60
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest]) + "…"
	}
	quoted := strconv.Quote(name)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
