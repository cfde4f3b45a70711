package command_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// say runs the program with the token of the environment and returns what it
// wrote, after its exit status.
func say(t *testing.T, token string, words ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(usher, words...)
	cmd.Env = append(os.Environ(), "USHER_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestOperatorVerbs looks at sessions and drains them, at an address that wants
// a token.
func TestOperatorVerbs(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(echoMessages))
	defer up.Close()
	const token = "0123456789abcdef"
	socket := "unix:" + filepath.Join(t.TempDir(), "usher.sock")
	p := newTestProcess(t, "listen: 127.0.0.1:0\nadmin: {address: '"+socket+"', token: "+token+"}\ndrain: {over: 100ms, deadline: 5s}\nupstreams: {main: "+up.URL+"}\nroutes: [{path: /a, upstream: main}, {path: /b, upstream: main}]\n")
	for _, path := range []string{"/a", "/a", "/b"} {
		c, _, err := websocket.DefaultDialer.Dial("ws://"+p.address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(patience))
		if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		go c.ReadMessage() // answers the Close frame
	}
	for _, tt := range []struct {
		token  string
		words  string
		status int
		want   string // regular expression, over lines
	}{
		{"", "status", 1, `(?m)^usher: the token is missing or wrong\n.*set USHER_TOKEN`},
		{"wrong", "reload", 1, `the token is missing or wrong`},
		{token, "status", 0, `(?m)^sessions +3 open of 3$`},
		{token, "status", 0, `(?m)^messages +3 in, 3 out$`},
		{token, "status", 0, `(?m)^/a +main +2 +2 +2 +2 +22 B +14 B +[0-9.]+ ms +0 +0 +-$`},
		{token, "status", 0, `(?m)^main +` + regexp.QuoteMeta(up.URL) + ` +healthy +[0-9.]+s +3 +3 +0$`},
		{token, "status --json", 0, `"open": 3`},
		{token, "status --ended", 0, `^ENDED.*\n$`},
		{token, "drain --route /a --wait", 0, `^route "/a" takes no new sessions; 2 sessions to close\nno session is left\n$`},
		{token, "status --ended", 0, `(?m)(^[0-9.]+s ago +usher.drained +1012 +[0-9.]+s +1 +1 +/a .*\n){2}`},
		{token, "status", 0, `(?m)^sessions +1 open of 3$`},
		{token, "drain --endpoint " + up.Listener.Addr().String() + " --wait", 0, `1 session to close\nno session is left`},
		{token, "status --ended --limit 1", 0, `^ENDED.*\n.* /b .*\n$`},
		{token, "status", 0, `(?m)^main .* disabled `},
		{token, "drain --all", 0, `^everything takes no new sessions; 0 sessions to close\n$`},
		{token, "drain --undo --upstream main", 0, `^upstream "main" was not drained for itself\nstill drained: .*(\n.*)*still drained: everything\n$`},
		{token, "drain --undo --all", 0, `^the drain of everything is taken back\nstill drained: route "/a"\nstill drained: endpoint .* of upstream "main"\n$`},
		{token, "drain --undo --all", 0, `^there was no drain of everything\nstill drained: route "/a"\n`},
		{token, "drain --undo --route /a", 0, `^route "/a" is no longer drained for itself\nstill drained: endpoint .* of upstream "main"\n$`},
		{token, "drain --undo --upstream main", 0, `^upstream "main" was not drained for itself\nstill drained: endpoint .* of upstream "main"\n$`},
		{token, "drain --undo --endpoint " + up.URL, 0, `^endpoint .* takes new sessions\n$`},
		{token, "drain --undo --endpoint " + up.URL, 0, `^endpoint .* was not drained\n$`},
	} {
		status, out := say(t, tt.token, append(strings.Fields(tt.words), "--admin", socket)...)
		if status != tt.status || !regexp.MustCompile(tt.want).MatchString(out) {
			t.Errorf("usher %s: got exit status %d and\n%s\nwant %d and %s", tt.words, status, out, tt.status, tt.want)
		}
		if strings.Contains(out, token) {
			t.Errorf("usher %s: it shows the token: %s", tt.words, out)
		}
	}
}

// TestWrongAdmin gives each verb an address where somebody else answers, with
// JSON and 200: nothing was ordered, and nothing learned.
func TestWrongAdmin(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNotFound} {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, `{"error": "no"}`+"\n")
		}))
		defer backend.Close()
		address := backend.Listener.Addr().String()
		want := "usher: " + address + " is not usher's admin address\n  hint: that is what stands under admin in the routes file, not under listen\n"
		for _, verb := range []string{"status", "status --json", "status --ended", "sessions", "sessions --json", "close --route /", "top", "tap", "tap --json", "reload", "upgrade", "drain --all", "drain --all --wait", "drain --all --undo"} {
			code, out := say(t, "", append(strings.Fields(verb), "--admin", address)...)
			if code != 1 || out != want {
				t.Errorf("usher %s, answered %d: got exit status %d and\n%swant 1 and\n%s", verb, status, code, out, want)
			}
		}
	}
}

// TestUpgradeRefused says who serves on when there is no new process.
func TestUpgradeRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(admin.APIHeader, "v1")
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"error": "the new process has ended: exit status 1"}`)
	}))
	defer server.Close()
	code, out := say(t, "", "upgrade", "--admin", server.Listener.Addr().String())
	if want := "usher: the new process has ended: exit status 1: the old process goes on\n"; code != 1 || out != want {
		t.Errorf("got exit status %d and %q, want 1 and %q", code, out, want)
	}
}
