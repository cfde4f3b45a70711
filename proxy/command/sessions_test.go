package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// sayTo is say with something on standard input, and for what must come on
// standard output alone.
func sayTo(t *testing.T, input string, words ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd := exec.Command(usher, words...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// TestSessionsAndClose lists sessions and closes them one after the other, by
// all that they can be told by.
func TestSessionsAndClose(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(echoMessages))
	defer up.Close()
	endpoint := up.Listener.Addr().String()
	socket := "unix:" + filepath.Join(t.TempDir(), "usher.sock")
	p := newTestProcess(t, "listen: 127.0.0.1:0\ntrusted_proxies: [127.0.0.1]\nadmin: {address: '"+socket+
		"', close_by: [X-User-Id]}\nupstreams: {main: "+up.URL+", other: "+up.URL+
		"}\nroutes: [{path: /a, upstream: main}, {path: /b, upstream: main}, {path: /c, upstream: other}]\n")
	type end struct {
		code int
		text string
	}
	ids := func(words ...string) (list []string) {
		t.Helper()
		status, out, stderr := sayTo(t, "", append([]string{"sessions", "--admin", socket, "--json"}, words...)...)
		var page admin.SessionPage
		if err := json.Unmarshal([]byte(out), &page); status != 0 || err != nil {
			t.Fatalf("usher sessions %v: got exit status %d, %v and %s%s", words, status, err, out, stderr)
		}
		for _, s := range page.Sessions {
			list = append(list, s.ID)
		}
		return list
	}
	ends := make(map[string]chan end)
	for i, s := range []struct{ id, path, client, user string }{
		{"aa11-long", "/a", "192.0.2.1", "7"},
		{"aa22-long", "/a", "192.0.2.1", "8"},
		{"bb11", "/b", "192.0.2.1", "7"},
		{"bb11-more", "/b", "198.51.100.2", ""},
		{"cc", "/a", "198.51.100.3", ""},
		{"dd", "/c", "198.51.100.3", ""},
		{"ee", "/b", "203.0.113.9", ""},
	} {
		c, _, err := websocket.DefaultDialer.Dial("ws://"+p.address+s.path, http.Header{
			"X-Request-Id": {s.id}, "X-Forwarded-For": {s.client}, "X-User-Id": {s.user},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for late := time.Now().Add(patience); len(ids()) <= i; { // a client hears 101 a moment before it is listed
			if time.Now().After(late) {
				t.Fatalf("session %s is not listed", s.id)
			}
		}
		done := make(chan end, 1)
		ends[s.id] = done
		go func() {
			_, _, err := c.ReadMessage()
			closed, _ := errors.AsType[*websocket.CloseError](err)
			if closed == nil {
				closed = &websocket.CloseError{Text: fmt.Sprint(err)}
			}
			done <- end{closed.Code, closed.Text}
		}()
	}
	for _, tt := range []struct{ words, want string }{
		{"", "ee dd cc bb11-more bb11 aa22-long aa11-long"},
		{"--limit 2", "ee dd"},
		{"--route /a", "cc aa22-long aa11-long"},
		{"--route /a --client 192.0.2.0/24", "aa22-long aa11-long"},
		{"--upstream other", "dd"},
		{"--endpoint " + endpoint + " --route /c", "dd"},
		{"--search LONG", "aa22-long aa11-long"},
		{"--client 192.0.2.99", ""},
	} {
		if got := strings.Join(ids(strings.Fields(tt.words)...), " "); got != tt.want {
			t.Errorf("usher sessions %s: got %q, want %q", tt.words, got, tt.want)
		}
	}
	_, out, _ := sayTo(t, "", "sessions", "--admin", socket, "--search", "aa")
	want := `^AGE +QUIET +MESSAGES IN +OUT +BYTES IN +OUT +ROUTE +ENDPOINT +CLIENT +ID\n` +
		`([0-9.]+s +[0-9.]+s +0 +0 +0 B +0 B +/a +main=` + regexp.QuoteMeta(endpoint) + ` +192\.0\.2\.1 +aa[12]{2}-long\n){2}\n2 of 2 sessions\n$`
	if !regexp.MustCompile(want).MatchString(out) {
		t.Errorf("usher sessions: got\n%s\nwant %s", out, want)
	}

	for _, tt := range []struct {
		words, input string
		status       int
		want         string            // of standard output, or standard error if status is not 0
		ended        map[string]string // which, and how
	}{
		{"", "", 2, "usher: close needs to know what\n  hint: an id, --route, --upstream, --endpoint, --client or --header; to close all, usher drain --all\n", nil},
		{"--code 4000 --reason x", "", 2, "usher: close needs to know what\n", nil},
		{"--route /a aa11", "", 2, "usher: an id cannot stand with --route, --upstream, --endpoint, --client or --header\n", nil},
		{"--code 70000 aa11", "", 2, "usher: --code: 70000 is no close code\n  hint: an application's own are from 4000 to 4999\n", nil},
		{"--code 1006 aa11", "", 1, "usher: code must be 1000, 1001, 1008, 1011, 1012, 1013 or from 3000 to 4999, not 1006\n", nil},
		{"--header X-User-Id", "\n", 2, "usher: --header: standard input has no value of X-User-Id\n  hint: echo VALUE | usher close --header X-User-Id\n", nil},
		{"--header X-Other", "7\n", 1, "usher: header \"X-Other\" is not in admin.close_by: usher has not kept it\n", nil},
		{"--header X-User-Id", "9\n", 1, "usher: no open session fits\n  hint: usher sessions lists those that are open\n", nil},
		{"--route /none", "", 1, "usher: the routes file has no route \"/none\"\n", nil},
		{"--client nowhere", "", 1, "usher: client must be an address or a network", nil},
		{"zz", "", 1, "usher: no open session has an id that begins with \"zz\"\n  hint: usher sessions lists those that are open\n", nil},
		{"a", "", 1, "usher: 2 open sessions have ids that begin with \"a\"\n  hint: write more of the id\n", nil},
		{"aa1", "", 0, "1 session closed\n", map[string]string{"aa11-long": "1008 closed by an operator"}},
		{"--code 4401 --reason logged_out --header x-user-id", "7\n", 0, "1 session closed\n", map[string]string{"bb11": "4401 logged_out"}},
		{"--route /b --client 203.0.113.0/24", "", 0, "1 session closed\n", map[string]string{"ee": "1008 closed by an operator"}},
		{"--upstream other", "", 0, "1 session closed\n", map[string]string{"dd": "1008 closed by an operator"}},
		{"--route /a", "", 0, "2 sessions closed\n", map[string]string{"aa22-long": "1008 closed by an operator", "cc": "1008 closed by an operator"}},
		{"bb", "", 0, "1 session closed\n", map[string]string{"bb11-more": "1008 closed by an operator"}},
		{"--client 0.0.0.0/0", "", 1, "usher: no open session fits\n", nil},
	} {
		status, out, stderr := sayTo(t, tt.input, append([]string{"close", "--admin", socket}, strings.Fields(tt.words)...)...)
		if status != 0 {
			out, stderr = stderr, out
		}
		if status != tt.status || !strings.HasPrefix(out, tt.want) || stderr != "" {
			t.Errorf("usher close %s: got exit status %d, %q and %q; want %d and %q", tt.words, status, out, stderr, tt.status, tt.want)
		}
		for id, want := range tt.ended {
			select {
			case e := <-ends[id]:
				if got := fmt.Sprint(e.code, " ", e.text); got != want {
					t.Errorf("usher close %s: session %s ended with %q, want %q", tt.words, id, got, want)
				}
			case <-time.After(patience):
				t.Fatalf("usher close %s: session %s is still open", tt.words, id)
			}
			delete(ends, id)
		}
		for id, end := range ends {
			select {
			case e := <-end:
				t.Errorf("usher close %s: session %s ended too: %v", tt.words, id, e)
			default:
			}
		}
	}
}

// TestCloseShortID does not take the one session that it was shown for the only
// one whose id begins so.
func TestCloseShortID(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("it ordered %s %s", r.Method, r.URL)
		}
		w.Header().Set(admin.APIHeader, "v1")
		json.NewEncoder(w).Encode(admin.SessionPage{Sessions: []admin.Session{{ID: "a1"}}, Total: 5000, Next: "9"})
	}))
	defer server.Close()
	status, _, stderr := sayTo(t, "", "close", "--admin", server.Listener.Addr().String(), "a")
	if want := "usher: \"a\" stands in too much of what is open\n  hint: write more of the id\n"; status != 1 || stderr != want {
		t.Errorf("got exit status %d and %q, want 1 and %q", status, stderr, want)
	}
}
