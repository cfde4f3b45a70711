package proxy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// operator asks a broker's operators' address.
type operator struct {
	http.Client
	url   string
	token string
}

// operator returns one for b, whose file has "admin:".
func (b *broker) operator(t *testing.T) *operator {
	t.Helper()
	address := b.AdminAddress()
	if address == "" {
		t.Fatal("the broker has no operators' address")
	}
	o := &operator{url: "http://" + address}
	transport := &http.Transport{DisableKeepAlives: true}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		o.url = "http://usher"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	o.Transport = transport
	return o
}

// do sends a request, with body as JSON if it is not nil.
func (o *operator) do(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, content)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	resp, err := o.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

// ask wants 200 and reads the answer into v.
func (o *operator) ask(t *testing.T, method, path string, body, v any) {
	t.Helper()
	status, text := o.do(t, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: got %d %s, want 200", method, path, status, text)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

// get wants 200 for a GET.
func get[T any](t *testing.T, o *operator, path string) (v T) {
	t.Helper()
	o.ask(t, http.MethodGet, path, nil, &v)
	return v
}

const adminFile = `
admin: {address: 127.0.0.1:0, close_by: [X-User-Id, Authorization]}
upstreams: {main: %[1]s, other: %[1]s}
routes:
  - {path: /a, upstream: main}
  - {path: /b, upstream: other}
  - {path: /m, upstream: other, relay: messages}
`

func TestAdminSessions(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	if page := get[admin.SessionPage](t, o, "/v1/sessions"); page.Total != 0 || page.Sessions == nil {
		t.Errorf("no sessions: got %+v, want an empty list", page)
	}
	var clients []*websocket.Conn
	for i := range 10 {
		c, _ := b.dial(t, []string{"/a", "/b"}[i%5/4], nil)
		clients = append(clients, c)
		b.wantSessions(t, i+1) // so that their order is this
	}
	m, _ := b.dial(t, "/m", nil)
	for range 3 {
		wantEcho(t, clients[0], websocket.TextMessage, []byte("hello"))
	}
	wantEcho(t, m, websocket.TextMessage, []byte("hello"))
	b.wantSessions(t, 11)

	for query, want := range map[string]int{
		"": 11, "?route=/a": 8, "?route=/b": 2, "?route=/c": 0, "?upstream=other": 3, "?upstream=other&route=/m": 1,
		"?client=127.0.0.1": 11, "?client=127.0.0.0/8": 11, "?client=10.0.0.0/8": 0, "?q=MAIN": 8, "?q=/m": 1,
		"?endpoint=" + up.Listener.Addr().String(): 11, "?endpoint=" + up.URL: 11, "?endpoint=http://127.0.0.1:1": 0,
	} {
		if page := get[admin.SessionPage](t, o, "/v1/sessions"+query); page.Total != want || len(page.Sessions) != want {
			t.Errorf("%s: got %d sessions of %d, want %d", query, len(page.Sessions), page.Total, want)
		}
	}
	for _, query := range []string{"?rout=/a", "?limit=0", "?limit=1001", "?limit=x", "?client=me", "?cursor=x"} {
		if status, text := o.do(t, http.MethodGet, "/v1/sessions"+query, nil); status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s, want 400", query, status, text)
		}
	}
	wantPages(t, o)

	first := get[admin.SessionPage](t, o, "/v1/sessions?route=/a&limit=1000").Sessions[7]
	one := get[admin.Session](t, o, "/v1/sessions/"+first.ID)
	if one.Route != "/a" || one.Upstream != "main" || one.FromClient != (admin.Traffic{Messages: 3, Bytes: 33}) || one.FromUpstream != (admin.Traffic{Messages: 3, Bytes: 21}) {
		t.Errorf("first session: got %+v, want 3 messages each way", one)
	}
	if one.Age <= 0 || one.Idle < 0 || one.Idle > one.Age || one.Handshake <= 0 {
		t.Errorf("first session: got age %v, idle %v, handshake %v", one.Age, one.Idle, one.Handshake)
	}
	if status, _ := o.do(t, http.MethodGet, "/v1/sessions/none", nil); status != http.StatusNotFound {
		t.Errorf("unknown session: got %d, want 404", status)
	}
}

// wantPages walks through all 11 sessions by fours.
func wantPages(t *testing.T, o *operator) {
	t.Helper()
	seen, cursor := make(map[string]bool), ""
	for _, want := range []int{4, 4, 3} {
		page := get[admin.SessionPage](t, o, "/v1/sessions?limit=4&cursor="+cursor)
		if len(page.Sessions) != want || page.Total != 11 || (page.Next == "") != (want == 3) {
			t.Errorf("page: got %d of %d, next %q; want %d of 11", len(page.Sessions), page.Total, page.Next, want)
		}
		for _, s := range page.Sessions {
			seen[s.ID] = true
		}
		cursor = page.Next
	}
	if len(seen) != 11 {
		t.Errorf("pages: got %d different sessions, want 11", len(seen))
	}
}

func TestAdminEnded(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	for i := range 3 {
		c, _ := b.dial(t, "/a", nil)
		wantEcho(t, c, websocket.TextMessage, []byte("hello"))
		c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4000+i, "bye"))
		wantClosed(t, c, 4000+i)
		b.wantSessions(t, 0) // its client knows before it is over
	}
	page := get[admin.EndedPage](t, o, "/v1/sessions/ended")
	if page.Total != 3 || len(page.Sessions) != 3 {
		t.Fatalf("got %+v, want 3 sessions", page)
	}
	for i, e := range page.Sessions {
		if int(e.Code) != 4002-i || e.Cause != "client.closed" || e.FromClient.Messages != 1 || e.Duration <= 0 {
			t.Errorf("place %d: got %+v, want code %d", i, e, 4002-i)
		}
	}
	if e := get[admin.Ended](t, o, "/v1/sessions/"+page.Sessions[0].ID); e.Code != 4002 {
		t.Errorf("by id: got %+v, want code 4002", e)
	}
	if page := get[admin.EndedPage](t, o, "/v1/sessions/ended?cause=client.lost"); page.Total != 0 {
		t.Errorf("lost: got %d, want none", page.Total)
	}
	if page := get[admin.EndedPage](t, o, "/v1/sessions/ended?route=/a&cause=client.closed&limit=2"); page.Total != 3 || len(page.Sessions) != 2 {
		t.Errorf("two of them: got %d of %d", len(page.Sessions), page.Total)
	}
}

func TestAdminStatus(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	c, _ := b.dial(t, "/a", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	b.dial(t, "/b", nil)
	d := websocket.Dialer{}
	if _, resp, err := d.Dial("ws://"+b.address+"/none", nil); err == nil || resp.StatusCode != http.StatusNotFound {
		t.Fatalf("no route: got %v, want 404", err)
	}
	b.wantSessions(t, 2)
	s := get[admin.Status](t, o, "/v1/status")
	if s.Phase != admin.Serving || !s.Ready || s.Sessions.Open != 2 || s.Sessions.Opened != 2 || s.Sessions.FromClient.Messages != 1 {
		t.Errorf("status: got %+v", s)
	}
	if s.Handshakes.Claims != 2 || s.Handshakes.Duplicates != 0 || s.Handshakes.Refusals["no_route"] != 1 {
		t.Errorf("handshakes: got %+v", s.Handshakes)
	}
	if len(s.Routes) != 3 || len(s.Upstreams) != 2 || s.Upstreams[0].Upstream != "main" || s.Upstreams[0].Open != 1 {
		t.Errorf("routes and upstreams: got %+v, %+v", s.Routes, s.Upstreams)
	}
	if e := s.Upstreams[0].Endpoints[0]; e.Open != 1 || e.State != "healthy" || e.Dials != 1 || e.Endpoint != up.URL || e.Address != up.Listener.Addr().String() {
		t.Errorf("endpoint: got %+v", e)
	}
	if s.Certificates == nil || s.Drained == nil {
		t.Errorf("lists: got nil, want empty ones")
	}
	if list := get[[]admin.Route](t, o, "/v1/routes"); len(list) != 3 || list[0].Route != "/a" || list[0].Open != 1 || list[0].Handshake.Count != 1 {
		t.Errorf("routes: got %+v", list)
	}
	for url, want := range map[string]string{"ws://x/a/b": "/a", "/b": "/b", "ws://x/none": ""} {
		if e := get[admin.Explanation](t, o, "/v1/explain?url="+url); e.Route != want || len(e.Steps) == 0 || (want == "") != (e.Status == 404) {
			t.Errorf("explain %s: got %+v, want route %q", url, e, want)
		}
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/v1/explain": 400, "/v1/nothing": 404} {
		if status, text := o.do(t, http.MethodGet, path, nil); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, text, want)
		}
	}
}

// TestAdminUnixSocket has the address as a socket, which nobody else may use
// and which is gone at the end.
func TestAdminUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.sock")
	b := newTestBroker(t, "admin: unix:"+path+"\n"+oneRoute("http://127.0.0.1:1"))
	wantMode(t, path, 0o600)
	if s := get[admin.Status](t, b.operator(t), "/v1/status"); !s.Ready {
		t.Errorf("status: got %+v, want ready", s)
	}
	b.wantStop(t, patience)
	if left, _ := filepath.Glob(path); left != nil {
		t.Errorf("after the stop: got %v, want no socket", left)
	}
}

// TestAdminAddressReloads changes the address, takes it away and brings it
// back.
func TestAdminAddressReloads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.sock")
	b := newTestBroker(t, oneRoute("http://127.0.0.1:1"))
	if a := b.AdminAddress(); a != "" {
		t.Errorf("without admin: got %q, want no address", a)
	}
	for _, address := range []string{"unix:" + path, "127.0.0.1:0", "unix:" + path} {
		b.reload(t, "admin: "+address+"\n"+oneRoute("http://127.0.0.1:1"))
		get[admin.Status](t, b.operator(t), "/v1/status")
	}
	same := b.AdminAddress()
	b.reload(t, "admin: {address: 'unix:"+path+"', token: 0123456789abcdef}\n"+oneRoute("http://127.0.0.1:1"))
	if now := b.AdminAddress(); now != same {
		t.Errorf("address: got %q, want %q still", now, same)
	}
	o := b.operator(t)
	if status, _ := o.do(t, http.MethodGet, "/v1/status", nil); status != http.StatusUnauthorized {
		t.Errorf("without the new token: got %d, want 401", status)
	}
	o.token = "0123456789abcdef"
	get[admin.Status](t, o, "/v1/status")
	b.reload(t, oneRoute("http://127.0.0.1:1"))
	if a := b.AdminAddress(); a != "" {
		t.Errorf("without admin: got %q, want no address", a)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bad := mustParse(t, "admin: "+taken.Addr().String()+"\n"+oneRoute("http://127.0.0.1:1"))
	if err := b.Reload(bad); err == nil || !strings.Contains(err.Error(), "routes.yaml:2:8: admin: ") {
		t.Errorf("address in use: got %v, want the place in the file", err)
	}
	wantNewError(t, bad, "address already in use")
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("mode of %s: got %v, want %v", path, got, want)
	}
}
