package proxy_test

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
)

// Row 38 of the attacks: who stops in the middle of a phase has no goroutine and
// costs little more than what it has said, and others are served.
func TestAttack38HalfOpen(t *testing.T) {
	const many = 500
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })
	b := newTestBrokerIn(t, t.TempDir(), "listen: ['127.0.0.1:0', {address: '127.0.0.1:0', proxy_protocol: 127.0.0.1}, {address: '127.0.0.1:0', tls: true}]\n"+
		"handshake_timeout: 1m\ntls: {internal: true}\n"+oneRoute(up.URL))
	plain, announced, secure := b.Addresses()[0].String(), b.Addresses()[1].String(), b.Addresses()[2].String()
	wantPage(t, plain)
	idle := runtime.NumGoroutine()
	for _, tc := range []struct {
		name, address, sent string
	}{
		{"nothing", plain, ""},
		{"half a head", plain, "GET / HTTP/1.1\r\nHost: a\r\nX-A: aaaa"},
		{"half a PROXY header", announced, "PROXY TCP4 127.0.0.1 127.0."},
		{"half a PROXY header of version 2", announced, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x0f\xff\x01\x02"},
		{"half a hello", secure, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x01\x02\x03"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var clients []net.Conn
			before := memory()
			for range many {
				c := dialRaw(t, tc.address)
				clients = append(clients, c)
				if _, err := io.WriteString(c, tc.sent); err != nil {
					t.Fatal(err)
				}
			}
			wantPage(t, plain)
			wantSoon(t, "goroutines for each", halfOpenGoroutines, func() int { return (runtime.NumGoroutine() - idle + many/2) / many })
			if each := (memory() - before) / many; each > halfOpenMemory {
				t.Errorf("got %d bytes for each, want at most %d", each, halfOpenMemory)
			}
			for _, c := range clients {
				c.Close()
			}
			wantSoon(t, "goroutines for each, when they are gone", 0, func() int { return (runtime.NumGoroutine() - idle + many/2) / many })
		})
	}
}

func wantPage(t *testing.T, address string) {
	t.Helper()
	if got := exchange(t, address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.StatusCode != http.StatusOK {
		t.Errorf("status: got %s, want 200", got.Status)
	}
}

// memory is what the process uses of heap and stacks.
func memory() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
