package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

// Row 36 of the attacks: an upstream whose answer to an upgrade has no end, or
// comes so slowly that each byte is in time and the whole is not.
func TestAttack36UpstreamsWithoutEnd(t *testing.T) {
	again := func(s string, pause time.Duration) func(c net.Conn) {
		return func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, s); err != nil {
					return
				}
				time.Sleep(pause) // it is the attack
			}
		}
	}
	const slow = 20 * time.Millisecond
	for name, tt := range map[string]struct {
		begin  string
		more   func(c net.Conn)
		status string // of those that fit
	}{
		"interim answers":        {"", again("HTTP/1.1 100 Continue\r\n\r\n", 0), "502"},
		"slow interim answers":   {"", again("HTTP/1.1 103 Early Hints\r\n\r\n", slow), "502 504"},
		"empty lines":            {"", again("\r\n", slow), "502"},
		"slow head":              {"HTTP/1.1 200 OK\r\nX-A: ", again("a", slow), "504"},
		"long head":              {"HTTP/1.1 200 OK\r\n", again("X-A: "+strings.Repeat("a", 1000)+"\r\n", 0), "502"},
		"long line":              {"HTTP/1.1 200 OK\r\nX-A: ", again(strings.Repeat("a", 1000), 0), "502"},
		"long head of a 101":     {"101", again("X-A: "+strings.Repeat("a", 1000)+"\r\n", 0), "502"},
		"slow head of a 101":     {"101", again("X-A: a\r\n", slow), "504 502"},
		"answer":                 {"HTTP/1.1 200 OK\r\n\r\n", again(strings.Repeat("a", 1000), 0), "200"},
		"slow answer":            {"HTTP/1.1 400 Bad Request\r\n\r\n", again("a", slow), "400"},
		"slow answer in chunks":  {"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n", again("1\r\na\r\n", slow), "400"},
		"slow answer of length":  {"HTTP/1.1 400 Bad Request\r\nContent-Length: 100000\r\n\r\n", again("a", slow), "400"},
		"answer without a body":  {"HTTP/1.1 400 Bad Request\r\nContent-Length: 1\r\n\r\n", untilClosed, "400"},
		"answer in small chunks": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", again("1\r\na\r\n", 0), "200"},
	} {
		t.Run(name, func(t *testing.T) {
			up := newTestScript(t, func(c net.Conn, r *http.Request) {
				begin := tt.begin
				if begin == "101" {
					begin = strings.TrimSuffix(accepted(r), "\r\n")
				}
				io.WriteString(c, begin)
				tt.more(c) // until usher closes
			})
			b := newTestBroker(t, fmt.Sprintf("handshake_timeout: 500ms\nupstreams: {main: %s}\nroutes: [{path: /, upstream: main}]\n", up.url))
			c := dialRaw(t, b.address)
			io.WriteString(c, upgradeHead)
			got, _ := io.ReadAll(c)
			if len(got) < 12 || !strings.Contains(tt.status, string(got[9:12])) {
				t.Errorf("answer: got %.80q, want %s", got, tt.status)
			}
		})
	}
}

// Row 37 of the attacks: an upstream whose Engine.IO open packet cannot be is
// at fault, by name, and its client is told so.
func TestAttack37OpenPackets(t *testing.T) {
	for name, open := range map[string]string{
		"no interval":   `{"sid":"a","upgrades":[],"pingInterval":0,"pingTimeout":1000}`,
		"long interval": `{"sid":"a","upgrades":[],"pingInterval":9007199254740992,"pingTimeout":1000}`,
		"NaN":           `{"sid":"a","upgrades":[],"pingInterval":NaN,"pingTimeout":1000}`,
		"no payload":    `{"sid":"a","upgrades":[],"pingInterval":1000,"pingTimeout":1000,"maxPayload":0}`,
		"long sid":      `{"sid":"` + strings.Repeat("a", 64<<10) + `","upgrades":[],"pingInterval":1000,"pingTimeout":1000}`,
		"sid of codes":  `{"sid":"a\u001b[31m","upgrades":[],"pingInterval":1000,"pingTimeout":1000}`,
		"upgrades":      `{"sid":"a","upgrades":{"a":1},"pingInterval":1000,"pingTimeout":1000}`,
	} {
		t.Run(name, func(t *testing.T) {
			up := newTestScript(t, func(c net.Conn, r *http.Request) {
				io.WriteString(c, accepted(r))
				c.Write(ws.AppendFrame(nil, ws.Text, []byte("0"+open), nil))
				untilClosed(c)
			})
			b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [{path: /socket.io, namespaces: {/: main}, socketio: {eager: [main]}}]\n", up.url))
			got := exchange(t, b.address, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got.body, "upstream unavailable") {
				t.Errorf("got %d %q, want 503 and the upstream as the reason", got.StatusCode, got.body)
			}
			b.wantStop(t, patience)
			ends := b.log.lines(t, "session ended")
			if len(ends) != 1 || ends[0]["cause"] != "upstream.refused" || !strings.HasPrefix(fmt.Sprint(ends[0]["error"]), "main: engine.io open packet: ") {
				t.Errorf("got %v, want one end that names the packet", ends)
			}
		})
	}
}
