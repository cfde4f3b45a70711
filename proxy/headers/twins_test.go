package headers

import (
	"slices"
	"testing"

	"usher/proxy/config"
)

// Row 50 of the attacks: a name that some upstream reads as one of framing, or
// as another that usher decides about.
func TestAttack50NamesThatLookLikeOthers(t *testing.T) {
	changes := config.Headers{Set: []config.Header{{Name: "X-User", Value: "me"}}, Remove: []string{"X-Debug"}}
	for name, twin := range map[string]bool{
		"Transfer---Encoding": true, "Transfer_encoding": true, "Transfer-_encoding": true, "Transfer.encoding": true, "Transfer|encoding": true,
		"Transfer-Encoding-": true, "-Transfer-Encoding": true, "_transfer_encoding_": true,
		"Content_length": true, "Content--Length": true, "Content-Length_": true, "-Content-Length": true,
		"-Host": true, "Host-": true, "Host_": true, "Connection_": true, "--Upgrade": true, "Te-": true,
		"X_forwarded_for": true, "X--Forwarded-For": true, "X-Forwarded--For": true, "X-Real--Ip": true, "-Forwarded": true,
		"Sec_websocket_key": true, "Sec--Websocket-Protocol": true, "Usher_via": true,
		"X--User": true, "X_debug": true,
		"Transferencoding": false, "Content-Length-X": false, "X-Content-Length": false, "Api_key": false, "X--Mine": false, "Sec-Websocket-Key": false,
		"_": false, "-": false, "Accept": false, "X-1": false,
	} {
		if got := isTwin(name, changes); got != twin {
			t.Errorf("%s: got %t, want %t", name, got, twin)
		}
		r := newRequest("127.0.0.1:5")
		r.Header[name] = []string{"6.6.6.6"}
		h := apply(rulesOf("127.0.0.1/32"), r, changes)
		if passed := slices.Contains(h[name], "6.6.6.6"); passed == twin {
			t.Errorf("%s: passed %t, want %t, also from a trusted peer", name, passed, !twin)
		}
	}
}
