package proxy_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"testing"

	"usher/proxy/leaktest"
)

// TestMain fails the package if its tests leave goroutines or descriptors.
func TestMain(m *testing.M) {
	if os.Getenv(apartEnv) != "" {
		echoApart()
		return
	}
	forget := trustTestServers()
	code := leaktest.Main(m)
	forget()
	os.Exit(code)
}

// trustTestServers makes the certificate of httptest one of the system's roots
// for this process: endpoints are verified by those.
func trustTestServers() (forget func()) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	f, err := os.CreateTemp("", "usher-roots-*.pem")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", f.Name())
	return func() { os.Remove(f.Name()) }
}
