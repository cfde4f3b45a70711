package headers

import (
	"net/http"
	"testing"

	"usher/proxy/config"
)

// Row 51 of the attacks: what would count as a header where an upstream merges
// the two, and was not looked at as one.
func TestAttack51Trailers(t *testing.T) {
	changes := config.Headers{Set: []config.Header{{Name: "X-User", Value: "me"}}, Remove: []string{"X-Debug"}}
	for name, passes := range map[string]bool{
		"Host": false, "Content-Length": false, "Transfer-Encoding": false, "Connection": false, "Upgrade": false, "Te": false,
		"X-Forwarded-For": false, "Forwarded": false, "X-Real-Ip": false, "X-Client-Subject": false, "X-Request-Id": false, "Usher-Via": false,
		"Authorization": false, "Proxy-Authorization": false, "Cookie": false, "Origin": false, "Referer": false,
		"Content-Type": false, "Content-Encoding": false, "Content-Range": false, "Range": false, "Expect": false,
		"If-Match": false, "If-None-Match": false, "X-Http-Method-Override": false, "Sec-Websocket-Key": false, "Traceparent": false,
		"X-User": false, "X-Debug": false, "X_user": false, "Transfer---Encoding": false, "Authorization_": false, "-Cookie": false,
		"X-Sum": true, "Digest": true, "Grpc-Status": true, "Server-Timing": true, "X_sum": true,
		"X-User-Id": false, "X_user_id": false, "X-User--Id": false,
	} {
		got := Rules{Given: []string{"X-User-Id"}}.Trailers(http.Header{name: nil}, changes)
		if _, ok := got[name]; ok != passes {
			t.Errorf("%s: passes %t, want %t", name, ok, passes)
		}
	}
}
