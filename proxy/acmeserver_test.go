package proxy_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// acmeServer is a Pebble, a small ACME authority, with a DNS in which every
// name is this machine. Both are processes on loopback.
type acmeServer struct {
	directory  string
	management string
	root       string // PEM file that verifies the directory
	plain      int    // where it asks by HTTP-01
	secure     int    // where it asks by TLS-ALPN-01
	log        *lineLog
	client     *http.Client
}

// acmeOptions are what differs among the tests' authorities.
type acmeOptions struct {
	validity        time.Duration // of certificates; 0 is a day
	externalAccount string        // the MAC key of the account "ours"; "" for none
}

func newTestACME(t *testing.T, o acmeOptions) *acmeServer {
	t.Helper()
	dir := t.TempDir()
	trust := newTestCertificate(t, dir)
	ports := freePorts(t, 6)
	dns, challenges := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	a := &acmeServer{
		directory: fmt.Sprintf("https://127.0.0.1:%d/dir", ports[2]), management: fmt.Sprintf("https://127.0.0.1:%d", ports[3]),
		root: filepath.Join(dir, "cert.pem"), plain: ports[4], secure: ports[5], log: &lineLog{},
		client: &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, DisableKeepAlives: true}},
	}
	config := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(config, a.config(t, dir, ports, o), 0o600); err != nil {
		t.Fatal(err)
	}
	startTool(t, io.Discard, "pebble-challtestsrv", "-defaultIPv6", "", "-dnsserver", dns, "-management", challenges,
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	startTool(t, a.log, "pebble", "-config", config, "-dnsserver", dns)
	wantSoon(t, "the authority's directory answers", true, func() bool {
		resp, err := a.client.Get(a.directory)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return a
}

func (a *acmeServer) config(t *testing.T, dir string, ports []int, o acmeOptions) []byte {
	t.Helper()
	if o.validity == 0 {
		o.validity = 24 * time.Hour
	}
	p := map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", ports[2]), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", ports[3]),
		"certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": a.plain, "tlsPort": a.secure, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "one", "validityPeriod": int(o.validity.Seconds())}},
	}
	if o.externalAccount != "" {
		p["externalAccountBindingRequired"] = true
		p["externalAccountMACKeys"] = map[string]string{"ours": o.externalAccount}
	}
	text, err := json.Marshal(map[string]any{"pebble": p})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// trust returns the root that this authority issues under.
func (a *acmeServer) trust(t *testing.T) *x509.CertPool {
	t.Helper()
	resp, err := a.client.Get(a.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("root: got %s %q", resp.Status, text)
	}
	return pool
}

// requests counts the authority's requests so far by what its log has in them.
func (a *acmeServer) requests(what string) int { return a.log.count(what) }

// lineLog keeps the lines of a process.
type lineLog struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *lineLog) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.lines {
		n += strings.Count(line, what)
	}
	return n
}

func (l *lineLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

// startTool runs a tool of scripts/acme.mod until the test ends. That it cannot
// be had fails the test.
func startTool(t *testing.T, output io.Writer, name string, args ...string) {
	t.Helper()
	built := exec.Command("go", "tool", "-modfile=scripts/acme.mod", "-n", name)
	built.Dir = ".."
	path, err := built.Output()
	if err != nil {
		t.Fatalf("%v: %v", built, err)
	}
	c := exec.Command(strings.TrimSpace(string(path)), args...)
	c.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	startProcess(t, c, output)
}

// startProcess runs c until the test ends, with both its outputs to one writer.
func startProcess(t *testing.T, c *exec.Cmd, output io.Writer) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadBytes('\n')
			output.Write(line)
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		c.Process.Kill()
		reading.Wait()
		c.Wait() // it was killed
	})
}

// freePorts returns TCP ports that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
