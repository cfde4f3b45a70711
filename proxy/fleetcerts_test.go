package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/fleet/redistest"
)

// fleetOf is the key of that name in a routes file.
func fleetOf(redis *redistest.Server) string {
	return fmt.Sprintf("fleet: {redis: 'redis://%s', node: {address: '127.0.0.1:0'}, secret: a-secret-of-thirty-two-bytes-or-more}\n", redis.Address)
}

// fleetNode is an usher of its own: what certmagic remembers of challenges is a
// process's.
type fleetNode struct {
	*exec.Cmd
	dir string
	log *lineLog
}

func buildUsher(t *testing.T) string {
	t.Helper()
	usher := filepath.Join(t.TempDir(), "usher")
	if out, err := exec.Command("go", "build", "-o", usher, "usher").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return usher
}

func startFleetNode(t *testing.T, usher, text string) *fleetNode {
	t.Helper()
	return startFleetNodeIn(t, usher, t.TempDir(), text)
}

func startFleetNodeIn(t *testing.T, usher, dir, text string) *fleetNode {
	t.Helper()
	n := &fleetNode{dir: dir, log: &lineLog{}}
	file := filepath.Join(n.dir, "routes.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Cmd = exec.Command(usher, "run", "--routes", file)
	startProcess(t, n.Cmd, n.log)
	return n
}

// pair are the listeners of the node to which all questions of the authority come,
// and those of one to which none comes.
func (a *acmeServer) pair(t *testing.T) (front, back string, backSecure string) {
	ports := freePorts(t, 2)
	backSecure = fmt.Sprintf("127.0.0.1:%d", ports[1])
	return a.both(), fmt.Sprintf("'127.0.0.1:%d', {address: '%s', tls: true}", ports[0], backSecure), backSecure
}

func acmeTLS(a *acmeServer, listen, names string) string {
	return fmt.Sprintf("listen: [%s]\ntls:\n  %s\n  ca: %s\n  ca_root: %s\n%s", listen, names, a.directory, a.root, oneRoute("http://127.0.0.1:1"))
}

// TestFleetOrdersOnce has two nodes begin at the same time, with several names:
// each is a race.
func TestFleetOrdersOnce(t *testing.T) {
	a, redis, usher := newTestACME(t, acmeOptions{}), redistest.Start(t), buildUsher(t)
	front, back, backSecure := a.pair(t)
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprintf("n%d.example.com", i))
	}
	var nodes []*fleetNode
	for _, listen := range []string{front, back} {
		nodes = append(nodes, startFleetNode(t, usher, fleetOf(redis)+acmeTLS(a, listen, "domains: ["+strings.Join(names, ", ")+"]")))
	}
	trust := a.trust(t)
	for _, name := range names {
		first := wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), name, trust)
		if second := wantIssued(t, backSecure, name, trust); !first.Equal(second) {
			t.Errorf("%s: got two certificates, want one", name)
		}
	}
	if got := a.requests("POST /order-plz"); got != len(names) {
		t.Errorf("orders: got %d, want one for each of %d names", got, len(names))
	}
	for i, n := range nodes {
		wantPrivate(t, filepath.Join(n.dir, "certs"))
		if n.log.count(`"level":"ERROR"`) > 0 || t.Failed() {
			t.Errorf("log of node %d:\n%s", i, n.log)
		}
	}
}

// TestFleetAnswersForOthers has the authority ask a node about what another has
// begun.
func TestFleetAnswersForOthers(t *testing.T) {
	usher := buildUsher(t)
	app := newTestBackend(t, func(http.ResponseWriter, *http.Request) {})
	for name, tt := range map[string]struct {
		front, back func(a *acmeServer) string
		names       string // of the node that is asked
	}{
		"HTTP-01, on demand": {
			front: (*acmeServer).both, names: "on_demand: {ask: '" + app.URL + "'}",
			back: func(*acmeServer) string {
				return "'127.0.0.1:0', {address: 'unix:" + t.TempDir() + "/tls.sock', tls: true}"
			},
		},
		"TLS-ALPN-01, on demand": {
			front: (*acmeServer).both, names: "on_demand: {ask: '" + app.URL + "'}",
			back: func(*acmeServer) string { return "{address: '127.0.0.1:0', tls: true}" },
		},
		"HTTP-01, listed": {
			front: (*acmeServer).both, names: "domains: ws.example.com",
			back: func(*acmeServer) string {
				return "'127.0.0.1:0', {address: 'unix:" + t.TempDir() + "/tls.sock', tls: true}"
			},
		},
		"TLS-ALPN-01, listed": {
			front: (*acmeServer).both, names: "domains: ws.example.com",
			back: func(*acmeServer) string { return "{address: '127.0.0.1:0', tls: true}" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, redis := newTestACME(t, acmeOptions{}), redistest.Start(t)
			const lock = "{usher:edge}:cert:l:issue_cert_ws.example.com"
			redis.Do("SET", lock, "the test's") // nobody begins
			front := startFleetNode(t, usher, fleetOf(redis)+acmeTLS(a, tt.front(a), tt.names))
			listed := strings.HasPrefix(tt.names, "domains")
			wantSoon(t, "the node that is asked is there", true, func() bool {
				return front.log.count("acquiring lock") > 0 || !listed && front.log.count(`"msg":"listening"`) == 2
			})
			if listed {
				front.Process.Signal(syscall.SIGSTOP)
			}
			back := startFleetNode(t, usher, fleetOf(redis)+acmeTLS(a, tt.back(a), "domains: ws.example.com"))
			wantSoon(t, "the other waits for the lock", 1, func() int { return back.log.count("acquiring lock") })
			redis.Do("DEL", lock)
			wantSoon(t, "the other has the lock", 1, func() int { return back.log.count("lock acquired") })
			front.Process.Signal(syscall.SIGCONT)
			wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), "ws.example.com", a.trust(t))
			if got := a.requests("POST /order-plz"); got != 1 {
				t.Errorf("orders: got %d, want 1", got)
			}
			kind := map[bool]string{true: "http-01", false: "tls-alpn-01"}[strings.HasPrefix(name, "HTTP")]
			if n := front.log.count(`"distributed":true`); n == 0 || front.log.count(`"challenge":"`+kind+`"`) == 0 {
				t.Errorf("answers to %s from what is shared: got %d", kind, n)
			}
			if t.Failed() {
				t.Logf("asked:\n%s\nother:\n%s", front.log, back.log)
			}
		})
	}
}

// TestFleetOwnerDies kills a node at several points of its order. Another one, with
// a folder of its own, finishes, and one pair of key and certificate is left.
func TestFleetOwnerDies(t *testing.T) {
	const lock = "{usher:edge}:cert:l:issue_cert_ws.example.com"
	usher := buildUsher(t)
	for name, key := range map[string]string{
		"behind the lock":      lock,
		"behind the challenge": "*challenge_tokens*",
		"behind the key":       "*/ws.example.com.key",
	} {
		t.Run(name, func(t *testing.T) {
			a, redis := newTestACME(t, acmeOptions{}), redistest.Start(t)
			text := fleetOf(redis) + acmeTLS(a, a.both(), "domains: ws.example.com")
			first := startFleetNode(t, usher, text)
			wantSoon(t, "it has come so far", true, func() bool { return redis.Do("KEYS", key) != "" })
			first.Process.Kill()
			if key != lock {
				redis.Do("PEXPIRE", lock, "100") // who waits for it once has seen enough
			}
			began := time.Now()
			second := startFleetNode(t, usher, text)
			wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), "ws.example.com", a.trust(t))
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("the second has it behind %v, want the 15 s of a lock and little more", took)
			}
			if t.Failed() {
				t.Logf("second:\n%s", second.log)
			}
		})
	}
}

// TestFleetRenewsOnce starts two nodes whose certificate is about to end.
func TestFleetRenewsOnce(t *testing.T) {
	a, redis, usher := newTestACME(t, acmeOptions{}), redistest.Start(t), buildUsher(t)
	front, back, backSecure := a.pair(t)
	ending := t.TempDir()
	writeTestCertificate(t, ending, &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"ws.example.com"}, NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	})
	var nodes []*fleetNode
	for _, listen := range []string{front, back} {
		dir := t.TempDir()
		a.seed(t, ending, dir)
		nodes = append(nodes, startFleetNodeIn(t, usher, dir, fleetOf(redis)+acmeTLS(a, listen, "domains: ws.example.com")))
	}
	trust := a.trust(t)
	first := wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), "ws.example.com", trust)
	if second := wantIssued(t, backSecure, "ws.example.com", trust); !first.Equal(second) {
		t.Error("renewed certificate: got two, want one")
	}
	renewals := nodes[0].log.count("certificates: renewing certificate") + nodes[1].log.count("certificates: renewing certificate")
	if got := a.requests("POST /order-plz"); got != 1 || renewals != 1 {
		t.Errorf("orders: got %d in %d renewals, want 1", got, renewals)
		t.Logf("first:\n%s\nsecond:\n%s", nodes[0].log, nodes[1].log)
	}
}

// seed puts a certificate into the storage of a node in dir, as if a had issued it.
func (a *acmeServer) seed(t *testing.T, from, dir string) {
	t.Helper()
	u, err := url.Parse(a.directory)
	if err != nil {
		t.Fatal(err)
	}
	site := filepath.Join(dir, "certs", "certificates", "127.0.0.1-"+u.Port()+"-dir", "ws.example.com")
	if err := os.MkdirAll(site, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"cert.pem": "ws.example.com.crt", "key.pem": "ws.example.com.key"} {
		if err := os.Link(filepath.Join(from, name), filepath.Join(site, file)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(site, "ws.example.com.json"), []byte(`{"sans":["ws.example.com"],"issuer_data":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFleetAway starts without Redis: what the folder has is served at once, what
// it has not is ordered when Redis is there.
func TestFleetAway(t *testing.T) {
	a, redis := newTestACME(t, acmeOptions{}), redistest.Start(t)
	dir, trust := t.TempDir(), a.trust(t)
	secure := fmt.Sprintf("127.0.0.1:%d", a.secure)
	redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	b := newTestBrokerIn(t, dir, fleetOf(redis)+acmeTLS(a, a.both(), "domains: ws.example.com"))
	wantSoon(t, "the log warns of an eviction", 1, func() int { return len(b.log.lines(t, "fleet")) })
	kept := wantIssued(t, secure, "ws.example.com", trust)
	b.wantStop(t, patience)
	redis.Kill()

	up := newTestBackend(t, echo)
	text := strings.Replace(acmeTLS(a, a.both()+", '127.0.0.1:0'", "domains: [ws.example.com, www.example.com]"), "http://127.0.0.1:1", up.URL, 1)
	began := time.Now()
	b = newTestBrokerIn(t, dir, fleetOf(redis)+text)
	shown := wantIssued(t, secure, "ws.example.com", trust)
	if took := time.Since(began); took > 2*time.Second || !shown.Equal(kept) {
		t.Errorf("without Redis: got the folder's certificate %v behind %v, want it within 2 s", shown.Equal(kept), took)
	}
	if c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: "www.example.com", RootCAs: trust}); err == nil {
		c.Close()
		t.Error("a name without a certificate: got one")
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{ServerName: "ws.example.com", RootCAs: trust}}}).Get("https://" + secure + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	orders := a.requests("POST /order-plz")
	if n := len(b.log.lines(t, "redis does not answer: this node goes on with what it has")); n != 1 {
		t.Errorf("lines that it is away: got %d, want 1", n)
	}
	redis.Restart()
	wantIssued(t, secure, "www.example.com", trust)
	if got := a.requests("POST /order-plz") - orders; got != 1 {
		t.Errorf("orders behind that: got %d, want 1 for the name that had none", got)
	}
	for range 2 {
		redis.Do("FLUSHALL")
		wantSoon(t, "what was lost is put back", true, func() bool {
			return strings.Count(redis.Do("ZRANGE", "{usher:edge}:cert:i", "0", "-1"), ".crt") == 2
		})
	}
	if got := a.requests("POST /order-plz") - orders; got != 1 {
		t.Errorf("orders behind a flush: got %d more, want none", got-1)
	}
}

// TestNoRedis runs an usher by itself, with certificates: nothing of a fleet is there.
func TestNoRedis(t *testing.T) {
	a := newTestACME(t, acmeOptions{})
	b := newTestBrokerIn(t, t.TempDir(), acmeTLS(a, a.both(), "domains: ws.example.com"))
	wantIssued(t, fmt.Sprintf("127.0.0.1:%d", a.secure), "ws.example.com", a.trust(t))
	stacks := make([]byte, 1<<22)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, part := range []string{"usher/proxy/fleet", "go-redis"} {
		if strings.Contains(string(stacks), part) {
			t.Errorf("a goroutine of %s:\n%s", part, stacks)
		}
	}
	b.wantStop(t, patience)
}
