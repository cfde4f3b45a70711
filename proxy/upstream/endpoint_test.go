package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/socket"
)

func newTestEndpoint(t *testing.T, scheme config.Scheme, address string) (*Pool, *Endpoint) {
	t.Helper()
	p := NewPool([]*config.Upstream{{
		Name: "main", DialTimeout: 5 * time.Second,
		Endpoints: []config.Endpoint{{Scheme: scheme, Address: address}},
	}})
	return p, p.Get("main").Endpoints()[0]
}

func newTestTLS(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestDialUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, e := newTestEndpoint(t, config.Unix, path)
	conn, err := e.Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection", err)
	}
	conn.Close()
	if got, want := e.String(), "unix:"+path; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
}

// Who takes the connection over can read it without blocking.
func TestDialTLSRunsOverADetachable(t *testing.T) {
	s := newTestTLS(t)
	p, e := newTestEndpoint(t, config.HTTPS, s.Listener.Addr().String())
	p.Roots = x509.NewCertPool()
	p.Roots.AddCert(s.Certificate())
	conn, err := e.Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection", err)
	}
	defer conn.Close()
	secured, ok := conn.(*tls.Conn)
	if !ok {
		t.Fatalf("got a %T, want a *tls.Conn", conn)
	}
	if _, ok := secured.NetConn().(*socket.Detachable); !ok {
		t.Errorf("got a %T under it, want a *socket.Detachable", secured.NetConn())
	}
}

func TestDialTLSVerifies(t *testing.T) {
	s := newTestTLS(t)
	p, e := newTestEndpoint(t, config.HTTPS, s.Listener.Addr().String())
	p.Roots = x509.NewCertPool() // trusts nobody
	conn, err := e.Dial(t.Context())
	if err == nil {
		conn.Close()
		t.Fatal("Dial to an unknown certificate: got a connection")
	}
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error: got %q, want the certificate named", err)
	}
}

func TestDialErrorText(t *testing.T) {
	address := closedAddress(t)
	_, e := newTestEndpoint(t, config.HTTP, address)
	_, err := e.Dial(t.Context())
	if err == nil {
		t.Fatal("Dial: got a connection")
	}
	if got, want := err.Error(), "dial "+address+": connection refused"; got != want {
		t.Errorf("error: got %q, want %q", got, want)
	}
}

func TestTLSDeadlineIsATimeout(t *testing.T) {
	l := newTestServer(t) // accepts, and says nothing
	_, e := newTestEndpoint(t, config.HTTPS, l.Addr().String())
	e.dialTimeout.Store(int64(20 * time.Millisecond))
	_, err := e.Dial(t.Context())
	if de, ok := errors.AsType[*DialError](err); !ok || !de.Timeout() {
		t.Errorf("Dial: got %v, want a timeout", err)
	}
}
