package doctor_test

import (
	"bufio"
	"flag"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/doctor"
)

// TestExamine runs each set-up of scripts/doctor/backend.js as a real Node
// process. Where the case does not ask for a crash, the process must survive
// being examined.
func TestExamine(t *testing.T) {
	tests := []struct {
		setup string
		path  string // of the URL
		paths []string
		crash bool
		want  []string // path and diagnosis
		seen  string   // stands in what is said about the first path
	}{
		// The five rows of the README's table.
		{setup: "same-path", want: []string{"/socket.io/ SharedPath"}, seen: "unknown to the upgrade handler (3 times of 3"},
		{setup: "same-path", crash: true, want: []string{"/socket.io/ Killed"}, seen: "nothing listens any more"},
		{setup: "distinct-paths", path: "/main/", paths: []string{"/admin/"}, want: []string{"/main/ Works", "/admin/ Works"}, seen: "a client that begins with WebSocket is connected"},
		{setup: "ws-behind", want: []string{"/socket.io/ Intruder"}, seen: `101, then "HTTP/1.1 400 Bad Request"`},
		{setup: "ws-before", want: []string{"/socket.io/ Intruder"}, seen: "so does a ws server, not Socket.IO"},
		{setup: "slow", path: "/live", want: []string{"/live SlowHandler", "/socket.io/ Works"}, seen: "somebody closed the socket that Socket.IO had only ended"},

		// The same with other versions, orders and paths.
		{setup: "same-path-2", want: []string{"/socket.io/ SharedPath"}},
		{setup: "same-path-2", crash: true, want: []string{"/socket.io/ Killed"}},
		{setup: "same-path-2-and-4", want: []string{"/socket.io/ SharedPath"}},
		{setup: "nested-paths", path: "/main/admin", want: []string{"/main/admin/ SharedPath"}},
		{setup: "nested-paths", path: "/main", want: []string{"/main/ Works"}}, // only the other path is lost
		{setup: "ws-behind", path: "/live", want: []string{"/live Works", "/socket.io/ Intruder"}},
		{setup: "ws-2-behind", want: []string{"/socket.io/ Intruder"}},
		{setup: "ws-7-before", want: []string{"/socket.io/ Intruder"}},
		{setup: "ws-any-path-before", want: []string{"/socket.io/ Intruder"}},
		{setup: "slow-2", path: "/live", want: []string{"/live SlowHandler", "/socket.io/ Works"}},
		{setup: "slow-ws", path: "/live", want: []string{"/live SlowHandler", "/socket.io/ Intruder"}},
		{setup: "slow-socketio", path: "/admin", want: []string{"/admin/ Works"}},

		// What only a WebSocket that may kill the process would tell.
		{setup: "same-path-websocket", want: []string{"/socket.io/ Unproven"}},
		{setup: "same-path-websocket", crash: true, want: []string{"/socket.io/ Killed"}},
		{setup: "websocket", want: []string{"/socket.io/ Unproven"}},
		{setup: "websocket", crash: true, want: []string{"/socket.io/ Works"}},
		{setup: "ws-any-path-behind", want: []string{"/socket.io/ Unproven"}},
		{setup: "ws-any-path-behind", crash: true, want: []string{"/socket.io/ Intruder"}},
		{setup: "ws-7-behind", want: []string{"/socket.io/ Unproven"}},
		{setup: "ws-7-behind", crash: true, want: []string{"/socket.io/ Intruder"}},
		{setup: "ws-7-any-path-behind", want: []string{"/socket.io/ Unproven"}},
		{setup: "ws-7-any-path-behind", crash: true, want: []string{"/socket.io/ Killed"}},
		{setup: "ws-dispatched", want: []string{"/socket.io/ Unproven"}},
		{setup: "ws-dispatched", crash: true, want: []string{"/socket.io/ Works"}, seen: "begins with polling moves on"},

		// Healthy ones, and other troubles.
		{setup: "one", want: []string{"/socket.io/ Works"}},
		{setup: "one", path: "/socket.io", want: []string{"/socket.io/ Works"}},
		{setup: "one", crash: true, want: []string{"/socket.io/ Works"}},
		{setup: "one-2", want: []string{"/socket.io/ Works"}},
		{setup: "one-eio3", want: []string{"/socket.io/ Works"}},
		{setup: "one", path: "/live", want: []string{"/live NoHandler", "/socket.io/ Works"}, seen: "nobody else touched the socket"},
		{setup: "quick", path: "/live", want: []string{"/live Works", "/socket.io/ Works"}},
		{setup: "slow-all", path: "/live", want: []string{"/live Works", "/socket.io/ Works"}},
		{setup: "ws", path: "/live", want: []string{"/live Works"}},
		{setup: "ws", path: "/other", want: []string{"/other OtherPath"}},
		{setup: "ws-two", path: "/live", paths: []string{"/chat"}, want: []string{"/live Intruder", "/chat OtherPath"}},
		{setup: "http", path: "/live", want: []string{"/live NoHandler"}},
		{setup: "parser", want: []string{"/socket.io/ OwnParser"}, seen: "parser writes ends the session"},
		{setup: "parser-2", want: []string{"/socket.io/ OwnParser"}},
		{setup: "parser-polling", want: []string{"/socket.io/ OwnParser"}},
		{setup: "polling", want: []string{"/socket.io/ PollingOnly"}},
		{setup: "guarded", want: []string{"/socket.io/ Refused"}, seen: "no token"},
		{setup: "two-processes", want: []string{"/socket.io/ NotSticky"}},
	}
	for _, tt := range tests {
		name := tt.setup + tt.path
		if tt.crash {
			name += "-crash"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBackend(t, tt.setup)
			report, err := doctor.Examine(t.Context(), doctor.Options{URL: b.url + tt.path, Paths: tt.paths, Timeout: 3 * time.Second, Crash: tt.crash})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range report.Findings {
				got = append(got, f.Path+" "+names[f.Diagnosis])
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if seen := strings.Join(report.Findings[0].Seen, "\n"); !strings.Contains(seen, tt.seen) {
				t.Errorf("got as evidence:\n%s\nwant %q in it", seen, tt.seen)
			}
			if !tt.crash {
				b.wantAlive(t)
			}
			if t.Failed() {
				for _, f := range report.Findings {
					t.Logf("%s: %q", f.Path, f.Seen)
				}
			}
		})
	}
}

var names = map[doctor.Diagnosis]string{
	doctor.Works: "Works", doctor.PollingOnly: "PollingOnly", doctor.OwnParser: "OwnParser", doctor.SharedPath: "SharedPath",
	doctor.Killed: "Killed", doctor.Intruder: "Intruder", doctor.SlowHandler: "SlowHandler",
	doctor.OtherPath: "OtherPath", doctor.NotSticky: "NotSticky", doctor.Stripped: "Stripped",
	doctor.NoHandler: "NoHandler", doctor.Refused: "Refused", doctor.Unproven: "Unproven", doctor.Odd: "Odd",
}

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for sockets and timers, not for the processor.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

type backend struct {
	url  string
	exit chan error
}

// startBackend starts a set-up of scripts/doctor/backend.js.
func startBackend(t *testing.T, setup string) *backend {
	t.Helper()
	scripts := filepath.Join("..", "..", "scripts")
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("%v: run scripts/test, which installs what the tests need", err)
	}
	if _, err := os.Stat(filepath.Join(scripts, "node_modules", "socket.io-2")); err != nil {
		t.Fatalf("%v: run scripts/test, which installs what the tests need", err)
	}
	cmd := exec.Command("node", filepath.Join(scripts, "doctor", "backend.js"), setup)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &backend{exit: make(chan error, 1)}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	go func() { b.exit <- cmd.Wait() }()
	t.Cleanup(func() { stdin.Close() })
	if err != nil {
		t.Fatalf("set-up %q does not start: %v", setup, err)
	}
	b.url = "http://" + net.JoinHostPort("127.0.0.1", strings.TrimSpace(port))
	return b
}

// wantAlive fails the test if the process died of being examined.
func (b *backend) wantAlive(t *testing.T) {
	t.Helper()
	select {
	case err := <-b.exit:
		t.Fatalf("the backend died of being examined: %v", err)
	default:
	}
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatalf("the backend died of being examined: %v", err)
	}
	c.Close()
}
