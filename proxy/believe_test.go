package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestPeerThatIsNotBelieved: whoever's forwarding headers are dropped is told of
// once, by whatever kind of request.
func TestPeerThatIsNotBelieved(t *testing.T) {
	up := newTestMirror(t)
	routes := fmt.Sprintf("upstreams: {main: %s}\nroutes: [{path: /, upstream: main}, {path: /socket.io, namespaces: {/: main}}]\n", up.URL)
	const proto = "X-Forwarded-Proto: https\r\n"
	ask := func(path, more string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + more + "\r\n"
	}
	for name, tt := range map[string]struct {
		trusted, request string
		level, header    string // "" for no hint
	}{
		"plain":         {"", ask("/", proto), "WARN", "X-Forwarded-Proto"},
		"address alone": {"", ask("/", "X-Forwarded-For: 192.0.2.1\r\n"), "WARN", "X-Forwarded-For"},
		"polling":       {"", ask("/socket.io/?EIO=4&transport=polling", proto), "WARN", "X-Forwarded-Proto"},
		"handshake":     {"", strings.Replace(upgradeHead, "Upgrade: ", proto+"Upgrade: ", 1), "WARN", "X-Forwarded-Proto"},
		"another proxy": {"trusted_proxies: [192.0.2.1]\n", ask("/", proto), "INFO", "X-Forwarded-Proto"},
		"trusted":       {"trusted_proxies: [127.0.0.1]\n", ask("/", proto), "", ""},
		"no headers":    {"", ask("/", "X-Forwarded-Host: b\r\n"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBroker(t, tt.trusted+routes)
			for range 3 {
				c := dialRaw(t, b.address)
				io.WriteString(c, tt.request)
				readHead(t, c)
				c.Close()
			}
			wantHint(t, b, tt.level, tt.header)
		})
	}
}

func wantHint(t *testing.T, b *broker, level, header string) {
	t.Helper()
	lines := b.log.lines(t, "peer is not believed")
	switch {
	case header == "" && len(lines) > 0:
		t.Errorf("got %v, want no hint", lines)
	case header == "":
	case len(lines) != 1 || lines[0]["level"] != level || lines[0]["header"] != header || lines[0]["peer"] != "127.0.0.1" ||
		!strings.Contains(lines[0]["hint"].(string), "add 127.0.0.1 to trusted_proxies"):
		t.Errorf("got %v, want one hint of level %s about %s", lines, level, header)
	}
}

func TestPeerThatIsNotBelievedByHTTP2(t *testing.T) {
	b, trust := newTestTLSBroker(t, newTestMirror(t).URL)
	client := newTestH2Client(t, trust)
	for range 2 {
		r := mustRequest(t, "GET", "https://"+b.address+"/", nil)
		r.Header.Set("X-Forwarded-For", "192.0.2.1")
		wantH2(t, client, r, http.StatusOK)
	}
	wantHint(t, b, "WARN", "X-Forwarded-For")
}

func TestEachPeerIsToldOf(t *testing.T) {
	b := newTestBroker(t, oneRoute(newTestMirror(t).URL))
	for _, from := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.2"} {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", b.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
		readHead(t, c)
	}
	var peers []any
	for _, line := range b.log.lines(t, "peer is not believed") {
		peers = append(peers, line["peer"])
	}
	if got := fmt.Sprint(peers); got != "[127.0.0.2 127.0.0.3]" {
		t.Errorf("peers told of: got %s, want each once", got)
	}
}
