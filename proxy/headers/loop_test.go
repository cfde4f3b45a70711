package headers

import (
	"net/http"
	"strings"
	"testing"

	"usher/proxy/config"
)

// lastOf is list and id without what is forgotten.
func lastOf(list, id string) string {
	ids := append(strings.Split(list, ", "), id)
	return strings.Join(ids[len(ids)-maxVia:], ", ")
}

func TestMark(t *testing.T) {
	rules := Rules{ID: "0123456789abcdef"}
	others := make([]string, maxVia+5)
	for i := range others {
		others[i] = NewID()
	}
	passes := func(n int) string { return strings.Join(append([]string{rules.ID}, others[:n-1]...), ", ") }
	rounds := strings.TrimSuffix(strings.Repeat(rules.ID+", ", maxPasses), ", ")
	for name, tt := range map[string]struct {
		lines []string
		want  string
		loops bool
	}{
		"nobody":          {nil, rules.ID, false},
		"another":         {[]string{"fedcba9876543210"}, "fedcba9876543210, " + rules.ID, false},
		"two lines":       {[]string{"fedcba9876543210", "0000000000000000"}, "fedcba9876543210, 0000000000000000, " + rules.ID, false},
		"itself":          {[]string{rules.ID}, rules.ID + ", " + rules.ID, false},
		"among others":    {[]string{"fedcba9876543210 ,\t" + rules.ID + ",0000000000000000"}, "fedcba9876543210, " + rules.ID + ", 0000000000000000, " + rules.ID, false},
		"in another line": {[]string{"", rules.ID}, rules.ID + ", " + rules.ID, false},
		"almost":          {[]string{passes(maxPasses - 1)}, passes(maxPasses-1) + ", " + rules.ID, false},
		"round a ring":    {[]string{passes(maxPasses)}, passes(maxPasses) + ", " + rules.ID, true},
		"a large ring":    {[]string{passes(maxVia)}, lastOf(passes(maxVia), rules.ID), true},
		"round itself":    {[]string{rounds}, rounds + ", " + rules.ID, true},
		"in two lines":    {[]string{rules.ID, strings.Join(others[:maxPasses-1], ",")}, passes(maxPasses) + ", " + rules.ID, true},
		"part of a word":  {[]string{rules.ID + "0"}, rules.ID, false},
		"garbage":         {[]string{"<script>, a b, FEDCBA9876543210,"}, rules.ID, false},
		"too many":        {[]string{strings.Join(others, ",")}, lastOf(strings.Join(others, ", "), rules.ID), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{Via: tt.lines}
			if got := rules.Loops(h); got != tt.loops {
				t.Errorf("loops: got %t, want %t", got, tt.loops)
			}
			// Neither a route nor the client's Connection can take it away.
			h["Connection"] = []string{"close"}
			rules.Apply(h, Sender{}, config.Headers{Remove: []string{"X-Debug"}, Set: []config.Header{{Name: Via, Value: "x"}}})
			if len(h[Via]) != 1 || strings.Contains(h[Via][0], "x") {
				t.Errorf("set by a route: got %q", h[Via])
			}
			h = http.Header{Via: tt.lines}
			rules.Apply(h, Sender{}, config.Headers{})
			if got := h.Get(Via); got != tt.want || len(h[Via]) != 1 {
				t.Errorf("got %q, want %q", h[Via], tt.want)
			}
		})
	}
	h := http.Header{"Connection": {"Usher-Via"}, Via: {rules.ID}}
	rules.Apply(h, Sender{}, config.Headers{Remove: []string{Via}})
	if got := h.Get(Via); got != rules.ID {
		t.Errorf("named by Connection, removed by a route: got %q, want usher's own", got)
	}
	if (Rules{}).Loops(http.Header{Via: {""}}) {
		t.Error("without an id: got a loop")
	}
	if a, b := NewID(), NewID(); a == b || !isID(a) {
		t.Errorf("new ids: got %s and %s", a, b)
	}
}
