package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/waittest"
)

// acmeRoutes is a routes file for the authority a; listen has its listeners.
func acmeRoutes(a *acmeServer, listen, upstream string) string {
	return fmt.Sprintf("listen: [%s]\ntls:\n  domains: [ws.example.com, www.example.com]\n  email: ops@example.com\n  ca: %s\n  ca_root: %s\n%s",
		listen, a.directory, a.root, oneRoute(upstream))
}

func (a *acmeServer) both() string {
	return fmt.Sprintf("'127.0.0.1:%d', {address: '127.0.0.1:%d', tls: true}", a.plain, a.secure)
}

// wantIssued waits until name's certificate is shown and verifies.
func wantIssued(t *testing.T, address, name string, trust *x509.CertPool) *x509.Certificate {
	t.Helper()
	var shown *x509.Certificate
	waittest.Until(t, "certificate for "+name, func() bool {
		c, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, RootCAs: trust})
		if err != nil {
			return false
		}
		defer c.Close()
		shown = c.ConnectionState().PeerCertificates[0]
		return true
	})
	return shown
}

// TestIssuance has a real authority issue by each challenge.
func TestIssuance(t *testing.T) {
	up := newTestBackend(t, echo)
	key := "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	for name, tt := range map[string]struct {
		listen func(a *acmeServer) string
		secure func(a *acmeServer) string // the TLS listener
		o      acmeOptions
		more   string
	}{
		"HTTP-01": {
			listen: func(a *acmeServer) string {
				return fmt.Sprintf("{address: '127.0.0.1:0', tls: true}, '127.0.0.1:%d'", a.plain)
			},
		},
		"TLS-ALPN-01": {
			listen: func(a *acmeServer) string { return fmt.Sprintf("{address: '127.0.0.1:%d', tls: true}", a.secure) },
		},
		"with an account of one's own": {
			listen: func(a *acmeServer) string { return fmt.Sprintf("{address: '127.0.0.1:%d', tls: true}", a.secure) },
			o:      acmeOptions{externalAccount: key},
			more:   "  external_account: {key_id: ours, mac_key: " + key + "}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestACME(t, tt.o)
			dir := t.TempDir()
			text := strings.Replace(acmeRoutes(a, tt.listen(a), up.URL), "  email:", tt.more+"  email:", 1)
			b := newTestBrokerIn(t, dir, text)
			trust := a.trust(t)
			for _, name := range []string{"ws.example.com", "www.example.com"} {
				wantIssued(t, b.address, name, trust)
			}
			d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trust, ServerName: "ws.example.com"}}
			c, _ := dialWith(t, d, "wss://"+b.address+"/ws", nil)
			wantEcho(t, c, websocket.TextMessage, []byte("hello"))
			wantPrivate(t, filepath.Join(dir, "certs"))
			if served := b.log.lines(t, "certificates: served key authentication"); strings.HasPrefix(name, "HTTP") != (len(served) > 0) {
				t.Errorf("answers by HTTP-01: got %d", len(served))
			}
			if t.Failed() {
				t.Logf("authority:\n%s", a.log)
			}
		})
	}
}

// wantPrivate checks that all keys below dir are the owner's alone, and that
// there are some.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	keys := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".key") {
			return err
		}
		keys++
		info, err := e.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %#o, want 0600", name, info.Mode().Perm())
		}
		return err
	})
	if err != nil || keys < 3 {
		t.Errorf("keys in the storage: got %d, %v, want those of an account and two names", keys, err)
	}
}

// TestRestartReusesTheStorage stops the authority before the second start.
func TestRestartReusesTheStorage(t *testing.T) {
	dir := t.TempDir()
	var first *x509.Certificate
	var text string
	var trust *x509.CertPool
	t.Run("first", func(t *testing.T) {
		a := newTestACME(t, acmeOptions{})
		text, trust = acmeRoutes(a, a.both(), "http://127.0.0.1:1"), a.trust(t)
		root, err := os.ReadFile(a.root)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "root.pem"), root, 0o600); err != nil {
			t.Fatal(err)
		}
		text = strings.Replace(text, a.root, filepath.Join(dir, "root.pem"), 1)
		newTestBrokerIn(t, dir, text)
		wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), "www.example.com", trust)
		first = wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), "ws.example.com", trust)
	})
	t.Run("second, without the authority", func(t *testing.T) {
		b := newTestBrokerIn(t, dir, text)
		wantSoon(t, "it listens", 2, func() int { return len(b.log.lines(t, "listening")) })
		c, err := tls.Dial("tcp", b.Addresses()[1].String(), &tls.Config{ServerName: "ws.example.com", RootCAs: trust})
		if err != nil {
			t.Fatalf("first hello after the restart: %v", err)
		}
		defer c.Close()
		if !c.ConnectionState().PeerCertificates[0].Equal(first) {
			t.Error("certificate: got another, want the stored one")
		}
	})
}

// TestTwoProcessesShareAStorage starts two ushers on one folder at the same
// time. The authority's questions all come to the first, whoever has begun.
func TestTwoProcessesShareAStorage(t *testing.T) {
	a := newTestACME(t, acmeOptions{})
	usher := filepath.Join(t.TempDir(), "usher")
	if out, err := exec.Command("go", "build", "-o", usher, "usher").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dir := t.TempDir()
	ports := freePorts(t, 2)
	other := fmt.Sprintf("'127.0.0.1:%d', {address: '127.0.0.1:%d', tls: true}", ports[0], ports[1])
	for i, listen := range []string{a.both(), other} {
		file := filepath.Join(dir, fmt.Sprintf("routes%d.yaml", i))
		if err := os.WriteFile(file, []byte(acmeRoutes(a, listen, "http://127.0.0.1:1")), 0o600); err != nil {
			t.Fatal(err)
		}
		startProcess(t, exec.Command(usher, "run", "--routes", file), io.Discard)
	}
	trust := a.trust(t)
	for _, name := range []string{"ws.example.com", "www.example.com"} {
		first := wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), name, trust)
		second := wantIssued(t, fmt.Sprintf("127.0.0.1:%d", ports[1]), name, trust)
		if !first.Equal(second) {
			t.Errorf("%s: got two certificates, want one", name)
		}
	}
	if got := a.requests("POST /order-plz"); got != 2 {
		t.Errorf("orders: got %d, want one for each name", got)
		t.Log(a.log)
	}
}

// TestOnDemand has names that only an application knows.
func TestOnDemand(t *testing.T) {
	a := newTestACME(t, acmeOptions{})
	asked := make(chan string, 100)
	app := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("domain")
		if r.URL.Query().Get("domain") != "shop.example.org" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	dir := t.TempDir()
	newTestBrokerIn(t, dir, fmt.Sprintf("listen: [%s]\ntls:\n  on_demand: {ask: '%s/may'}\n  ca: %s\n  ca_root: %s\n%s",
		a.both(), app.URL, a.directory, a.root, oneRoute("http://127.0.0.1:1")))
	secure, trust := fmt.Sprintf("127.0.0.1:%d", a.secure), a.trust(t)
	before := state(t, dir)
	for range 20 {
		for _, name := range []string{"other.example.org", "10.0.0.1", "localhost", "a_b.example.org"} {
			for _, protos := range [][]string{nil, {"acme-tls/1"}} {
				if c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protos}); err == nil {
					c.Close()
					t.Fatalf("%s: got a certificate", name)
				}
			}
		}
	}
	if after := state(t, dir); after != before {
		t.Errorf("storage: got\n%s\nwant as before\n%s", after, before)
	}
	if n := a.requests("POST /order-plz"); n != 0 {
		t.Errorf("orders for names that are not allowed: got %d, want 0", n)
	}
	if n := len(asked); n != 1 || <-asked != "other.example.org" {
		t.Errorf("questions: got %d, want one about other.example.org", n)
	}
	wantIssued(t, secure, "shop.example.org", trust)
	wantIssued(t, secure, "shop.example.org", trust)
	if n := len(asked); n != 1 || <-asked != "shop.example.org" {
		t.Errorf("questions: got %d, want one about shop.example.org", n)
	}
	if n := a.requests("POST /order-plz"); n != 1 {
		t.Errorf("orders: got %d, want 1", n)
	}
}

// TestSlowAskerHoldsNobodyUp: clients whose names are asked about wait, and no
// others.
func TestSlowAskerHoldsNobodyUp(t *testing.T) {
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	app := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		w.WriteHeader(http.StatusNotFound)
	})
	dir := t.TempDir()
	own := newTestCertificate(t, dir)
	b := newTestBrokerIn(t, dir, fmt.Sprintf("listen: [{address: '127.0.0.1:0', tls: true}]\ntls:\n  on_demand: {ask: '%s/may'}\n  ca: https://127.0.0.1:1/dir\n"+
		"  certificates: [{cert: cert.pem, key: key.pem}]\n%s", app.URL, oneRoute("http://127.0.0.1:1")))
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer close(answer)
	for i := range runtime.GOMAXPROCS(0) {
		waiting.Go(func() {
			c, err := tls.Dial("tcp", b.address, &tls.Config{ServerName: fmt.Sprintf("n%d.example.org", i), InsecureSkipVerify: true})
			if err == nil {
				c.Close()
			}
		})
		<-asked
	}
	d := &net.Dialer{Timeout: 3 * time.Second} // less than an asker may take
	c, err := tls.DialWithDialer(d, "tcp", b.address, &tls.Config{RootCAs: own})
	if err != nil {
		t.Fatalf("client with a known name: got %v", err)
	}
	c.Close()
}

// TestAuthorityIsDown starts without an authority: everything but its names is
// served, and the numbers tell what is missing.
func TestAuthorityIsDown(t *testing.T) {
	dir := t.TempDir()
	own := newTestCertificate(t, dir)
	up := newTestBackend(t, echo)
	b := newTestBrokerIn(t, dir, "listen: [{address: '127.0.0.1:0', tls: true}]\ntls:\n  domains: ws.example.com\n  ca: https://127.0.0.1:1/dir\n"+
		"  certificates: [{cert: cert.pem, key: key.pem}]\n"+oneRoute(up.URL))
	d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: own}}
	c, _ := dialWith(t, d, "wss://"+b.address+"/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	list := b.Stats().Certificates
	if len(list) != 2 || list[0].NotAfter.IsZero() || list[1].Name != "ws.example.com" || !list[1].NotAfter.IsZero() {
		t.Errorf("certificates: got %+v, want the file's, and none for ws.example.com", list)
	}
	wantSoon(t, "the log says why", true, func() bool { return strings.Contains(b.log.String(), "connection refused") })
	wantSoon(t, "it will be tried again", true, func() bool { return strings.Contains(b.log.String(), "will retry") })
	if log := b.log.String(); !strings.Contains(log, `"retrying_in"`) {
		t.Error("log: got nothing about when it is tried again")
	}
}

// TestPlainListenerLeadsToTLS asks on the listener of the HTTP-01 challenges
// for other things.
func TestPlainListenerLeadsToTLS(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, "listen: ['127.0.0.1:0', {address: '127.0.0.1:0', redirect: false}, {address: '127.0.0.1:0', tls: true}]\n"+
		"tls: {internal: true, domains: app.test}\n"+oneRoute(up.URL))
	port := b.Addresses()[2].(*net.TCPAddr).Port
	for request, want := range map[string]string{
		"GET /a/../b?c=%20d HTTP/1.1\r\nHost: app.test\r\n\r\n":                            fmt.Sprintf("https://app.test:%d/a/../b?c=%%20d", port),
		"POST / HTTP/1.1\r\nHost: app.test:80\r\nContent-Length: 0\r\n\r\n":                fmt.Sprintf("https://app.test:%d/", port),
		"GET http://app.test:80/a?b HTTP/1.1\r\nHost: a\r\n\r\n":                           fmt.Sprintf("https://app.test:%d/a?b", port),
		"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n":                                       fmt.Sprintf("https://[::1]:%d/", port),
		"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n": fmt.Sprintf("https://a:%d/ws", port),
	} {
		got := exchange(t, b.address, request)
		got.wantStatus(t, http.StatusPermanentRedirect)
		if to := got.Header.Get("Location"); to != want {
			t.Errorf("%q: got Location %q, want %q", request, to, want)
		}
	}
	if got := exchange(t, b.address, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.StatusCode != 200 || got.Header.Get("Allow") == "" {
		t.Errorf("OPTIONS *: got %s with %v, want 200 and Allow", got.Status, got.Header)
	}
	if n := up.requests.Load(); n != 0 {
		t.Errorf("requests to the upstream: got %d, want 0", n)
	}
	exchange(t, b.Addresses()[1].String(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if n := up.requests.Load(); n != 1 {
		t.Errorf("requests to the upstream: got %d, want 1 from the listener that does not redirect", n)
	}
}

// TestBogusChallenges floods a broker with questions that no authority asks
// (attack 26): neither the authority nor the storage may notice. That the
// storage is not even read is the matter of certs' own test.
func TestBogusChallenges(t *testing.T) {
	a := newTestACME(t, acmeOptions{})
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, acmeRoutes(a, a.both(), "http://127.0.0.1:1"))
	secure := fmt.Sprintf("127.0.0.1:%d", a.secure)
	trust := a.trust(t)
	wantIssued(t, secure, "ws.example.com", trust)
	wantIssued(t, secure, "www.example.com", trust)
	before, asked := state(t, dir), a.requests("-> calling handler()")
	for i := range 200 {
		name := fmt.Sprintf("n%d.example.net", i)
		got := exchange(t, b.address, "GET /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: "+name+"\r\nConnection: close\r\n\r\n")
		got.wantStatus(t, http.StatusPermanentRedirect)
		for _, protos := range [][]string{{"acme-tls/1"}, {"http/1.1"}, nil} {
			if c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protos}); err == nil {
				c.Close()
				t.Fatalf("hello for %s with %q: got a certificate", name, protos)
			}
		}
	}
	if got := a.requests("-> calling handler()"); got != asked {
		t.Errorf("requests to the authority: got %d more, want none", got-asked)
	}
	if after := state(t, dir); after != before {
		t.Errorf("storage: got\n%s\nwant as before\n%s", after, before)
	}
	for _, level := range []string{"ERROR", "WARN"} {
		if strings.Contains(b.log.String(), `"level":"`+level+`"`) {
			t.Errorf("log: got a line of level %s", level)
		}
	}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", secure, &tls.Config{ServerName: "ws.example.com", InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}})
	if err == nil {
		c.Close()
		t.Error("challenge that nobody has begun: got a certificate")
	}
}
