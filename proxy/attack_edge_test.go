package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// Row 47 of the attacks, for the access log: what has a name, or is no line's to
// tell, is in none, in both formats.
func TestAttack47AccessLog(t *testing.T) {
	const secret = "Zq7Zq7Zq7Zq7"
	for _, format := range []string{"json", "combined"} {
		b, dir, _ := newAccessBroker(t, "{to: access.log, format: "+format+"}")
		head := strings.ReplaceAll("Host: a\r\nAuthorization: Bearer *\r\nProxy-Authorization: Basic *\r\nCookie: sid=*\r\nX-Api-Key: *\r\nReferer: http://a/?token=*&a=b\r\nUser-Agent: me/1 (http://h/?token=*)\r\n", "*", secret)
		lines := 0
		for _, target := range []string{
			"/x?token=*", "/x?a=b&Access_Token=*", "/x?Authorization=Bearer%20*", "/x?a=b;password=*", "/x/token=*", "/x/sid=*/y", "/x%3Ftoken%3D*", "/x/a%253Fsid%253D*",
			"/x?next=%2Fy%3Ftoken%3D*", "/x?u=wss%3A%2F%2Fann%3A*%40h", "/no?key=*", "/down?secret=*", "/io/?EIO=4&transport=polling&sid=*", "/x?%74oken=*",
		} {
			target = strings.ReplaceAll(target, "*", secret)
			exchangeOf(t, b.address, "POST "+target+" HTTP/1.1\r\n"+head+"Content-Length: 31\r\n\r\n"+`{"password":"`+secret+`","a":1}`)
			if !strings.HasPrefix(target, "/io/") {
				c := dialRaw(t, b.address)
				io.WriteString(c, strings.NewReplacer("GET /ws ", "GET "+target+" ", "Host: app.example.com\r\n", head+"Sec-WebSocket-Protocol: token."+secret+"\r\n").Replace(upgradeHead))
				readHead(t, c)
				c.Close()
				lines++
			}
			lines++
		}
		for _, line := range wantLines(t, filepath.Join(dir, "access.log"), lines) {
			if strings.Contains(line, secret) {
				t.Errorf("%s: %s", format, line)
			}
		}
	}
}

// ledger is an upstream that keeps all names of what it is sent, as one that
// merges headers and trailers.
type ledger struct {
	*backend
	mu   sync.Mutex
	last []string // guarded by mu
}

func newTestLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{}
	l.backend = newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		names := []string{"body " + string(body), fmt.Sprint("length ", r.ContentLength), "host " + r.Host}
		if err != nil {
			names = append(names, "broken")
		}
		for _, h := range []http.Header{r.Header, r.Trailer} {
			for name, values := range h {
				names = append(names, name+": "+strings.Join(values, "|"))
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.last = names
	})
	return l
}

// take returns what the last request had, nil if there was none.
func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	l.last = nil
	return last
}

// Row 50 of the attacks, for the whole server: what looks like framing is refused
// or dropped, by both versions of HTTP, and the body stays what it was.
func TestAttack50LooksLikeFraming(t *testing.T) {
	up := newTestLedger(t)
	b, client := newTestStreams(t, oneRoute(up.URL))
	plain := newTestBroker(t, oneRoute(up.URL))
	for _, name := range []string{
		"Transfer---Encoding", "Transfer_Encoding", "transfer.encoding", "Transfer-Encoding-", "Content_Length", "Content--Length", "-Content-Length", "Content-Length_", "Content_length",
		"Content-Length ", "Content-Length\t", "Transfer-Encoding ", "Connection_", "Host_", "X_Forwarded_For", "X-Forwarded--For",
	} {
		got := exchange(t, plain.address, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n"+name+": 6.6.6.6\r\n\r\nhello")
		seen := up.take()
		refused := got.StatusCode == http.StatusBadRequest && seen == nil
		if !refused && (!slices.Contains(seen, "body hello") || !slices.Contains(seen, "length 5") || strings.Contains(fmt.Sprint(seen), "6.6.6.6")) {
			t.Errorf("%q: got %s, and the upstream saw %q", name, got.Status, seen)
		}
		if strings.ContainsAny(name, " \t") != refused {
			t.Errorf("%q: refused %t", name, refused)
		}
		h := dialH2(t, b.address, client.trust)
		id := h.ask(false, ":method", "POST", ":scheme", "https", ":authority", b.address, ":path", "/", strings.ToLower(name), "6.6.6.6")
		h.data(id, true, []byte("hello")...)
		status := h.outcome(id)
		h.Close()
		if seen := up.take(); (status != "200" || !slices.Contains(seen, "body hello") || strings.Contains(fmt.Sprint(seen), "6.6.6.6")) && (seen != nil || status == "200") {
			t.Errorf("%q by HTTP/2: got %s, and the upstream saw %q", name, status, seen)
		}
	}
}

// Row 51 of the attacks, for the whole server: no trailer stands for a header that
// somebody has decided by, and ten thousand are no matter.
func TestAttack51TrailersOfRequests(t *testing.T) {
	up := newTestLedger(t)
	b, client := newTestStreams(t, oneRoute(up.URL))
	plain := newTestBroker(t, oneRoute(up.URL))
	bad := []string{"Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "X_Forwarded_For", "Authorization", "Cookie", "Origin", "X-Request-Id", "Connection"}
	lines, announced := "", strings.Join(bad, ", ")
	for _, name := range bad {
		lines += name + ": 6.6.6.6\r\n"
	}
	wantClean := func(what string, seen []string, passes bool) {
		t.Helper()
		if strings.Contains(fmt.Sprint(seen), "6.6.6.6") || passes && (!slices.Contains(seen, "X-Sum: 1") || !slices.Contains(seen, "body hello")) {
			t.Errorf("%s: the upstream saw %q", what, seen)
		}
	}
	const post = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
	// net/http refuses to have framing announced.
	announces := strings.NewReplacer("Content-Length, Transfer-Encoding, ", "").Replace(announced)
	for head, passes := range map[string]bool{"": false, "Trailer: X-Sum\r\n": true, "Trailer: X-Sum, " + announces + "\r\n": true} {
		got := exchange(t, plain.address, post+head+"\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n"+lines+"\r\n")
		wantClean(fmt.Sprintf("%q: %s", head, got.Status), up.take(), passes && got.StatusCode == http.StatusOK)
	}
	many := strings.Repeat("X-Sum: 1\r\n", 10000)
	got := exchange(t, plain.address, post+"Trailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n"+many+"\r\n")
	if seen := up.take(); seen != nil && len(fmt.Sprint(seen)) > 1<<20 {
		t.Errorf("10,000 trailers: got %s, and the upstream saw %d bytes", got.Status, len(fmt.Sprint(seen)))
	}
	h := dialH2(t, b.address, client.trust)
	defer h.Close()
	id := h.ask(false, ":method", "POST", ":scheme", "https", ":authority", b.address, ":path", "/", "trailer", "x-sum, x-forwarded-for, authorization")
	h.data(id, false, []byte("hello")...)
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: true, BlockFragment: fields("x-sum", "1", "x-forwarded-for", "6.6.6.6", "authorization", "6.6.6.6", "host", "6.6.6.6", "cookie", "6.6.6.6")})
	status := h.outcome(id)
	wantClean("HTTP/2: "+status, up.take(), status == "200")
}

// Row 55 of the attacks, for the whole server: who is let in, and who the upstream
// is told of, is the first from the right that is not trusted, however much the
// client says before it.
func TestAttack55ForwardedFor(t *testing.T) {
	up := newTestLedger(t)
	b := newTestBroker(t, "trusted_proxies: [127.0.0.1, 10.0.0.0/8]\nallow: 198.51.100.7\n"+oneRoute(up.URL))
	ask := func(lines string) (int, []string) {
		begin := time.Now()
		got := exchange(t, b.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+lines+"\r\n")
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%.60q: took %v", lines, took)
		}
		return got.StatusCode, up.take()
	}
	hops := func(n int, hop string) string { return strings.Repeat(", "+hop, n) }
	for lines, want := range map[string]int{
		"X-Forwarded-For: 198.51.100.7\r\n":                                                         200,
		"X-Forwarded-For: 6.6.6.6, 198.51.100.7" + hops(1000, "10.0.0.1") + "\r\n":                  200,
		"X-Forwarded-For: 198.51.100.7, 6.6.6.6" + hops(1000, "10.0.0.1") + "\r\n":                  403,
		"X-Forwarded-For: 6.6.6.6" + hops(1000, "6.6.6.6") + ", 198.51.100.7\r\n":                   200,
		"X-Forwarded-For: 198.51.100.7\r\n" + strings.Repeat("X-Forwarded-For: 10.0.0.1\r\n", 50):   200,
		"X-Forwarded-For: 198.51.100.7\r\n" + strings.Repeat("X-Forwarded-For: 10.0.0.1\r\n", 1000): 431,
		"X-Forwarded-For: 6.6.6.6\r\nForwarded: for=198.51.100.7\r\n":                               403,
		"Forwarded: for=198.51.100.7\r\n":                                                           403,
		"X-Forwarded-For: for=198.51.100.7\r\n":                                                     403,
		"X-Forwarded-For: 198.51.100.7, _hidden\r\n":                                                403,
		"X-Forwarded-For: 198.51.100.7, unknown\r\n":                                                403,
		"X-Forwarded-For: 198.51.100.7, fe80::1%eth0\r\n":                                           403,
		"X-Forwarded-For: 198.51.100.7, 10.0.0.1%eth0\r\n":                                          403,
		"X_Forwarded_For: 198.51.100.7\r\n":                                                         403,
		"X-Real-IP: 198.51.100.7\r\n":                                                               403,
		"X-Forwarded-For: 198.51.100.7" + hops(200000, "10.0.0.1") + "\r\n":                         431,
	} {
		status, seen := ask(lines)
		if status != want || (seen != nil) != (want == 200) {
			t.Errorf("%.80q: got %d, and the upstream saw %.200q; want %d", lines, status, seen, want)
		}
	}
}
