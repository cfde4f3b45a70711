package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// wantRefusals waits for so many lines about requests that no handler saw, and
// returns them.
func (b *broker) wantRefusals(t *testing.T, want int) []map[string]any {
	t.Helper()
	lines := func() (found []map[string]any) {
		for _, line := range b.log.lines(t, "request refused") {
			if line["reason"] == "head" {
				found = append(found, line)
			}
		}
		return found
	}
	wantSoon(t, "lines about refusals", want, func() int { return len(lines()) })
	return lines()
}

// TestRefusalsOfTheWireAreLogged: a request that net/http never sees leaves a
// line and a count.
func TestRefusalsOfTheWireAreLogged(t *testing.T) {
	b := newTestBroker(t, "handshake_timeout: 300ms\n"+oneRoute("http://127.0.0.1:1"))
	requests := []struct {
		raw    string
		status int
		rule   string
	}{
		{"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "version must be HTTP/ and two digits, and nothing behind it (RFC 9112, 2.3)"},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "version must be HTTP/ and two digits, and nothing behind it (RFC 9112, 2.3)"},
		{"GET / HTTP/1.1\nHost: a\n\n", 400, "lines must end with CR LF (RFC 9112, 2.2)"},
		{"GET / HTTP/1.1\r\n\r\n", 400, "Host must stand once (RFC 9112, 3.2)"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", 431, "request head must be at most 32 KiB (RFC 6585, 5)"},
		{"GET / HTTP/2.0\r\n\r\n", 505, "version must be 1.1 here (RFC 9110, 15.6.6)"},
		{"GET / HTTP/1.1\r\nHost: a\r\n", 408, "request head took too long"},
	}
	for i, r := range requests {
		exchange(t, b.address, r.raw).wantStatus(t, r.status)
		line := b.wantRefusals(t, i+1)[i]
		want := map[string]any{"level": "INFO", "status": float64(r.status), "rule": r.rule, "listener": b.address, "client": "127.0.0.1"}
		for name, value := range want {
			if line[name] != value {
				t.Errorf("%q: got %s %v, want %v", r.rule, name, line[name], value)
			}
		}
	}
	if n := b.Stats().Refusals["head"]; n != uint64(len(requests)) {
		t.Errorf("refusals counted: got %d, want %d", n, len(requests))
	}
}

// TestRefusalsOfOneRuleAreFew: a flood of one rule leaves a few lines and the
// number of the others, and keeps no other rule from being told.
func TestRefusalsOfOneRuleAreFew(t *testing.T) {
	b := newTestBroker(t, oneRoute("http://127.0.0.1:1"))
	const flood = 200
	for range flood {
		c := dialRaw(t, b.address)
		io.WriteString(c, "\n")
		c.Close()
	}
	wantSoon(t, "refusals counted", flood, func() uint64 { return b.Stats().Refusals["head"] })
	exchange(t, b.address, "GET / HTTP/1.1\r\n\r\n").wantStatus(t, http.StatusBadRequest)
	told := func() (lines, leftOut int) {
		for _, line := range b.log.lines(t, "request refused") {
			if strings.Contains(line["rule"].(string), "method") {
				lines++
			}
		}
		for _, line := range b.log.lines(t, "refusals without a line") {
			leftOut += int(line["refusals"].(float64))
		}
		return lines, leftOut
	}
	wantSoon(t, "refusals told", flood, func() int { lines, leftOut := told(); return lines + leftOut })
	if lines, _ := told(); lines < 10 || lines > flood/4 {
		t.Errorf("lines: got %d, want a few", lines)
	}
	if !strings.Contains(b.log.String(), "Host must stand once") {
		t.Error("log: got nothing of the other rule")
	}
}

// TestRefusalsAreToldAtTheStop: what was left out is told before its second is
// over.
func TestRefusalsAreToldAtTheStop(t *testing.T) {
	b := newTestBroker(t, oneRoute("http://127.0.0.1:1"))
	const refused = 25
	for range refused {
		exchange(t, b.address, "\n")
	}
	b.wantStop(t, patience)
	total := len(b.log.lines(t, "request refused"))
	for _, line := range b.log.lines(t, "refusals without a line") {
		total += int(line["refusals"].(float64))
	}
	if total != refused {
		t.Errorf("refusals told: got %d, want %d", total, refused)
	}
}

func TestPlainHTTPByTLSIsLogged(t *testing.T) {
	b, _ := newTestTLSBroker(t, "http://127.0.0.1:1")
	c := dialRaw(t, b.address)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := readHead(t, c); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("got %s, want 400", resp.Status)
	}
	if line := b.wantRefusals(t, 1)[0]; line["rule"] != "this port speaks TLS: use https or wss" || line["listener"] != b.address {
		t.Errorf("got %v", line)
	}
}
