package demux

import "testing"

// Who would be refused again is told at once.
func TestFinal(t *testing.T) {
	for _, tt := range []struct {
		refusal Refusal
		want    bool
	}{
		{Refusal{}, false},
		{Refusal{Status: 200}, true},
		{Refusal{Status: 302}, true},
		{Refusal{Status: 401}, true},
		{Refusal{Status: 403}, true},
		{Refusal{Status: 404}, false},
		{Refusal{Status: 404, After: "1"}, true},
		{Refusal{Status: 410}, true},
		{Refusal{Status: 429}, true},
		{Refusal{Status: 500}, false},
		{Refusal{Status: 501}, true},
		{Refusal{Status: 502}, false},
		{Refusal{Status: 503}, false},
		{Refusal{Status: 503, After: "7"}, true},
		{Refusal{Status: 504}, false},
		{Refusal{Status: 508}, true},
		{Refusal{Status: 511}, true},
	} {
		if got := tt.refusal.Final(); got != tt.want {
			t.Errorf("%+v: got %t, want %t", tt.refusal, got, tt.want)
		}
	}
}
