//go:build linux && !portable

package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// TestUpgradeMoves has sockets that talk without a pause while usher takes its
// own place five times: nobody notices, and operators find them as they were.
func TestUpgradeMoves(t *testing.T) {
	admins := "unix:" + filepath.Join(t.TempDir(), "admin")
	g := newTestGenerations(t, fmt.Sprintf("admin: '%s'\n%s", admins, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL)))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	var talkers []*talker
	for range 50 {
		talkers = append(talkers, newTalker(t, address))
	}
	before := listSessions(t, g)
	for n := range 5 {
		var done admin.Upgraded
		verb(t, &done, "upgrade", "--json", "--routes", g.routes)
		if done.Moved != len(talkers) || len(done.Drain) != 0 {
			t.Errorf("upgrade %d: got %+v, want %d moved and none to drain", n, done, len(talkers))
		}
		g.pid = done.PID
		g.wantLines(t, "stopped", n+1)
	}
	after := listSessions(t, g)
	for id, s := range before {
		now := after[id]
		if !now.Started.Equal(s.Started) || now.Client != s.Client || now.Endpoint != s.Endpoint || now.FromClient.Messages < s.FromClient.Messages {
			t.Errorf("got session %+v, want %+v and more messages", now, s)
		}
	}
	if len(after) != len(talkers) {
		t.Errorf("got %d sessions, want %d", len(after), len(talkers))
	}
	for _, k := range talkers {
		k.wantWhole(t)
	}
	for n := range talkers { // told by the last process, and once
		g.wantLines(t, "session ended", n+1)
	}
	if n := len(g.linesOf("session ended")); n != len(talkers) {
		t.Errorf("got %d sessions ended, want %d", n, len(talkers))
	}
}

// TestUpgradeMovedToNothing has a session move to a process whose file does not
// have its route: it drains there, as by a reload.
func TestUpgradeMovedToNothing(t *testing.T) {
	up := newEchoUpstream(t)
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", up.URL))
	held, err := echo(websocket.DefaultDialer, g.wantLines(t, "listening", 1)["address"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	g.writeRoutes(t, strings.Replace(upgradeRoutes("127.0.0.1:0", up.URL), "[{upstream", "[{path: /other, upstream", 1))
	g.upgrade(t, 1)
	wantRestart(t, held)
	if line := g.wantLines(t, "session ended", 1); line["cause"] != "usher.drained" {
		t.Errorf("got %v, want it drained", line)
	}
}

// TestUpgradeKeepsWhatIsKnown has an old Engine.IO session, whose sid says nothing
// of its endpoint, and a socket that has ended.
func TestUpgradeKeepsWhatIsKnown(t *testing.T) {
	var ups []string
	for name := range 2 {
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case websocket.IsWebSocketUpgrade(r):
				echoMessages(w, r)
			case r.FormValue("sid") == "":
				open := fmt.Sprintf(`0{"sid":"old%d","upgrades":[],"pingInterval":25000,"pingTimeout":5000}`, name)
				fmt.Fprintf(w, "%d:%s", len(open), open)
			default:
				fmt.Fprintf(w, "4:4%dok", name)
			}
		}))
		t.Cleanup(up.Close)
		ups = append(ups, up.URL)
	}
	g := newTestGenerations(t, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: 'unix:%s'\nupstreams: {main: {affinity: engine_io, endpoints: [%s]}}\nroutes: [{upstream: main}]\n",
		filepath.Join(t.TempDir(), "admin"), strings.Join(ups, ", ")))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	ask := func(query string) string {
		t.Helper()
		r, err := http.Get("http://" + address + "/socket.io/?EIO=3&transport=polling" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: got %d %q, %v", query, r.StatusCode, body, err)
		}
		return string(body)
	}
	held, err := echo(websocket.DefaultDialer, address)
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	g.wantLines(t, "session ended", 1)
	for range 4 {
		ask("")
	}
	for n := range 2 {
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
		for k := range 4 {
			if got, want := ask(fmt.Sprintf("&sid=old%d", k%2)), fmt.Sprintf("4:4%dok", k%2); got != want {
				t.Errorf("sid of endpoint %d: got %q, want %q", k%2, got, want)
			}
		}
		var page admin.EndedPage
		verb(t, &page, "status", "--ended", "--json", "--routes", g.routes)
		if len(page.Sessions) != 1 || page.Sessions[0].FromClient.Messages != 1 {
			t.Errorf("got %+v ended, want the session of before", page.Sessions)
		}
	}
}

func listSessions(t *testing.T, g *generations) map[string]admin.Session {
	t.Helper()
	var page admin.SessionPage
	verb(t, &page, "sessions", "--json", "--routes", g.routes)
	list := make(map[string]admin.Session)
	for _, s := range page.Sessions {
		list[s.ID] = s
	}
	return list
}

// verb runs usher and reads what it prints.
func verb(t *testing.T, v any, args ...string) {
	t.Helper()
	out, err := exec.Command(usher, args...).Output()
	if err == nil {
		err = json.Unmarshal(out, v)
	}
	if err != nil {
		t.Fatalf("usher %q: %v: %s", args, err, out)
	}
}
