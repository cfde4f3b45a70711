package command

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// The service that auth asks is told the scheme of the URL that is asked for.
func TestForwardedProto(t *testing.T) {
	told := ""
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told = r.Header.Get("X-Forwarded-Proto") }))
	defer service.Close()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	text := fmt.Sprintf("upstreams: {main: unix:/x}\nroutes: [{upstream: main, auth: {forward: {url: %q}}}]\n", service.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for scheme, want := range map[string]string{"ws": "http", "http": "http", "wss": "https", "https": "https", "WSS": "https"} {
		err := Explain(io.Discard, ExplainOptions{File: file, URL: scheme + "://a/", Headers: []string{"Cookie: a=b"}})
		if err != nil || told != want {
			t.Errorf("%s: got %q, %v, want %s", scheme, told, err, want)
		}
	}
}
