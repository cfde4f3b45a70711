package forward

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"usher/proxy/config"
)

// TestTrailersCannotSpeak has a client say in trailers what it may not say in
// headers: an upstream that merges the two would believe it.
func TestTrailersCannotSpeak(t *testing.T) {
	up := newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.Trailer)
	})
	s := newTestServer(t, func(r *config.Route) {
		r.Headers = config.Headers{Set: []config.Header{{Name: "X-User", Value: "me"}}, Remove: []string{"X-Debug"}}
	}, up)
	const trailers = "X-Sum: 42\r\nAuthorization: 6\r\nCookie: 6\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-Id: 6\r\n" +
		"X-Client-Subject: CN=6\r\nX_Forwarded_For: 6\r\nX-User: 6\r\nX_user: 6\r\nX-Debug: 6\r\nConnection: 6\r\nHost: 6\r\n"
	const announced = "X-Sum, Authorization, Cookie, X-Forwarded-For, Forwarded, X-Real-IP, X-Request-Id, X-Client-Subject, X_Forwarded_For, X-User, X_user, X-Debug, Connection, Host"
	for _, tt := range []struct{ name, head, want string }{
		{"all announced", "Trailer: " + announced + "\r\n", "map[X-Sum:[42]]"},
		{"some announced", "Trailer: X-Sum\r\n", "map[X-Sum:[42]]"},
		{"only what may not pass", "Trailer: X-User\r\n", "map[]"},
		{"none announced", "", "map[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := net.Dial("tcp", s.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"+tt.head+"\r\n5\r\nhello\r\n0\r\n"+trailers+"\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); string(body) != tt.want {
				t.Errorf("trailers: got %s (%d, %v), want %s", body, resp.StatusCode, err, tt.want)
			}
		})
	}
}
