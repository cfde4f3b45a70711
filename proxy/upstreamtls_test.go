package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// TestUpstreamTLSOptions has an upstream that proves who it is by a private
// authority and wants usher to do the same.
func TestUpstreamTLSOptions(t *testing.T) {
	dir, own := t.TempDir(), t.TempDir()
	newTestCertificate(t, dir)
	clients := newTestCertificate(t, own)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
			return
		}
		io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	up.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	up.StartTLS()
	t.Cleanup(up.Close)
	cert := ", cert: " + filepath.Join(own, "cert.pem") + ", key: " + filepath.Join(own, "key.pem")
	for name, tt := range map[string]struct {
		options string
		status  int
		advice  string // in the log, for who sets it right
	}{
		"both":                        {", ca: cert.pem" + cert, 200, ""},
		"with the name given":         {", ca: cert.pem, server_name: 127.0.0.1" + cert, 200, ""},
		"not verified":                {", insecure_skip_verify: true" + cert, 200, ""},
		"no certificate of usher":     {", ca: cert.pem", 502, "set cert and key"},
		"unknown authority":           {cert, 502, "set ca to a file"},
		"another name":                {", ca: cert.pem, server_name: main.internal" + cert, 502, "set server_name to a name that it has: 127.0.0.1"},
		"verification not turned off": {", insecure_skip_verify: false" + cert, 502, "set ca to a file"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBrokerIn(t, dir, "listen: 127.0.0.1:0\nupstreams: {main: {endpoints: '"+up.URL+"'"+tt.options+"}}\nroutes: [{upstream: main}]\n")
			resp, err := http.Get("http://" + b.address + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || tt.status == 200 && string(body) != "test" {
				t.Errorf("answer: got %s %q, want %d", resp.Status, body, tt.status)
			}
			if lines := fmt.Sprint(b.log.lines(t, "request refused")); !strings.Contains(lines, tt.advice) {
				t.Errorf("log: got %s, want %q in it", lines, tt.advice)
			}
			if tt.status == 200 {
				c, _ := b.dial(t, "/ws", nil)
				wantEcho(t, c, websocket.TextMessage, []byte("hello"))
			}
			warned := len(b.log.lines(t, "routes file")) > 0
			if want := strings.Contains(tt.options, "verify: true"); warned != want {
				t.Errorf("warning at the start: got %v, want %v", warned, want)
			}
		})
	}
}

func TestUpstreamTLSFiles(t *testing.T) {
	dir := t.TempDir()
	newTestCertificate(t, dir)
	for options, want := range map[string]string{
		"ca: none.pem":                  "routes.yaml:2:48: ca: open ",
		"ca: key.pem":                   `has no certificate`,
		"cert: cert.pem, key: none.pem": "routes.yaml:2:65: key: open ",
	} {
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"),
			[]byte("upstreams:\n  main: {endpoints: 'https://127.0.0.1:1', "+options+"}\nroutes: [{upstream: main}]\nlisten: 127.0.0.1:0\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantNewError(t, cfg, want)
	}
}

// TestUpstreamFilesAreReadAgain has an upstream whose certificate changes, and
// then the file that verifies it. A socket that is open stays.
func TestUpstreamFilesAreReadAgain(t *testing.T) {
	dir, next := t.TempDir(), t.TempDir()
	newTestCertificate(t, dir)
	newTestCertificate(t, next)
	var current atomic.Pointer[tls.Certificate]
	use := func(dir string) {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		current.Store(&pair)
	}
	use(dir)
	up := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	up.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*current.Load()}, SessionTicketsDisabled: true}, nil
	}}
	up.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	up.StartTLS()
	t.Cleanup(up.Close)
	b := newTestBrokerIn(t, dir, "listen: 127.0.0.1:0\nupstreams: {main: {endpoints: '"+up.URL+"', ca: cert.pem}}\nroutes: [{upstream: main}]\n")
	open, _ := b.dial(t, "/ws", nil)
	outcome := func() int {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+b.address+"/ws", nil)
		if err == nil {
			c.Close()
		}
		if resp == nil {
			t.Fatalf("dial: %v", err)
		}
		return resp.StatusCode
	}
	use(next)
	if got := outcome(); got != 502 {
		t.Errorf("with the old file: got %d, want 502", got)
	}
	replace := func(text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "new.pem"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new.pem"), filepath.Join(dir, "cert.pem")); err != nil {
			t.Fatal(err)
		}
	}
	replace([]byte("nonsense"))
	wantSoon(t, "refused reloads", 1, func() uint64 { return b.Stats().Reloads.Refused })
	text, err := os.ReadFile(filepath.Join(next, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	replace(text)
	wantSoon(t, "reloads", 1, func() uint64 { return b.Stats().Reloads.Done })
	if got := outcome(); got != 101 {
		t.Errorf("with the new file: got %d, want 101", got)
	}
	wantEcho(t, open, websocket.TextMessage, []byte("still here"))
}
