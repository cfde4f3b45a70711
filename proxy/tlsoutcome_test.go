package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"usher/proxy/refusal"
)

// Each handshake of TLS that fails is counted by its reason, and leaves a line
// with the name that was asked for.
func TestTLSOutcomes(t *testing.T) {
	dir := t.TempDir()
	newTestCertificate(t, dir)
	b := newTestBrokerIn(t, dir, "admin: 127.0.0.1:0\nlisten: [{address: '127.0.0.1:0', tls: true}, {address: '127.0.0.1:0', tls: true, client_ca: cert.pem}]\n"+
		"tls: {internal: true, domains: [a.example]}\nhandshake_timeout: 500ms\n"+oneRoute("http://127.0.0.1:1"))
	trust := mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))
	strict := b.Addresses()[1].String()
	shake := func(address string, c *tls.Config) {
		raw := dialRaw(t, address)
		conn := tls.Client(raw, c)
		if conn.Handshake() == nil {
			io.Copy(io.Discard, conn) // TLS 1.3: the server's verdict comes behind
		}
		raw.Close()
	}
	say := func(text string) {
		c := dialRaw(t, b.address)
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
		c.Close()
	}
	o := b.operator(t)
	ok := &tls.Config{RootCAs: trust, ServerName: "a.example"}
	for want, break_ := range map[refusal.Handshake]func(){
		refusal.Secured: func() {
			c := tls.Client(dialRaw(t, b.address), ok)
			if err := c.Handshake(); err != nil {
				t.Error(err)
			}
			c.Close()
		},
		refusal.SpokePlain:    func() { say("GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
		refusal.SpokeOther:    func() { say("SSH-2.0-OpenSSH_9.7\r\n") },
		refusal.NoCertificate: func() { shake(b.address, &tls.Config{RootCAs: trust, ServerName: "\x1b[31mother.example"}) },
		refusal.ClientRefused: func() { shake(b.address, &tls.Config{ServerName: "a.example"}) },
		refusal.ClientUnknown: func() { shake(strict, ok) },
		refusal.NoAgreement: func() {
			shake(b.address, &tls.Config{RootCAs: trust, ServerName: "a.example", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
		},
		refusal.ClientGone: func() { halfTLS(t, b.address, ok, func(c net.Conn) { c.Close() }) },
		refusal.ClientSlow: func() { halfTLS(t, b.address, ok, func(c net.Conn) { io.Copy(io.Discard, c) }) },
	} {
		break_()
		wantSoon(t, string(want), 1, func() float64 { return scrape(t, o)[fmt.Sprintf(`usher_tls_handshakes_total{result=%q}`, want)] })
	}
	b.wantStop(t, patience)
	names := make(map[string]string)
	for _, line := range b.log.lines(t, "tls handshake failed") {
		names[line["reason"].(string)] = line["name"].(string)
		if line["client"] != "127.0.0.1" || line["err"] == "" {
			t.Errorf("got line %v, want the client and the error", line)
		}
	}
	if len(names) != 7 || names["no_certificate"] != "\x1b[31mother.example" || names["client_refused"] != "a.example" || names["not_tls"] != "" {
		t.Errorf("got lines of %q, want one of each failure but plain HTTP, with the name", names)
	}
}

// halfTLS says a whole hello, waits for the answer, and has then go on.
func halfTLS(t *testing.T, address string, cfg *tls.Config, then func(net.Conn)) {
	t.Helper()
	raw := dialRaw(t, address)
	defer raw.Close()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go tls.Client(theirs, cfg).Handshake() // it ends with the pipe
	hello := make([]byte, 4096)
	n, err := ours.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	raw.Write(hello[:n])
	raw.SetReadDeadline(time.Now().Add(patience))
	if _, err := raw.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	then(raw)
}
