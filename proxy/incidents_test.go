package proxy_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/proxy/command"
	"usher/proxy/incident"
)

// What is wrong is said the same way by the API, by usher status and to
// Prometheus, with who waits, and is gone when it is over.
func TestIncidents(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, admin, ""))
	o := b.operator(t)
	list := func() (found []incident.Incident) {
		t.Helper()
		status, text := o.do(t, http.MethodGet, "/v1/incidents", nil)
		if err := json.Unmarshal(text, &found); err != nil || status != http.StatusOK {
			t.Fatalf("incidents: got %d %s, %v", status, text, err)
		}
		return found
	}
	status := func(exit bool) (string, error) {
		var out strings.Builder
		err := command.Status(t.Context(), &out, command.StatusOptions{OperatorOptions: command.OperatorOptions{Admin: b.AdminAddress()}, Exit: exit})
		return out.String(), err
	}
	if found := list(); len(found) != 0 {
		t.Errorf("got %+v, want nothing wrong", found)
	}
	if text, err := status(true); err != nil || strings.Contains(text, "\n! ") {
		t.Errorf("got %s, %v, want nothing wrong", text, err)
	}
	began := time.Now()
	admin.Close()
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40/admin,", http.StatusOK, "ok")
	const want = "upstream admin is down"
	wantSoon(t, "incident", "1 client waits for a namespace: ", func() string {
		if found := list(); len(found) == 1 && found[0].Kind == incident.UpstreamDown && found[0].Name == "admin" && found[0].What == want && found[0].Since.After(began) {
			before, _, _ := strings.Cut(found[0].Text, "dial")
			return before
		}
		return ""
	})
	if got := scrape(t, o); got[`usher_incident{kind="upstream_down",name="admin"}`] != 1 || got[`usher_namespaces_waiting{upstream="admin"}`] != 1 {
		t.Errorf("metrics: got %v of the incident and %v waiting, want one each", got[`usher_incident{kind="upstream_down",name="admin"}`], got[`usher_namespaces_waiting{upstream="admin"}`])
	}
	text, err := status(false)
	if lines := strings.Split(text, "\n"); err != nil || !strings.HasPrefix(lines[1], "! "+want+", for ") || !strings.Contains(lines[1], "1 client waits") || !strings.Contains(lines[1], "connection refused") {
		t.Errorf("status: got %s, %v, want the incident in its second line", text, err)
	}
	if _, err := status(true); err == nil {
		t.Error("status --exit-code: got no error while an upstream is down")
	}
	l, err := net.Listen("tcp", admin.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	again := httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(admin.serve)}}
	again.Start()
	defer again.Close()
	wantSoon(t, "incidents", 0, func() int { return len(list()) })
	p.until(`42/admin,["hello","admin"]`)
}
