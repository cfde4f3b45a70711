package proxy_test

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "usher/proxy/"

// layers is policy: what each package may import from this module, and which
// other packages (besides the standard library) it alone may import.
// Change it only when the design changes, never to fix a build.
var layers = map[string]struct {
	imports []string // packages of this module
	owns    []string // third-party modules
	pure    bool     // works on bytes and state: no net, os or log
}{
	"ws":       {pure: true},
	"http1":    {pure: true},
	"engineio": {pure: true},
	"socketio": {pure: true},
	"redact":   {pure: true},
	"tls13":    {owns: []string{"golang.org/x/crypto/chacha20poly1305"}, pure: true},
	"demux":    {imports: []string{"engineio", "socketio"}, pure: true},

	"fleet/keys":  {pure: true},
	"fleet/owner": {imports: []string{"affinity", "engineio", "fleet/link", "headers"}},
	"fleet/link":  {imports: []string{"h2connect", "http2", "socket"}},

	"affinity": {owns: []string{"github.com/hashicorp/golang-lru/v2"}, pure: true},

	"h2connect": {},
	"leaktest":  {}, // for tests
	"waittest":  {}, // for tests

	"fleet/redistest": {imports: []string{"waittest"}}, // for tests

	"accesslog": {imports: []string{"config", "headers", "redact"}},
	"config":    {imports: []string{"http1", "redact"}, owns: []string{"go.yaml.in/yaml/v3", "golang.org/x/net/publicsuffix"}},
	"session":   {},

	"fleet/certstore": {imports: []string{"fleet/keys", "fleet/store"}, owns: []string{"github.com/caddyserver/certmagic", "golang.org/x/crypto/chacha20poly1305"}},
	"fleet/member":    {imports: []string{"fleet/link", "fleet/store"}},
	"fleet/store":     {imports: []string{"config"}, owns: []string{"github.com/redis/go-redis/v9"}},

	"tap":    {imports: []string{"redact", "session", "ws"}, pure: true},
	"socket": {imports: []string{"tls13"}},
	"watch":  {},
	"nginx":  {imports: []string{"config"}, pure: true},

	"http2":    {imports: []string{"h2connect", "http1", "refusal", "socket"}},
	"handover": {imports: []string{"socket"}, owns: []string{"github.com/coreos/go-systemd/v22"}},
	"tracing":  {imports: []string{"config"}, owns: []string{"go.opentelemetry.io", "google.golang.org/protobuf"}},
	"headers":  {imports: []string{"config", "tracing"}},
	"route":    {imports: []string{"config"}},

	"certs":      {imports: []string{"config", "fleet/certstore", "fleet/keys", "watch"}, owns: []string{"github.com/caddyserver/certmagic", "github.com/mholt/acmez/v3", "go.uber.org/zap"}},
	"proxyproto": {owns: []string{"github.com/pires/go-proxyproto"}},
	"upstream":   {imports: []string{"affinity", "config", "proxyproto", "session", "socket", "tracing", "ws"}},
	"refusal":    {imports: []string{"engineio", "headers", "http1", "redact", "route", "session", "upstream"}},
	"limits":     {imports: []string{"config", "refusal", "session"}, owns: []string{"golang.org/x/time/rate"}},
	"encode":     {imports: []string{"config", "http1"}, owns: []string{"github.com/andybalholm/brotli", "github.com/klauspost/compress"}},
	"pages":      {imports: []string{"config", "watch"}},
	"auth":       {imports: []string{"config", "headers", "http1", "refusal", "session", "watch"}, owns: []string{"github.com/go-jose/go-jose/v4", "golang.org/x/crypto/bcrypt", "golang.org/x/sync/singleflight"}},
	"plain":      {imports: []string{"accesslog", "config", "pages", "refusal", "session"}},
	"forward":    {imports: []string{"config", "encode", "headers", "http1", "plain", "refusal", "route", "upstream"}},
	"handshake":  {imports: []string{"affinity", "auth", "config", "engineio", "h2connect", "headers", "http1", "limits", "pages", "plain", "refusal", "route", "session", "tracing", "upstream", "ws"}},
	"front":      {imports: []string{"accesslog", "certs", "config", "handover", "handshake", "headers", "http1", "http2", "limits", "plain", "proxyproto", "refusal", "relay", "socket", "tls13"}, owns: []string{"golang.org/x/net/http/httpguts"}},
	"relay":      {imports: []string{"demux", "engineio", "session", "socket", "tap", "tls13", "ws"}, owns: []string{"golang.org/x/sys/unix"}},
	"namespaces": {imports: []string{"auth", "config", "demux", "engineio", "fleet/owner", "handshake", "headers", "limits", "refusal", "relay", "route", "session", "tracing", "upstream"}},
	"transfer":   {imports: []string{"front", "handover", "namespaces", "relay", "session", "upstream"}},
	"messages":   {imports: []string{"handshake", "route", "session", "tap", "ws"}, owns: []string{"github.com/koding/websocketproxy", "github.com/gorilla/websocket"}},

	"incident": {imports: []string{"auth", "refusal", "upstream"}, owns: []string{"github.com/prometheus/procfs"}},

	"admin":   {imports: []string{"auth", "config", "headers", "incident", "plain", "refusal", "route", "session", "tap", "upstream"}},
	"metrics": {imports: []string{"accesslog", "auth", "engineio", "fleet/link", "handshake", "incident", "namespaces", "plain", "refusal", "relay", "session", "upstream"}, owns: []string{"github.com/prometheus/client_golang"}},

	"command/help": {imports: []string{"config"}, pure: true},

	"demo":         {imports: []string{"", "config", "ws"}},
	"doctor":       {imports: []string{"ws"}},
	"command/line": {imports: []string{"command"}, owns: []string{"github.com/urfave/cli/v2"}},
	"command":      {imports: []string{"", "accesslog", "admin", "affinity", "auth", "certs", "command/help", "config", "demo", "doctor", "fleet/keys", "handover", "headers", "nginx", "pages", "refusal", "route"}, owns: []string{"golang.org/x/net/http/httpguts", "golang.org/x/term"}},
}

var impure = []string{"log", "log/slog", "net", "net/http", "os"}

func TestLayers(t *testing.T) {
	for _, name := range packages(t) {
		layer, ok := layers[name]
		if !ok {
			t.Errorf("proxy/%s: not in the layers table", name)
			continue
		}
		pkg, err := build.ImportDir(name, 0)
		if err != nil {
			t.Errorf("proxy/%s: %v", name, err)
			continue
		}
		for _, imp := range pkg.Imports {
			switch sub, ours := strings.CutPrefix(imp, module); {
			case ours && !slices.Contains(layer.imports, sub):
				t.Errorf("proxy/%s must not import proxy/%s", name, sub)
			case layer.pure && slices.Contains(impure, imp):
				t.Errorf("proxy/%s must not import %s: it does no I/O", name, imp)
			case !ours && isThirdParty(imp) && !owned(layer.owns, imp):
				t.Errorf("proxy/%s must not import %s", name, imp)
			}
		}
		for _, sub := range layer.imports {
			if !slices.Contains(pkg.Imports, strings.TrimSuffix(module+sub, "/")) {
				t.Errorf("proxy/%s may import proxy/%s, and does not: take it out of the table", name, sub)
			}
		}
		for _, m := range layer.owns {
			if !slices.ContainsFunc(pkg.Imports, func(imp string) bool { return owned([]string{m}, imp) }) {
				t.Errorf("proxy/%s may import %s, and does not: take it out of the table", name, m)
			}
		}
	}
}

// The root assembles our packages, and knows no one else's.
func TestRootImports(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, imp := range pkg.Imports {
		switch sub, ours := strings.CutPrefix(imp, module); {
		case isThirdParty(imp) && !ours:
			t.Errorf("proxy must not import %s", imp)
		case sub == "command" || sub == "demo" || sub == "doctor":
			t.Errorf("proxy must not import proxy/%s, which stands above it", sub)
		}
	}
}

// packages are the folders below this one that have Go files.
func packages(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if dir := filepath.ToSlash(filepath.Dir(path)); err == nil && dir != "." && strings.HasSuffix(path, ".go") && !slices.Contains(names, dir) {
			names = append(names, dir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// isThirdParty tells whether a package is neither ours nor of the standard
// library.
func isThirdParty(imp string) bool { return strings.Contains(strings.Split(imp, "/")[0], ".") }

func owned(modules []string, imp string) bool {
	return slices.ContainsFunc(modules, func(m string) bool {
		return imp == m || strings.HasPrefix(imp, m+"/")
	})
}
