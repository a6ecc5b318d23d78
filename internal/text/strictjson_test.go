package text

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// strictRecord has a field of every kind that DecodeJSON tells apart.
type strictRecord struct {
	ID     string            `json:"registration_id"`
	Name   string            `json:"name,omitempty"`
	Key    []byte            `json:"key,omitempty"`
	Set    bool              `json:"set"`
	Count  int               `json:"count"`
	Port   uint16            `json:"port,omitempty"`
	Rate   float64           `json:"rate,omitempty"`
	At     time.Time         `json:"at,omitzero"`
	List   []strictItem      `json:"list"`
	Labels map[string]string `json:"labels"`
	Inner  *strictItem       `json:"inner"`
	Free   json.RawMessage   `json:"free"`
	strictBase
}

type strictItem struct {
	ID string `json:"id"`
}

type strictBase struct {
	Schema string `json:"schema"`
}

// What has two meanings is refused in words of the text, with its line.
var unclearJSON = map[string]struct {
	line   int
	reason string
}{
	// twice
	`{"registration_id":"a","registration_id":"b"}`:           {1, "registration_id appears twice"},
	"{\"registration_id\":\"a\",\n\"registration_id\":\"a\"}": {2, "registration_id appears twice"},
	`{"registration_id":"a","registration\u005fid":"b"}`:      {1, "registration_id appears twice"},
	`{"registration_id":"a","Registration_ID":"b"}`:           {1, "Registration_ID appears twice, once as registration_id"},
	`{"inner":{"id":"a","id":"b"}}`:                           {1, "inner.id appears twice"},
	`{"list":[{"id":"a"},{"id":"b","id":"c"}]}`:               {1, "list[1].id appears twice"},
	`{"labels":{"a":"1","a":"2"}}`:                            {1, "labels.a appears twice"},
	`{"free":{"x":{"a":1,"a":2}}}`:                            {1, "free.x.a appears twice"},
	`{"free":[{"a":1,"a":1}]}`:                                {1, "free[0].a appears twice"},
	`{"future":{"a":1,"a":2}}`:                                {1, "future.a appears twice"},
	`{"future":1,"Future":2}`:                                 {1, "Future appears twice, once as future"},
	`{"schema":"a","schema":"b"}`:                             {1, "schema appears twice"},
	`{"":1,"":2}`:                                             {1, `"" appears twice`},
	// another spelling of a known member
	`{"Registration_Id":"a"}`:        {1, "Registration_Id must be spelled registration_id"},
	`{"REGISTRATION_ID":"a"}`:        {1, "REGISTRATION_ID must be spelled registration_id"},
	"{\n\"ſchema\":\"a\"}":           {2, "must be spelled schema"},
	"{\"\u212aey\":\"AA==\"}":        {1, "must be spelled key"},
	`{"inner":{"ID":"a"}}`:           {1, "inner.ID must be spelled id"},
	`{"list":[{"id":"a"},{"iD":1}]}`: {1, "list[1].iD must be spelled id"},
	// null
	`{"registration_id":null}`: {1, "registration_id has null where a string belongs"},
	`{"set":null}`:             {1, "set has null where true or false belongs"},
	`{"count":null}`:           {1, "count has null where a whole number belongs"},
	`{"inner":{"id":null}}`:    {1, "inner.id has null where a string belongs"},
	`{"list":[null]}`:          {1, "list[0] has null where an object belongs"},
	`{"labels":{"a":null}}`:    {1, "labels.a has null where a string belongs"},
	`null`:                     {1, "it is null, not an object"},
	// another kind
	`{"registration_id":7}`:          {1, "registration_id has a number where a string belongs"},
	`{"registration_id":true}`:       {1, "registration_id has true or false where a string belongs"},
	"{\n\n\"registration_id\":[7]}":  {3, "registration_id has a list where a string belongs"},
	`{"registration_id":{"a":1}}`:    {1, "registration_id has an object where a string belongs"},
	`{"name":7}`:                     {1, "name has a number where a string belongs"},
	`{"key":[1,2]}`:                  {1, "key has a list where a string belongs"},
	`{"set":"true"}`:                 {1, "set has a string where true or false belongs"},
	`{"set":1}`:                      {1, "set has a number where true or false belongs"},
	`{"count":"7"}`:                  {1, "count has a string where a whole number belongs"},
	`{"count":7.5}`:                  {1, "count has a number where a whole number belongs"},
	`{"count":99999999999999999999}`: {1, "count has a number where a whole number belongs"},
	`{"port":-1}`:                    {1, "port has a number where a whole number belongs"},
	`{"port":65536}`:                 {1, "port has a number where a whole number belongs"},
	`{"rate":"1"}`:                   {1, "rate has a string where a number belongs"},
	`{"at":1}`:                       {1, "at has a number where a string belongs"},
	`{"at":"yesterday"}`:             {1, `"yesterday" is not a time`},
	`{"list":{}}`:                    {1, "list has an object where a list belongs"},
	`{"list":["a"]}`:                 {1, "list[0] has a string where an object belongs"},
	`{"labels":[]}`:                  {1, "labels has a list where an object belongs"},
	`{"inner":"a"}`:                  {1, "inner has a string where an object belongs"},
	`[]`:                             {1, "it is a list, not an object"},
	`"a"`:                            {1, "it is a string, not an object"},
	// something behind it
	`{} {}`:                    {1, "there is more after its end"},
	"{}\n\n7":                  {3, "there is more after its end"},
	`{}}`:                      {1, "there is more after its end"},
	`{"registration_id":"a"},`: {1, "there is more after its end"},
	"{}\x00":                   {1, "there is more after its end"},
	// not Unicode
	"{\"registration_id\":\"a\xff\"}":      {1, "a character is not UTF-8"},
	"{\"free\":\"\xc0\xaf\"}":              {1, "a character is not UTF-8"},
	"{\"free\":\"\xed\xa0\x80\"}":          {1, "a character is not UTF-8"},
	"{\n\"f\xe4\":1}":                      {2, "a character is not UTF-8"},
	`{"registration_id":"\ud83d"}`:         {1, "a string has half a character"},
	`{"registration_id":"\ud83dx"}`:        {1, "a string has half a character"},
	`{"registration_id":"\udd12"}`:         {1, "a string has half a character"},
	`{"registration_id":"\ud83d\ud83d"}`:   {1, "a string has half a character"},
	`{"registration_id":"\ud83d\\udd12"}`:  {1, "a string has half a character"},
	"{\n\"free\":{\"\\udc00\":1}}":         {2, "a string has half a character"},
	`{"future":["\uD83D\uDD12","\uDBFF"]}`: {1, "a string has half a character"},
	`{"registration_id":"\\\\\\\ud800"}`:   {1, "a string has half a character"},
	// too deep
	`{"free":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + "}":             {1, "it is nested too deep"},
	`{"future":` + strings.Repeat(`{"a":`, 99) + "1" + strings.Repeat("}", 99) + "}": {1, "it is nested too deep"},
	`{"free":` + strings.Repeat("[", 20000):                                          {1, "it is nested too deep"},
	// no JSON
	``:                         {1, "it is empty"},
	`{"registration_id":"a"`:   {1, "it ends too early"},
	`{"registration_id":"a",}`: {1, "there is an extra comma before the }"},
	`{"free":[1,]}`:            {1, "there is an extra comma before the ]"},
	`{"registration_id" "a"}`:  {1, "unexpected text"},
	`{registration_id:"a"}`:    {1, "unexpected text"},
	`{"free":01}`:              {1, "unexpected text"},
	`{"free":NaN}`:             {1, "unexpected text"},
	`{"free":"\x41"}`:          {1, "unexpected text"},
	"\ufeff{}":                 {1, "unexpected text"},
}

func TestDecodeJSONRefuses(t *testing.T) {
	for data, want := range unclearJSON {
		var r strictRecord
		err := DecodeJSON([]byte(data), &r)
		var fault *JSONError
		if !errors.As(err, &fault) || fault.Line != want.line || !strings.Contains(fault.Reason, want.reason) {
			t.Errorf("DecodeJSON(%.80q) = %v, want line %d, %q", data, err, want.line, want.reason)
			continue
		}
		for _, foreign := range []string{"json", "Go ", "unmarshal", "struct", "invalid character", "\x1b", "\x00"} {
			if strings.Contains(fault.Reason, foreign) {
				t.Errorf("DecodeJSON(%.80q) = %q, has %q", data, fault.Reason, foreign)
			}
		}
	}
	t.Logf("%d texts", len(unclearJSON))
}

func TestDecodeJSONAccepts(t *testing.T) {
	for _, data := range []string{
		`{}`, ` {"registration_id":"a"} ` + "\n", `{"name":null,"key":null,"list":null,"labels":null,"inner":null,"free":null}`,
		`{"registration_id":"\ud83d\udd12 ä \\ud83d \\\\udd12 \u0041","key":"AAEC","set":true,"count":-7,"port":65535,"rate":1e3,"at":"2026-01-02T03:04:05Z"}`,
		`{"list":[{"id":"a"},{"id":"b"}],"inner":{"id":"a"},"labels":{"a":"1","A":"2"},"schema":"s"}`,
		`{"free":{"a":1,"A":2,"b":{"a":1}},"future":{"id":1,"ID":2,"registration_id":3}}`,
		`{"free":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "}",
	} {
		var r, plain strictRecord
		if err := DecodeJSON([]byte(data), &r); err != nil {
			t.Errorf("DecodeJSON(%s) = %v", data, err)
		}
		if err := json.Unmarshal([]byte(data), &plain); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		a, _ := json.Marshal(r)
		b, _ := json.Marshal(plain)
		if string(a) != string(b) {
			t.Errorf("DecodeJSON(%s) read %s, want %s", data, a, b)
		}
	}
}

func TestDecodeKnownJSON(t *testing.T) {
	for data, want := range map[string]string{
		`{"registration_id":"a","registraton_id":"b"}`: `unknown field "registraton_id"`,
		`{"inner":{"id":"a","x\u001b":1}}`:             `unknown field "x?"`,
		`{"schema":"s","labels":{"x":"1"}}`:            "",
	} {
		var r strictRecord
		err := DecodeKnownJSON([]byte(data), &r)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("DecodeKnownJSON(%s) = %v, want %q", data, err, want)
		}
	}
}

// Whatever is accepted is read in one way: encoding/json writes it again with
// each member once, and reads that as the same.
func FuzzDecodeJSON(f *testing.F) {
	for _, data := range slices.Sorted(maps.Keys(unclearJSON)) {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r strictRecord
		err := DecodeJSON(data, &r)
		if err != nil {
			var fault *JSONError
			if !errors.As(err, &fault) || fault.Line < 1 || fault.Reason == "" || strings.ContainsAny(fault.Reason, "\n\x1b") {
				t.Errorf("DecodeJSON(%q) = %#v", data, err)
			}
			return
		}
		if !json.Valid(data) {
			t.Errorf("accepted %q", data)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(data, &members); err != nil {
			t.Fatal(err)
		}
		var id string
		if raw, ok := members["registration_id"]; ok && json.Unmarshal(raw, &id) != nil || id != r.ID {
			t.Errorf("%q: read %q, the member says %q", data, r.ID, id)
		}
		if err := CheckJSON(data); err != nil {
			t.Errorf("CheckJSON(%q) = %v", data, err)
		}
	})
}
