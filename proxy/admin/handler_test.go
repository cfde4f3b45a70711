package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/incident"
	"usher/proxy/plain"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/upstream"
)

// desk is a Broker that notes its orders.
type desk struct {
	cfg      *config.Config
	gates    auth.Set
	pool     *upstream.Pool
	sessions *session.Registry
	marker   *session.Marker
	phase    Phase
	reload   error
	upgrade  error
	orders   []string
	ended    []session.Drain
	taps     tap.Hub
}

func newTestDesk(t *testing.T, text string) *desk {
	t.Helper()
	cfg, err := config.Parse("routes.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	gates, err := auth.NewKeeper(nil).Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{
		cfg: cfg, gates: gates, pool: upstream.NewPool(cfg.Upstreams), phase: Serving,
		sessions: session.NewRegistry(func(*session.Session, session.End) {}),
		marker:   session.NewMarker([32]byte{}, cfg.Admin.CloseBy),
	}
}

func (d *desk) Incidents(context.Context) []incident.Incident {
	return new(incident.Tracker).Observe(time.Now(), &incident.Observation{Upstreams: d.pool.Stats()})
}
func (d *desk) Config() *config.Config          { return d.cfg }
func (d *desk) Guard() (config.Admin, auth.Set) { return d.cfg.Admin, d.gates }
func (d *desk) Table() *route.Table             { return route.NewTable(d.cfg) }
func (d *desk) Pool() *upstream.Pool            { return d.pool }
func (d *desk) Sessions() *session.Registry     { return d.sessions }
func (d *desk) Marker() *session.Marker         { return d.marker }
func (d *desk) Taps() *tap.Hub                  { return &d.taps }
func (d *desk) Requests() []plain.Totals {
	var times session.Histogram
	times.Observe(time.Second)
	return []plain.Totals{
		{Route: "/chat", Answers: []plain.Answers{{Method: "GET", Status: "2xx", Count: 8}, {Method: "GET", Status: "5xx", Count: 2}}, Head: times},
		{Route: "", Answers: []plain.Answers{{Method: "GET", Status: "4xx", Count: 1}}},
	}
}
func (d *desk) LegTraffic() map[string]session.LegTraffic {
	return map[string]session.LegTraffic{"chat": {To: session.Traffic{Messages: 1, Bytes: 20}, From: session.Traffic{Messages: 3, Bytes: 40}}}
}
func (d *desk) Outages() []Outage { return nil }
func (d *desk) Certificates() []Certificate {
	return []Certificate{{Name: "a"}, {Name: "b", NotAfter: time.Now().Add(time.Hour)}}
}
func (d *desk) Phase() Phase                        { return d.phase }
func (d *desk) Claims() Claims                      { return Claims{} }
func (d *desk) Version() string                     { return "usher test" }
func (d *desk) Reloads() Reloads                    { return Reloads{} }
func (d *desk) Drains() []Target                    { return nil }
func (d *desk) Enable(t Target) bool                { d.note("enable " + t.String()); return true }
func (d *desk) Reload() (Changes, error)            { d.note("reload"); return Changes{}, d.reload }
func (d *desk) Drain(t Target) (sessions, legs int) { d.note("drain " + t.String()); return 7, 0 }
func (d *desk) note(order string)                   { d.orders = append(d.orders, order) }

func (d *desk) Describe(context.Context, []*session.Session) map[*session.Session]session.Detail {
	return nil
}

func (d *desk) Upgrade(context.Context) (Upgraded, error) {
	d.note("upgrade")
	return Upgraded{PID: 4711, Moved: 3, Seconds: 0.5, Drain: map[string]int{"TLS": 2}}, d.upgrade
}

func (d *desk) Close(list []*session.Session, how session.Drain) {
	for _, s := range list {
		d.note("close " + s.ID)
	}
	d.ended = append(d.ended, how)
}

const testRoutes = `
upstreams: {main: http://127.0.0.1:3001, chat: [http://127.0.0.1:3001, http://127.0.0.1:3002]}
routes: [{path: /, upstream: main}, {path: /chat, upstream: chat}]
`

// request is one to a handler; what is "" is left out, but for what is named.
type request struct {
	method, path, body string   // if "", GET and /v1/status
	host               string   // if "", 127.0.0.1:9901
	header             []string // "Name: value"
}

func (q request) send(h http.Handler) *httptest.ResponseRecorder {
	if q.method == "" {
		q.method = http.MethodGet
	}
	if q.path == "" {
		q.path = "/v1/status"
	}
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	r.Host = "127.0.0.1:9901"
	if q.host != "" {
		r.Host = q.host
	}
	if q.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range q.header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newTestHandler(d *desk) *Handler {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })
	return NewHandler(Handler{Broker: d, Log: slog.New(slog.DiscardHandler), Page: page, Metrics: page})
}

const testToken = "0123456789abcdef"

// TestProtection is row 27 of the attacks that usher answers: what a page in a
// browser of this machine could do, and who has no token.
func TestProtection(t *testing.T) {
	const (
		local = "admin: 127.0.0.1:9901" + testRoutes
		token = "admin: {address: ':9901', token: " + testToken + "}" + testRoutes
		named = "admin: {address: 'ops.example.com:9901', token: " + testToken + "}" + testRoutes
		unix  = "admin: unix:/run/usher.sock" + testRoutes
	)
	bearer := "Authorization: Bearer " + testToken
	order := request{method: http.MethodPost, path: "/v1/reload"}
	ordered := func(lines ...string) request { q := order; q.header = lines; return q }
	for name, tt := range map[string]struct {
		file string
		request
		want int
	}{
		"address":                      {local, request{}, 200},
		"localhost":                    {local, request{host: "localhost:9901"}, 200},
		"another loopback address":     {local, request{host: "[::1]:9901"}, 200},
		"forwarded port":               {local, request{host: "localhost:1234"}, 200},
		"rebound name":                 {local, request{host: "evil.example:9901"}, 421},
		"rebound name of this machine": {local, request{host: "localhost.evil.example:9901"}, 421},
		"another address":              {local, request{host: "10.0.0.1:9901"}, 421},
		"host that is none":            {local, request{host: "a b"}, 421},
		"rebound name and page":        {local, request{host: "evil.example", path: "/"}, 421},
		"rebound name and metrics":     {local, request{host: "evil.example", path: "/metrics"}, 421},
		"rebound name and login":       {local, request{host: "evil.example", method: http.MethodPost, path: "/v1/login"}, 421},
		"name of a service, alive":     {local, request{host: "usher:9901", path: "/livez"}, 200},
		"name of a service, ready":     {local, request{host: "usher:9901", path: "/readyz"}, 200},
		"order":                        {local, order, 200},
		"order of the own page":        {local, ordered("Origin: http://127.0.0.1:9901", "Sec-Fetch-Site: same-origin"), 200},
		"order of another origin":      {local, ordered("Origin: http://evil.example"), 403},
		"order of another port":        {local, ordered("Origin: http://127.0.0.1:8080"), 403},
		"order of a sandbox":           {local, ordered("Origin: null"), 403},
		"order of another site":        {local, ordered("Sec-Fetch-Site: cross-site"), 403},
		"order of the same site":       {local, ordered("Sec-Fetch-Site: same-site"), 403},
		"order by a form":              {local, ordered("Content-Type: application/x-www-form-urlencoded"), 415},
		"order by text":                {local, ordered("Content-Type: text/plain"), 415},
		"order by JSON with a charset": {local, ordered("Content-Type: application/json; charset=utf-8"), 200},
		"order by GET":                 {local, request{path: "/v1/reload"}, 404},
		"preflight":                    {local, request{method: http.MethodOptions, path: "/v1/reload", header: []string{"Origin: http://evil.example"}}, 403},
		"closing of another site":      {local, request{method: http.MethodDelete, path: "/v1/sessions/a", header: []string{"Sec-Fetch-Site: cross-site"}}, 403},
		"socket of another origin":     {local, request{path: "/v1/tap", header: []string{"Origin: http://evil.example", "Upgrade: websocket", "Connection: Upgrade", "Sec-Fetch-Mode: websocket"}}, 403},
		"events of another origin":     {local, request{path: "/v1/tap", header: []string{"Origin: http://evil.example", "Accept: text/event-stream"}}, 403},
		"script of another site":       {local, request{path: "/v1/sessions", header: []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}}, 403},
		"metrics of another site":      {local, request{path: "/metrics", header: []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}}, 403},
		"own page's question":          {local, request{header: []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"}}, 200},
		"link of another site":         {local, request{path: "/", header: []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}}, 200},
		"form of another site":         {local, request{method: http.MethodPost, path: "/v1/reload", header: []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}}, 403},
		"login of another site":        {token, request{method: http.MethodPost, path: "/v1/login", header: []string{"Sec-Fetch-Site: cross-site"}}, 403},
		"token missing":                {token, request{}, 401},
		"token wrong":                  {token, request{header: []string{"Authorization: Bearer 0123456789abcdeg"}}, 401},
		"token cut":                    {token, request{header: []string{"Authorization: Bearer 0123456789abcde"}}, 401},
		"token empty":                  {token, request{header: []string{"Authorization: Bearer "}}, 401},
		"token as a password":          {token, request{header: []string{"Authorization: Basic " + testToken}}, 401},
		"token in the query":           {token, request{path: "/v1/status?token=" + testToken}, 401},
		"token":                        {token, request{header: []string{bearer}}, 200},
		"token and any address":        {token, request{host: "10.0.0.1:9901", header: []string{bearer}}, 200},
		"token and a service":          {token, request{host: "usher:9901", header: []string{bearer}}, 200},
		"token and its metrics":        {token, request{host: "usher:9901", path: "/metrics", header: []string{bearer}}, 200},
		"service without token":        {token, request{host: "usher:9901"}, 401},
		"its metrics without token":    {token, request{host: "usher:9901", path: "/metrics"}, 401},
		"its page":                     {token, request{host: "usher:9901", path: "/"}, 200},
		"rebound name without token":   {token, request{host: "evil.example:9901", method: http.MethodPost, path: "/v1/reload", header: []string{"Origin: http://evil.example:9901"}}, 401},
		"token and the name":           {named, request{host: "OPS.example.com:9901", header: []string{bearer}}, 200},
		"token and another name":       {named, request{host: "example.com:9901", header: []string{bearer}}, 200},
		"metrics without token":        {token, request{path: "/metrics"}, 401},
		"metrics":                      {token, request{path: "/metrics", header: []string{bearer}}, 200},
		"unknown path without token":   {token, request{path: "/v1/x"}, 401},
		"disguised path without token": {token, request{path: "//v1/status"}, 307},
		"escaped path without token":   {token, request{path: "/%76%31/status"}, 401},
		"order without token":          {token, order, 401},
		"alive":                        {token, request{path: "/livez"}, 200},
		"ready":                        {token, request{path: "/readyz"}, 200},
		"page":                         {token, request{path: "/"}, 200},
		"cookie made up":               {token, request{header: []string{"Cookie: " + cookieName + "=9999999999.00"}}, 401},
		"socket":                       {unix, request{host: "whatever"}, 200},
		"socket and another origin":    {unix, ordered("Origin: http://evil.example"), 403},
	} {
		d := newTestDesk(t, tt.file)
		w := tt.send(newTestHandler(d))
		if w.Code != tt.want {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, tt.want)
		}
		if orders := len(d.orders); orders > 0 && tt.want != 200 {
			t.Errorf("%s: got %d orders done, want none", name, orders)
		}
		if got := w.Header()["Access-Control-Allow-Origin"]; got != nil {
			t.Errorf("%s: got CORS %v, want none", name, got)
		}
		if w.Header().Get(APIHeader) != "v1" || w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got headers %v, want no frames and no store", name, w.Header())
		}
		if strings.Contains(w.Body.String(), testToken) {
			t.Errorf("%s: the answer has the token: %s", name, w.Body)
		}
	}
}

func TestLogin(t *testing.T) {
	d := newTestDesk(t, "admin: {address: ':9901', token: "+testToken+"}"+testRoutes)
	h := newTestHandler(d)
	login := func(body string) *httptest.ResponseRecorder {
		return request{method: http.MethodPost, path: "/v1/login", body: body}.send(h)
	}
	for _, body := range []string{"", "{}", `{"token": ""}`, `{"token": "0123456789abcdeg"}`, `["` + testToken + `"]`} {
		if w := login(body); w.Code != http.StatusUnauthorized && w.Code != http.StatusBadRequest || w.Header()["Set-Cookie"] != nil {
			t.Errorf("%s: got %d %v, want no cookie", body, w.Code, w.Header()["Set-Cookie"])
		}
	}
	cookies := login(`{"token": "` + testToken + `"}`).Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || strings.Contains(cookies[0].Value, testToken) {
		t.Fatalf("got cookies %v, want one for no script and no other site, without the token", cookies)
	}
	shown := "Cookie: " + cookies[0].Name + "=" + cookies[0].Value
	if w := (request{header: []string{shown}}).send(h); w.Code != http.StatusOK {
		t.Errorf("with the cookie: got %d, want 200", w.Code)
	}
	for origin, want := range map[string]int{"http://usher:9901": http.StatusOK, "http://evil.example": http.StatusForbidden} {
		w := request{method: http.MethodPost, path: "/v1/reload", host: "usher:9901", header: []string{shown, "Origin: " + origin}}.send(h)
		if w.Code != want {
			t.Errorf("order with the cookie from %s: got %d, want %d", origin, w.Code, want)
		}
	}
	old := "Cookie: " + cookieName + "=" + h.newCookie(time.Now().Add(-time.Second), "Bearer "+testToken)
	if w := (request{header: []string{old}}).send(h); w.Code != http.StatusUnauthorized {
		t.Errorf("with an old cookie: got %d, want 401", w.Code)
	}
	d.cfg.Admin.Token = "another token 123"
	if w := (request{header: []string{shown}}).send(h); w.Code != http.StatusUnauthorized {
		t.Errorf("with the cookie of another token: got %d, want 401", w.Code)
	}
	if c := (request{method: http.MethodPost, path: "/v1/logout", header: []string{"Authorization: Bearer another token 123"}}).send(h).Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("logout: got %v, want the cookie taken back", c)
	}
}

// TestUpstreams has an endpoint that nobody has asked, and one that has failed.
func TestUpstreams(t *testing.T) {
	d := newTestDesk(t, "admin: 127.0.0.1:9901"+testRoutes)
	d.pool.Get("chat").Endpoints()[1].Declined(503)
	var list []Upstream
	if err := json.Unmarshal(request{path: "/v1/upstreams"}.send(newTestHandler(d)).Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if to, from := (Traffic{1, 20}), (Traffic{3, 40}); list[0].FromClient != to || list[0].FromUpstream != from {
		t.Errorf("legs: got %+v and %+v, want %+v and %+v", list[0].FromClient, list[0].FromUpstream, to, from)
	}
	calm, failed := list[0].Endpoints[0], list[0].Endpoints[1]
	if calm.State != upstream.Unchecked || calm.LastError != "" || !calm.LastErrorAt.IsZero() {
		t.Errorf("endpoint that nobody has asked: got %+v, want it unchecked, without an error", calm)
	}
	if failed.LastError != "upgrade declined with status 503" || time.Since(failed.LastErrorAt) > time.Minute {
		t.Errorf("endpoint that has failed: got %+v, want the error and its time", failed)
	}
}

func TestReady(t *testing.T) {
	d := newTestDesk(t, "admin: 127.0.0.1:9901"+testRoutes)
	for phase, want := range map[Phase]int{Serving: 200, Emptied: 503, Grace: 503, Stopping: 503} {
		d.phase = phase
		w := request{path: "/readyz"}.send(newTestHandler(d))
		if w.Code != want || w.Body.String() != string(phase)+"\n" {
			t.Errorf("%s: got %d %s, want %d", phase, w.Code, w.Body, want)
		}
	}
}
