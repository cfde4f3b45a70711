package certs_test

import (
	"path/filepath"
	"strings"
	"testing"

	"usher/proxy/certs"
	"usher/proxy/config"
)

// What is right to read, but no client accepts, is told where the file has it.
func TestAdvice(t *testing.T) {
	dir := newTestFiles(t) // cert.pem is for app.example.com
	bare := t.TempDir()
	writeTestPair(t, bare, "")
	own := "certificates: [{cert: " + filepath.Join(dir, "cert.pem") + ", key: " + filepath.Join(dir, "key.pem") + "}]"
	nameless := "certificates: [{cert: " + filepath.Join(bare, "cert.pem") + ", key: " + filepath.Join(bare, "key.pem") + "}]"
	for name, tt := range map[string]struct {
		listen, tls, host string
		want              string // of the advice, "" for none
	}{
		"no TLS":                        {"127.0.0.1:1", "", "a.example.com", ""},
		"a file for the host":           {"{address: ':1', tls: true}", own, "app.example.com", ""},
		"a file for another":            {"{address: ':1', tls: true}", own, "www.example.com", "3:2: host www.example.com of this route has no certificate"},
		"one of all below":              {"{address: ':1', tls: true}", own, "*.example.com", ""},
		"any host":                      {"{address: ':1', tls: true}", own, "", ""},
		"the host is served plain":      {"[{address: ':1', tls: true}, ':2']", own, "www.example.com", ""},
		"plain leads to https":          {"[{address: ':1', tls: true}, {address: ':2', redirect: true}]", own, "www.example.com", "host www.example.com"},
		"file without a name":           {"{address: ':1', tls: true}", nameless, "", "no subject alternative name"},
		"and so the listener":           {"{address: ':1', tls: true}", nameless, "", "1:9: no name has a certificate"},
		"a domain by ACME":              {"{address: ':1', tls: true}", "domains: a.example.com", "a.example.com", ""},
		"another domain":                {"{address: ':1', tls: true}", "domains: a.example.com", "b.example.com", "host b.example.com"},
		"on demand":                     {"{address: ':1', tls: true}", "on_demand: {ask: http://127.0.0.1:9}", "b.example.com", ""},
		"internal":                      {"{address: ':1', tls: true}", "internal: true", "b.example.com", ""},
		"internal, all below":           {"{address: ':1', tls: true}", "internal: true", "*.example.com", ""},
		"internal, this machine":        {"{address: '127.0.0.1:1', tls: true}", "internal: true", "", ""},
		"internal, any address":         {"{address: '[::]:1', tls: true}", "internal: true", "", ""},
		"internal, for others":          {"{address: '192.0.2.7:1', tls: true}", "internal: true", "", "1:9: only localhost has a certificate"},
		"internal, for others by name":  {"{address: '192.0.2.7:1', tls: true}", "internal: true", "app.test", ""},
		"internal, for others by files": {"{address: '192.0.2.7:1', tls: true}", "internal: true, " + own, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := "listen: " + tt.listen + "\nroutes: [\n {upstream: main"
			if tt.host != "" {
				text += ", host: '" + tt.host + "'"
			}
			text += "}]\nupstreams: {main: http://127.0.0.1:3001}\n"
			if tt.tls != "" {
				text += "tls: {" + tt.tls + "}\n"
			}
			cfg, err := config.Parse("routes.yaml", []byte(text), nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			got := certs.Advice(cfg).Error()
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("advice: got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	dir := newTestFiles(t)
	cfg := routes(dir, config.TLS{Internal: true, Domains: []string{"app.example.com", "b.test"}, Certificates: []config.Certificate{
		{Cert: "cert.pem", Key: "key.pem"}, {Cert: "none.pem", Key: "none.pem"}, {Cert: "key.pem", Key: "key.pem"},
	}})
	cfg.Routes = []*config.Route{{Host: "c.test"}, {}, {Host: "*.d.test"}, {Host: "b.test"}}
	want := "app.example.com b.test c.test *.d.test localhost 127.0.0.1 ::1"
	if got := strings.Join(certs.Names(cfg), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	cfg.TLS.Internal = false // an authority wants proof, and gets no more than is asked for
	if got := strings.Join(certs.Names(cfg), " "); got != "app.example.com b.test" {
		t.Errorf("by ACME: got %s, want the domains alone", got)
	}
}
