package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// observePatience is how long all that a check asks may take to be seen: some
// scrapes, and what a busy machine needs.
const observePatience = 30 * time.Second

// observed is an usher that carries traffic of known shape, and a Prometheus
// that observes it.
type observed struct {
	*prometheus
	bin    string // Prometheus' programs
	admin  string
	routes string // the file
	started
	traffic *exec.Cmd
	quiet   io.Closer // closed, it ends what comes and goes
	says    *bufio.Scanner
}

// started are processes that end together.
type started []*exec.Cmd

func (s *started) start(c *exec.Cmd) error {
	err := c.Start()
	if err == nil {
		*s = append(*s, c)
	}
	return err
}

func (s *started) end() {
	for _, c := range *s {
		c.Cancel() //nolint:errcheck // it may have ended
		c.Wait()   //nolint:errcheck // it was killed
	}
}

// tryPrometheus asks a real Prometheus, which observes an usher, everything
// that the dashboard and the alerts ask.
func tryPrometheus(ctx context.Context, t *tally) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	d, err := readDashboard(packages + "grafana.json")
	if t.assert("dashboard", err); err != nil {
		return
	}
	t.assert("dashboard's form", d.lint())
	dir, err := os.MkdirTemp("", "usher-prometheus-*")
	if err != nil {
		t.fail("folder", err.Error())
		return
	}
	defer os.RemoveAll(dir)
	o := &observed{routes: filepath.Join(dir, "routes.yaml")}
	defer o.end()
	if err := o.begin(ctx, dir); err != nil {
		t.fail("begin", err.Error())
		return
	}
	t.checkRules(ctx, o)
	t.checkMetrics(ctx, o)
	t.checkDashboard(ctx, o, d)
	t.checkAlerts(o)
	if t.assert("the traffic gets quiet", o.calm()); len(t.failures) == 0 {
		t.checkShape(o)
	}
}

// begin starts all, and has usher refuse a routes file.
func (o *observed) begin(ctx context.Context, dir string) error {
	var err error
	if o.bin, err = prometheusTools(ctx); err != nil {
		return err
	}
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go hangUp(deaf)
	context.AfterFunc(ctx, func() { deaf.Close() })
	keys := httptest.NewServer(http.HandlerFunc(serveKeys))
	context.AfterFunc(ctx, keys.Close)
	main, err := o.service(ctx, "main")
	if err != nil {
		return err
	}
	admin, err := o.service(ctx, "admin")
	if err != nil {
		return err
	}
	if err := certify(ctx, dir); err != nil {
		return err
	}
	o.admin = freeAddress()
	plain, tls := freeAddress(), freeAddress()
	text := strings.NewReplacer("PLAIN", plain, "TLS", tls, "OPERATORS", o.admin, "MAIN", main, "ADMIN", admin, "GONE", freeAddress(), "KEYS", keys.URL, "DEAF", deaf.Addr().String()).Replace(observedRoutes)
	if err := os.WriteFile(o.routes, []byte(text), 0o600); err != nil {
		return err
	}
	if err := o.start(command(ctx, o.usher(), "run", "--routes", o.routes)); err != nil {
		return err
	}
	if err := eventually(func() error { return wantReady(o.admin) }); err != nil {
		return err
	}
	if o.prometheus, err = startPrometheus(ctx, o.bin, dir, o.admin, packages+"alerts.yaml"); err != nil {
		return err
	}
	o.started = append(o.started, o.process)
	if err := o.startTraffic(ctx, "http://"+plain, "https://"+tls); err != nil {
		return err
	}
	return o.refuse(ctx, text)
}

// certify has Go's own tool write a certificate and its key into dir.
func certify(ctx context.Context, dir string) error {
	root, err := command(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	c := command(ctx, "go", "run", filepath.Join(strings.TrimSpace(string(root)), "src/crypto/tls/generate_cert.go"), "--host=localhost", "--ecdsa-curve=P256")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	return nil
}

func (o *observed) usher() string { return filepath.Join(debs(), "usher") }

const observedRoutes = `listen: [PLAIN, {address: TLS, tls: true}]
admin: OPERATORS
tls: {certificates: [{cert: cert.pem, key: key.pem}]}
upstreams:
  main: http://MAIN
  audit: http://ADMIN
  gone: http://GONE
  deaf: http://DEAF
  ill: {endpoints: http://DEAF, check: {path: /, every: 200ms, timeout: 100ms}}
routes:
  - {path: /socket.io, namespaces: {/: main, /news: main, /audit: audit, /lost: gone}}
  - {path: /a, strip_prefix: /a, upstream: main}
  - {path: /b, strip_prefix: /b, upstream: audit}
  - {path: /gone, upstream: gone}
  - {path: /deaf, upstream: deaf}
  - {path: /ill, upstream: ill}
  - {path: /asked, upstream: main, auth: {forward: {url: KEYS}}}
  - {path: /token, upstream: main, auth: {jwt: {jwks: KEYS, audience: x}}}
`

// serveKeys is a service of auth that lets everybody in, with the key of RFC 7517,
// A.1.
func serveKeys(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", `+ //nolint:errcheck // usher may have gone
		`"x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
}

// hangUp takes connections, and ends them without a word.
func hangUp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.CopyN(io.Discard, c, 1) //nolint:errcheck // it ends whatever was said
		c.Close()
	}
}

// service starts one of the services, and returns where it listens.
func (o *observed) service(ctx context.Context, name string) (string, error) {
	c := command(ctx, "node", "scripts/services/"+name+".js", "--port", "0")
	out, err := c.StdoutPipe()
	if err == nil {
		err = o.start(c)
	}
	if err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	if !ok {
		return "", fmt.Errorf("service %s: %q: %w", name, line, err)
	}
	return address, nil
}

func (o *observed) startTraffic(ctx context.Context, plain, tls string) error {
	o.traffic = command(ctx, "node", "scripts/suite/traffic.js", plain, tls)
	in, err := o.traffic.StdinPipe()
	if err != nil {
		return err
	}
	out, err := o.traffic.StdoutPipe()
	if err != nil {
		return err
	}
	o.traffic.Stderr = os.Stderr
	o.quiet, o.says = in, bufio.NewScanner(out)
	return errors.Join(o.start(o.traffic), wantLine(o.says, "standing"))
}

// refuse has usher refuse another routes file.
func (o *observed) refuse(ctx context.Context, text string) error {
	if err := os.WriteFile(o.routes, []byte(text+"unknown: key\n"), 0o600); err != nil {
		return err
	}
	if err := command(ctx, o.usher(), "reload", "--routes", o.routes, "--admin", o.admin).Run(); err == nil {
		return errors.New("usher has taken a routes file with an unknown key")
	}
	return nil
}

// calm has nothing come and go any more, and waits until that was scraped.
func (o *observed) calm() error {
	if err := o.quiet.Close(); err != nil {
		return err
	}
	if err := wantLine(o.says, "quiet"); err != nil {
		return err
	}
	time.Sleep(2 * scrapeInterval)
	return nil
}

// checkRules has Prometheus' own tool read the alerts, and try when they come.
func (t *tally) checkRules(ctx context.Context, o *observed) {
	promtool := filepath.Join(o.bin, "promtool")
	t.runs("promtool check rules", command(ctx, promtool, "check", "rules", "--lint-fatal", packages+"alerts.yaml"))
	t.runs("promtool test rules", command(ctx, promtool, "test", "rules", packages+"alerts_test.yaml"))
}

func (t *tally) checkMetrics(ctx context.Context, o *observed) {
	resp, err := http.Get("http://" + o.admin + "/metrics")
	if t.assert("metrics", err); err != nil {
		return
	}
	defer resp.Body.Close()
	c := command(ctx, filepath.Join(o.bin, "promtool"), "check", "metrics")
	c.Stdin = resp.Body
	t.check("promtool check metrics", c)
}

// checkDashboard wants that nothing which the dashboard shows is empty.
func (t *tally) checkDashboard(_ context.Context, o *observed, d *dashboard) {
	var fill func(string) string
	err := eventually(func() (err error) {
		fill, err = d.fill(o.prometheus)
		return err
	})
	if t.assert("variables", err); err != nil {
		return
	}
	wants := make(map[string]func() error)
	for _, expr := range d.expressions() {
		wants[expr] = func() error { return o.wantSample(fill(expr)) }
	}
	t.eventually(wants)
}

// wantSample wants a number, of this usher and nobody else.
func (o *observed) wantSample(expr string) error {
	samples, err := o.ask(expr)
	if err != nil {
		return err
	}
	numbers := 0
	for _, s := range samples {
		if at, ok := s.Metric["instance"]; ok && at != o.admin {
			return fmt.Errorf("%s: got a sample of %s, which is no usher", expr, at)
		}
		if !math.IsNaN(s.number()) {
			numbers++
		}
	}
	if numbers == 0 {
		return fmt.Errorf("%s: got %v, want a number", expr, samples)
	}
	return nil
}

// checkAlerts wants those alerts, and no others, that the traffic gives cause
// for.
func (t *tally) checkAlerts(o *observed) {
	want := "UsherEndpointUnusable UsherLegsFail UsherReloadRefused UsherUpstreamDown"
	t.assert("alerts", eventually(func() error {
		samples, err := o.ask(`sort(count by (alertname) (ALERTS))`)
		if err != nil {
			return err
		}
		if got := labels(samples, "alertname"); got != want {
			return fmt.Errorf("got %s, want %s", got, want)
		}
		return nil
	}))
}

// checkShape wants numbers that are those of the traffic.
func (t *tally) checkShape(o *observed) {
	wants := make(map[string]func() error)
	for expr, want := range map[string]float64{
		`sum(usher_sessions_open)`:                                                                                 11,
		`sum(usher_sessions_open{route="/a"})`:                                                                     5,
		`sum(usher_sessions_open{route="/b", upstream="audit"})`:                                                   3,
		`sum(usher_sessions_open{upstream="(namespaces)"})`:                                                        3,
		`sum(usher_engineio_sessions_open{transport="websocket"})`:                                                 2,
		`sum(usher_engineio_sessions_open{transport="polling"})`:                                                   1,
		`sum(usher_namespaces_open{upstream="audit"})`:                                                             3,
		`sum(usher_legs_open)`:                                                                                     6,
		`sum(usher_sessions_opened_total) - sum(usher_session_ends_total)`:                                         11,
		`count(usher_session_ends_total{route="/a", cause="client.closed", close_code="1000"} > 2)`:                1,
		`count(usher_session_ends_total{route="/b", cause="client.lost", close_code="1001"} > 2)`:                  1,
		`sum by (route) (usher_session_ends_total{route="/a"}) - on () sum(usher_refusals_total{reason="origin"})`: 0,
		`sum(usher_refusals_total{reason="dial"}) >= bool 3`:                                                       1,
		`usher_reload_last_successful`:                                                                             0,
		`usher_reloads_total{result="refused"}`:                                                                    1,
		`usher_duplicate_claims_total + usher_duplicate_ends_total`:                                                0,
		`count(usher_certificate_left_seconds > 0)`:                                                                1,
		`usher_endpoint_usable{upstream="ill"}`:                                                                    0,
	} {
		wants[expr] = func() error {
			samples, err := o.ask(expr)
			if err == nil && (len(samples) != 1 || samples[0].number() != want) {
				err = fmt.Errorf("got %v, want %v", samples, want)
			}
			return err
		}
	}
	t.eventually(wants)
}
