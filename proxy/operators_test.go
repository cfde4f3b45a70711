package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/proxy/admin"
	"usher/proxy/config"
)

// operatorsFile has operators come by a signed token, with a role.
func operatorsFile(role string) string {
	return "admin: {address: '127.0.0.1:0', auth: {jwt: {secret: " + tokenSecret + ", audience: chat, leeway: 0s}, role: " + role + "}}\n" + oneRoute("http://127.0.0.1:1")
}

// What a reload says of operators counts from the next request on, and for taps
// that are open.
func TestOperatorsReload(t *testing.T) {
	b := newTestBroker(t, operatorsFile("operate"))
	o := b.operator(t)
	if status, text := o.do(t, http.MethodGet, "/v1/status", nil); status != http.StatusUnauthorized {
		t.Errorf("without a token, on a loopback address: got %d %s, want 401", status, text)
	}
	o.token = newTestToken(t, "ann", time.Time{})
	if got, want := get[admin.Status](t, o, "/v1/status").Operator, (admin.Operator{Name: "ann", Role: config.Operate}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	tap := o.tap(t, "")
	b.reload(t, operatorsFile("view"))
	if got := tap.next(); got.End != "the login has ended" {
		t.Errorf("tap of who may only view: got %+v, want its end", got)
	}
	if _, status := o.tryTap(t, ""); status != http.StatusForbidden {
		t.Errorf("another tap: got %d, want 403", status)
	}
	if status, _ := o.do(t, http.MethodPost, "/v1/drain", admin.Target{All: true}); status != http.StatusForbidden || get[admin.Status](t, o, "/v1/status").Phase != admin.Serving {
		t.Errorf("drain: got %d, want 403 and nothing drained", status)
	}
	_, text := o.do(t, http.MethodGet, "/metrics", nil)
	if !strings.Contains(string(text), `usher_auth_total{kind="jwt",result="allowed",route="admin"}`) {
		t.Errorf("metrics: got no count of operators in %s", text)
	}
	b.reload(t, "admin: 127.0.0.1:0\n"+oneRoute("http://127.0.0.1:1"))
	o = b.operator(t)
	get[admin.Status](t, o, "/v1/status")
	b.reload(t, operatorsFile("view"))
	if status, _ := b.operator(t).do(t, http.MethodGet, "/v1/status", nil); status != http.StatusUnauthorized {
		t.Errorf("with auth again: got %d, want 401", status)
	}
}

// The end of a token ends the tap that it has opened.
func TestOperatorsTokenEnds(t *testing.T) {
	b := newTestBroker(t, operatorsFile("operate"))
	o := b.operator(t)
	end := time.Now().Add(2 * time.Second)
	o.token = newTestToken(t, "ann", end)
	tap := o.tap(t, "")
	if got := tap.next(); got.End != "the login has ended" {
		t.Errorf("got %+v, want the tap's end", got)
	}
	if late := time.Since(end); late > 3*time.Second {
		t.Errorf("the tap ended %v after its token", late)
	}
	if status, text := o.do(t, http.MethodGet, "/v1/status", nil); status != http.StatusUnauthorized || !strings.Contains(string(text), "token expired") {
		t.Errorf("then: got %d %s, want 401", status, text)
	}
	if line := fmt.Sprint(b.log.lines(t, "operator taps")); !strings.Contains(line, "operator:ann") || strings.Contains(b.log.String(), o.token) {
		t.Errorf("log: got %s, want the name and no token", line)
	}
}

// What can't be read of admin.auth is told with its place, as a route's is.
func TestOperatorsFilesAreRead(t *testing.T) {
	bad := mustParse(t, "admin: {address: '127.0.0.1:0', auth: {basic: {users: /nowhere/users}}}\n"+oneRoute("http://127.0.0.1:1"))
	wantNewError(t, bad, "routes.yaml:2:55: basic: open /nowhere/users")
}
