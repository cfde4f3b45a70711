package upstream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/ws"
)

// farm is a network of servers that answer checks, in memory.
type farm struct {
	mu      sync.Mutex
	answers map[string]string // by address; "" is refused, "hang" is silent; guarded by mu
	asked   map[string]int    // connections; guarded by mu
	heads   []string          // requests; guarded by mu
	rest    string            // what came behind the last answer; guarded by mu
}

func newFarm(answers map[string]string) *farm {
	return &farm{answers: answers, asked: make(map[string]int)}
}

func (f *farm) set(address, answer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[address] = answer
}

func (f *farm) count(address string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[address]
}

func (f *farm) dial(_ context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[address]++
	answer := f.answers[address]
	switch answer {
	case "":
		return nil, syscall.ECONNREFUSED
	case "EMFILE":
		return nil, syscall.EMFILE
	}
	ours, theirs := net.Pipe()
	go f.serve(theirs, answer)
	return ours, nil
}

func (f *farm) serve(c net.Conn, answer string) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	var head bytes.Buffer
	r.Write(&head)
	f.mu.Lock()
	f.heads = append(f.heads, head.String())
	f.mu.Unlock()
	if answer != "hang" {
		io.WriteString(c, strings.ReplaceAll(answer, "ACCEPT", ws.AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
	}
	rest, _ := io.ReadAll(c)
	f.mu.Lock()
	f.rest = string(rest)
	f.mu.Unlock()
}

const (
	ok200     = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	busy      = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
	switch101 = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n"
)

func testCheck(kind config.CheckKind, path string) config.Check {
	return config.Check{Kind: kind, Path: path, Every: 10 * time.Second, Timeout: 2 * time.Second, Healthy: 2, Unhealthy: 3}
}

// checked returns upstreams as upstreams does, with a check.
func checked(c config.Check, addresses ...string) []*config.Upstream {
	list := upstreams(5*time.Second, config.RoundRobin, addresses...)
	list[0].Check = c
	return list
}

// newChecked returns a pool on f whose random numbers make the times between
// checks what the file says.
func newChecked(f *farm, list []*config.Upstream) *Pool {
	p := NewPool(nil)
	p.Dial = f.dial
	p.Random = func() float64 { return 0.5 }
	return p.Next(list, nil)
}

func TestKindsOfChecks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		check  config.Check
		answer string
		want   string // the error
	}{
		{"200", testCheck(config.CheckPath, "/healthz?token=secret"), ok200, ""},
		{"204 behind 103", testCheck(config.CheckPath, "/"), "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", ""},
		{"302", testCheck(config.CheckPath, "/"), "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", ""},
		{"404", testCheck(config.CheckPath, "/"), "HTTP/1.1 404 Not Found\r\n\r\n", "check: status 404, not 2xx or 3xx"},
		{"503", testCheck(config.CheckPath, "/?token=secret"), busy, "check: status 503, not 2xx or 3xx"},
		{"101 to a GET", testCheck(config.CheckPath, "/"), switch101, "check: status 101, not 2xx or 3xx"},
		{"no HTTP", testCheck(config.CheckPath, "/"), "SSH-2.0 secret\r\n\r\n", "check: answer is not HTTP"},
		{"silence", testCheck(config.CheckPath, "/"), "hang", "check: no answer in time"},
		{"half an answer", testCheck(config.CheckPath, "/"), "HTTP/1.1 200 OK\r\n", "check: no answer in time"},
		{"endless", testCheck(config.CheckPath, "/"), "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 1<<17), "check: unexpected EOF"},
		{"interim answers only", testCheck(config.CheckPath, "/"), strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9), "check: more than 8 interim answers"},
		{"refused", testCheck(config.CheckPath, "/"), "", "check: dial a:80: connection refused"},
		{"tcp", testCheck(config.CheckTCP, ""), "hang", ""},
		{"tcp refused", testCheck(config.CheckTCP, ""), "", "check: dial a:80: connection refused"},
		{"101", testCheck(config.CheckWebSocket, "/ws"), switch101, ""},
		{"200 to an upgrade", testCheck(config.CheckWebSocket, "/ws"), ok200, "check: status 200, not 101"},
		{"101 without proof", testCheck(config.CheckWebSocket, "/ws"), "HTTP/1.1 101 Switching Protocols\r\n\r\n", "check: 101 with a wrong Sec-WebSocket-Accept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm(map[string]string{"a:80": tt.answer})
				p := newChecked(f, checked(tt.check, "a:80"))
				p.StartChecks()
				time.Sleep(5 * time.Second) // longer than the timeout, shorter than the time to the next
				p.StopChecks()
				s := p.Stats()[0].Endpoints[0]
				state, passed := Healthy, uint64(1)
				if tt.want != "" {
					state, passed = Unhealthy, 0
				}
				if s.State != state || s.LastError != tt.want || s.ChecksPassed != passed || s.ChecksFailed != 1-passed {
					t.Errorf("got %+v, want it %s with the error %q", s, state, tt.want)
				}
				if s.Dials != 0 || s.DialFailures["refused"] != 0 {
					t.Errorf("dials: got %+v, want checks counted apart", s)
				}
				synctest.Wait()
				f.mu.Lock()
				defer f.mu.Unlock()
				if f.heads != nil && !strings.HasPrefix(f.heads[0], "GET "+tt.check.Path+" HTTP/1.1\r\nHost: a\r\nUser-Agent: usher-check\r\n") {
					t.Errorf("request: got %q", f.heads[0])
				}
				if got, want := f.rest, closeFrame; tt.name == "101" && got != want {
					t.Errorf("behind the 101: got %q, want a Close frame %q", got, want)
				}
			})
		})
	}
}

func TestChecksChangeTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": ok200, "b:80": ok200})
		var log bytes.Buffer
		p := newChecked(f, checked(testCheck(config.CheckPath, "/"), "a:80", "b:80"))
		p.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
		a, b := p.Get("main").Endpoints()[0], p.Get("main").Endpoints()[1]
		if got := a.State(); got != Unchecked {
			t.Errorf("before there are checks: got %s, want %s", got, Unchecked)
		}
		f.set("b:80", "hang")
		p.StartChecks()
		synctest.Wait()
		if x, y := a.State(), b.State(); x != Healthy || y != Unchecked {
			t.Errorf("one answered, one to be awaited: got %s and %s, want %s and %s", x, y, Healthy, Unchecked)
		}
		f.set("b:80", ok200)
		f.set("a:80", busy)
		for i, want := range []State{Healthy, Healthy, Unhealthy, Unhealthy} {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if got := a.State(); got != want {
				t.Errorf("after %d failures: got %s, want %s", i+1, got, want)
			}
		}
		if got, err := p.Get("main").Pick(t.Context(), new(Tries)); err != nil || got != b {
			t.Errorf("Pick: got %v, %v, want the one that is healthy", got, err)
		}
		f.set("a:80", ok200)
		for i, want := range []State{Unhealthy, Healthy} {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if got := a.State(); got != want {
				t.Errorf("after %d passes: got %s, want %s", i+1, got, want)
			}
		}
		p.StopChecks()
		synctest.Wait()
		want := `level=INFO msg="endpoint state" upstream=main endpoint=http://a:80 state=healthy
level=WARN msg="endpoint state" upstream=main endpoint=http://b:80 state=unhealthy err="check: no answer in time"
level=INFO msg="endpoint state" upstream=main endpoint=http://b:80 state=healthy
level=WARN msg="endpoint state" upstream=main endpoint=http://a:80 state=unhealthy err="check: status 503, not 2xx or 3xx"
level=INFO msg="endpoint state" upstream=main endpoint=http://a:80 state=healthy
`
		if got := log.String(); sorted(got) != sorted(want) {
			t.Errorf("log: got\n%swant\n%s", got, want)
		}
	})
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// What a reload does not change is checked on as before.
func TestNextKeepsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": busy, "b:80": ok200, "c:80": ok200})
		get, tcp := testCheck(config.CheckPath, "/"), testCheck(config.CheckTCP, "")
		p := newChecked(f, checked(get, "a:80", "b:80"))
		p.StartChecks()
		time.Sleep(25 * time.Second)
		a := p.Get("main").Endpoints()[0]
		if x, y := f.count("a:80"), f.count("b:80"); x != 3 || y != 3 {
			t.Errorf("checks in 25 s: got %d and %d, want 3", x, y)
		}

		p = p.Next(checked(get, "a:80", "c:80"), nil)
		p.StartChecks()
		time.Sleep(4 * time.Second)
		if x, y, z := f.count("a:80"), f.count("b:80"), f.count("c:80"); x != 3 || y != 3 || z != 1 {
			t.Errorf("4 s after a reload: got %d, %d and %d checks, want 3 as before, 3 as it is gone, and 1", x, y, z)
		}
		time.Sleep(10 * time.Second)
		if x, y := f.count("a:80"), f.count("b:80"); x != 4 || y != 3 {
			t.Errorf("14 s after a reload: got %d and %d checks, want 4 and 3 as it is gone", x, y)
		}
		if got := a.State(); got != Unhealthy {
			t.Errorf("endpoint that stays: got %s, want %s", got, Unhealthy)
		}

		p = p.Next(checked(tcp, "a:80"), nil)
		p.StartChecks()
		if got := a.State(); got != Unhealthy {
			t.Errorf("with another check: got %s, want %s until it says otherwise", got, Unhealthy)
		}
		time.Sleep(15 * time.Second)
		if got := a.State(); got != Healthy {
			t.Errorf("after two of the other check: got %s, want %s", got, Healthy)
		}

		f.set("a:80", "")
		time.Sleep(time.Minute)
		p = p.Next(checked(config.Check{}, "a:80"), nil)
		if got := a.State(); got != Unhealthy {
			t.Errorf("when it fails: got %s, want %s", got, Unhealthy)
		}
		n := f.count("a:80")
		p.StartChecks()
		time.Sleep(time.Minute)
		if got := a.State(); got != Healthy || f.count("a:80") != n {
			t.Errorf("without a check: got %s and %d checks, want %s and none", got, f.count("a:80")-n, Healthy)
		}
		p.StopChecks()
	})
}

// A check that gets a connection closes the circuit that clients have opened by
// getting none.
func TestCheckClosesTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": ok200})
		p := newChecked(f, checked(testCheck(config.CheckPath, "/"), "a:80"))
		p.StartChecks()
		synctest.Wait()
		u := p.Get("main")
		a := u.Endpoints()[0]
		f.set("a:80", "")
		for range 20 {
			u.DialNext(t.Context(), new(Tries))
		}
		f.set("a:80", ok200)
		if got := a.State(); got != CircuitOpen {
			t.Errorf("nobody was reached: got %s, want %s", got, CircuitOpen)
		}
		time.Sleep(11 * time.Second)
		if got := a.State(); got != Healthy {
			t.Errorf("a check has passed: got %s, want %s", got, Healthy)
		}
		for range maxSilent {
			a.Unanswered(syscall.ECONNRESET)
		}
		time.Sleep(11 * time.Second)
		if got := a.State(); got != CircuitOpen {
			t.Errorf("a check has passed, but no handshake: got %s, want %s", got, CircuitOpen)
		}
		p.StopChecks()
	})
}

// A check by WebSocket that passes is an answer to a handshake: others that go
// without one are not counted beside it, until checks fail.
func TestCheckByWebSocketIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": switch101})
		p := newChecked(f, checked(testCheck(config.CheckWebSocket, "/"), "a:80"))
		p.StartChecks()
		synctest.Wait()
		a := p.Get("main").Endpoints()[0]
		silence := func() {
			for range maxSilent {
				a.Unanswered(syscall.ECONNRESET)
			}
		}
		silence()
		if got := a.State(); got != Healthy {
			t.Errorf("silence beside a check that passes: got %s, want %s", got, Healthy)
		}
		f.set("a:80", busy)
		time.Sleep(11 * time.Second) // one check has failed, and the state is as it was
		silence()
		if got := a.State(); got != CircuitOpen {
			t.Errorf("silence behind a check that failed: got %s, want %s", got, CircuitOpen)
		}
		f.set("a:80", switch101)
		time.Sleep(10 * time.Second)
		if got := a.State(); got != Healthy {
			t.Errorf("a check has passed: got %s, want %s", got, Healthy)
		}
		p.StopChecks()
	})
}

// That usher has no descriptor left is not the endpoint's fault.
func TestCheckThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": ok200})
		p := newChecked(f, checked(testCheck(config.CheckPath, "/"), "a:80"))
		p.StartChecks()
		time.Sleep(time.Second)
		f.set("a:80", "EMFILE")
		time.Sleep(time.Minute)
		p.StopChecks()
		if s := p.Stats()[0].Endpoints[0]; s.State != Healthy || s.ChecksPassed != 1 || s.ChecksFailed != 0 {
			t.Errorf("got %+v, want it healthy by its one check", s)
		}
	})
}

// A server that never answers does not hold up the end.
func TestStopDoesNotWaitForAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newChecked(newFarm(map[string]string{"a:80": "hang"}), checked(testCheck(config.CheckPath, "/"), "a:80"))
		p.StartChecks()
		synctest.Wait()
		began := time.Now()
		p.StopChecks()
		if took := time.Since(began); took != 0 {
			t.Errorf("StopChecks: took %v, want no time", took)
		}
		s := p.Stats()[0].Endpoints[0]
		if s.State != Unchecked || s.ChecksFailed != 0 {
			t.Errorf("check that was stopped: got %+v, want it without outcome", s)
		}
	})
}

func TestTimesBetweenChecksVary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": ok200})
		p := newChecked(f, checked(testCheck(config.CheckPath, "/"), "a:80"))
		for i, random := range []float64{0, 0.999999} {
			p.Random = func() float64 { return random }
			p.StartChecks()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			p.StopChecks()
			if got, want := f.count("a:80"), []int{2, 3}[i]; got != want {
				t.Errorf("random %v: got %d checks, want %d", random, got, want)
			}
		}
	})
}

func sorted(text string) string {
	return strings.Join(slices.Sorted(strings.Lines(text)), "")
}
