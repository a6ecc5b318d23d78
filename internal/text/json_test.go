package text

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A fault in JSON is named in words of the text, with its line.
func TestJSONFault(t *testing.T) {
	type record struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
		List   []string          `json:"list"`
		Set    bool              `json:"set"`
		At     time.Time         `json:"at"`
		Count  int               `json:"count"`
	}
	for data, want := range map[string]struct {
		line   int
		reason string
	}{
		"":                       {1, "it is empty"},
		" \n ":                   {1, "it is empty"},
		"{":                      {1, "it ends too early"},
		"{\"name\":\n\"x\"":      {2, "it ends too early"},
		"{\"name\":\"x":          {1, "it ends too early"},
		"{\"name\":\"x\n\"}":     {1, "it ends within a string: the closing \" is missing on its line"},
		"{\n\"name\":\"x\",\n}":  {3, "there is an extra comma before the }"},
		"{\"list\":[\"a\",]}":    {1, "there is an extra comma before the ]"},
		"{'name':1}":             {1, "a string in JSON is written in double quotes"},
		"{\n\n  name: 1\n}":      {3, `unexpected text "name: 1"`},
		"serial;key\n1;2":        {1, `unexpected text "serial;key"`},
		"{\"name\":\"a\tb\"}":    {1, "there is a control character"},
		"{\"name\":1}":           {1, "name has a number where a string belongs"},
		"{\n\"labels\":[1]}":     {2, "labels has a list where an object belongs"},
		"{\"labels\":{\"a\":1}}": {1, "labels has a number where a string belongs"},
		"{\"list\":\"x\"}":       {1, "list has a string where a list belongs"},
		"{\"set\":\"x\"}":        {1, "set has a string where true or false belongs"},
		"{\"count\":{}}":         {1, "count has an object where a number belongs"},
		"[]":                     {1, "it is a list, not an object"},
		"\"x\"":                  {1, "it is a string, not an object"},
		"{\"at\":\"yesterday\"}": {1, `"yesterday" is not a time such as`},
		"{\n\"nmae\":1}":         {2, `unknown field "nmae"`},
		"{\"name\":\u00a01}":     {1, "unexpected text \"?1}\""},
		"{\x1b[31m":              {1, "there is a control character"},
		"\ufeff{}":               {1, "unexpected text \"?{}\""},
		strings.Repeat("x", 100): {1, `unexpected text "xxxxxxxxxxxxxxxxxxxx…"`},
	} {
		var r record
		dec := json.NewDecoder(bytes.NewReader([]byte(data)))
		dec.DisallowUnknownFields()
		err := dec.Decode(&r)
		if err == nil {
			t.Errorf("%q was decoded", data)
			continue
		}
		if line, reason := JSONFault([]byte(data), err); line != want.line || !strings.Contains(reason, want.reason) {
			t.Errorf("JSONFault(%q) = %d, %q, want %d, %q", data, line, reason, want.line, want.reason)
		}
	}
}

func FuzzJSONFault(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Add([]byte("{\"a\":\"b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var value struct {
			A string            `json:"a"`
			B map[string]string `json:"b"`
		}
		err := json.Unmarshal(data, &value)
		if err == nil {
			return
		}
		line, reason := JSONFault(data, err)
		if line < 1 || line > 1+bytes.Count(data, []byte("\n")) || reason == "" || strings.ContainsAny(reason, "\n\x1b") {
			t.Errorf("JSONFault(%q, %v) = %d, %q", data, err, line, reason)
		}
	})
}
