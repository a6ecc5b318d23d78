package tpm

import "testing"

func TestRecommend(t *testing.T) {
	usable, edge, both, neither := Candidate{Usable: true}, Candidate{IoTEdge: true}, Candidate{Usable: true, IoTEdge: true}, Candidate{}
	for name, tt := range map[string]struct {
		candidates []Candidate
		want       Recommendation
	}{
		"nothing":                       {nil, EnrollNone},
		"none is usable":                {[]Candidate{edge, neither}, EnrollNone},
		"IoT Edge's":                    {[]Candidate{both, usable}, EnrollIoTEdges},
		"IoT Edge's, last":              {[]Candidate{neither, usable, both}, EnrollIoTEdges},
		"IoT Edge's, and no other":      {[]Candidate{both}, EnrollIoTEdges},
		"IoT Edge's cannot be used":     {[]Candidate{edge, usable}, ReplacePersistent},
		"the other one is first":        {[]Candidate{usable, edge}, ReplacePersistent},
		"none is said to be IoT Edge's": {[]Candidate{neither, usable}, ReplacePersistent},
	} {
		if got := Recommend(tt.candidates); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
