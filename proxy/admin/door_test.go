package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"usher/proxy/config"
)

const signingSecret = "0123456789abcdef0123456789abcdef"

// tokenOf returns a signed token with these claims.
func tokenOf(claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(signingSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// usersFile writes an htpasswd file with these names, whose passwords are the names
// and "-pw".
func usersFile(t *testing.T, names ...string) string {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		hash, err := bcrypt.GenerateFromPassword([]byte(name+"-pw"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s:%s\n", name, hash)
	}
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// guarded is a file with every way in; tokens with the role ops may operate.
func guarded(t *testing.T) string {
	t.Helper()
	const way = "{jwt: {secret: " + signingSecret + ", audience: usher, leeway: 0s, from: [authorization, {cookie: sso}]%s}, role: %s}"
	return "admin:\n  address: ':9901'\n  token: " + testToken + "\n  auth:\n" +
		"    - {basic: {users: " + usersFile(t, "ann") + ", realm: readers}}\n" +
		"    - {basic: {users: " + usersFile(t, "bob") + "}, role: operate}\n" +
		"    - " + fmt.Sprintf(way, "", "view") + "\n    - " + fmt.Sprintf(way, ", require: {roles: ops}", "operate") + testRoutes
}

func basicOf(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

const (
	viewer = `{"sub":"vic","aud":"usher"}`
	chief  = `{"sub":"cleo","aud":"usher","roles":["dev","ops"]}`
)

func TestWhoComesIn(t *testing.T) {
	h := newTestHandler(newTestDesk(t, guarded(t)))
	now := time.Now().Unix()
	for name, tt := range map[string]struct {
		shown string
		want  int
		who   Operator
	}{
		"nothing":                   {"X: y", 401, Operator{}},
		"token":                     {"Authorization: Bearer " + testToken, 200, Operator{"", config.Operate}},
		"reader":                    {basicOf("ann", "ann-pw"), 200, Operator{"ann", config.View}},
		"operator":                  {basicOf("bob", "bob-pw"), 200, Operator{"bob", config.Operate}},
		"wrong password":            {basicOf("ann", "bob-pw"), 401, Operator{}},
		"nobody":                    {basicOf("eve", "eve-pw"), 401, Operator{}},
		"token as a password":       {basicOf("ann", testToken), 401, Operator{}},
		"signed":                    {"Authorization: Bearer " + tokenOf(viewer), 200, Operator{"vic", config.View}},
		"signed, the greater role":  {"Authorization: Bearer " + tokenOf(chief), 200, Operator{"cleo", config.Operate}},
		"signed, by another cookie": {"Cookie: sso=" + tokenOf(chief), 200, Operator{"cleo", config.Operate}},
		"signed, without a name":    {"Authorization: Bearer " + tokenOf(`{"aud":"usher"}`), 200, Operator{"", config.View}},
		"another audience":          {"Authorization: Bearer " + tokenOf(`{"sub":"vic","aud":"chat","roles":"ops"}`), 401, Operator{}},
		"no audience":               {"Authorization: Bearer " + tokenOf(`{"sub":"vic","roles":"ops"}`), 401, Operator{}},
		"over":                      {"Authorization: Bearer " + tokenOf(fmt.Sprintf(`{"sub":"vic","aud":"usher","exp":%d}`, now-5)), 401, Operator{}},
		"signed by another":         {"Authorization: Bearer " + tokenOf(viewer) + "x", 401, Operator{}},
		"unsigned":                  {"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWMiLCJhdWQiOiJ1c2hlciJ9.", 401, Operator{}},
		"a long name":               {"Authorization: Bearer " + tokenOf(`{"sub":"`+strings.Repeat("v", 500)+`","aud":"usher"}`), 200, Operator{strings.Repeat("v", mostName), config.View}},
		"empty":                     {"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(":")), 401, Operator{}},
	} {
		w := request{header: []string{tt.shown}}.send(h)
		var got Status
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.want || got.Operator != tt.who {
			t.Errorf("%s: got %d and %+v, %v, want %d and %+v", name, w.Code, got.Operator, err, tt.want, tt.who)
		}
		h.guesses = new(guesses)
	}
}

// A challenge has a browser ask for a password, but not over the page's form.
func TestChallenges(t *testing.T) {
	h := newTestHandler(newTestDesk(t, guarded(t)))
	got := request{path: "/metrics"}.send(h).Header()["Www-Authenticate"]
	if want := []string{`Bearer realm="usher"`, `Basic realm="usher", charset="UTF-8"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w := request{header: []string{"Accept: application/json"}}.send(h)
	if got := w.Header()["Www-Authenticate"]; len(got) != 1 {
		t.Errorf("page: got %q, want no Basic", got)
	}
	var e Error
	if json.Unmarshal(w.Body.Bytes(), &e); !slices.Equal(e.Ways, []string{"token", "basic", "jwt"}) && !slices.Equal(e.Ways, []string{"token", "jwt", "basic"}) {
		t.Errorf("got ways %q", e.Ways)
	}
}

// needed is what each pattern needs. A new one must be here: what changes anything,
// or shows what clients say, is to operate.
var needed = map[string]config.Role{
	"GET /v1/status": config.View, "GET /v1/sessions": config.View, "GET /v1/sessions/{id}": config.View, "GET /v1/sessions/ended": config.View,
	"GET /v1/upstreams": config.View, "GET /v1/routes": config.View, "GET /v1/explain": config.View, "GET /v1/certificates": config.View, "GET /v1/incidents": config.View,
	"GET /metrics": config.View, "POST /v1/logout": config.View,
	"DELETE /v1/sessions/{id}": config.Operate, "POST /v1/sessions/close": config.Operate, "GET /v1/tap": config.Operate,
	"POST /v1/reload": config.Operate, "POST /v1/upgrade": config.Operate, "POST /v1/drain": config.Operate, "POST /v1/enable": config.Operate,
	"POST /v1/login": "", "GET /livez": "", "GET /readyz": "", "/": "", "/v1/": "",
}

func TestRoles(t *testing.T) {
	d := newTestDesk(t, guarded(t))
	h := newTestHandler(d)
	if !maps.Equal(h.roles, needed) {
		t.Fatalf("got patterns and roles %v, want %v", h.roles, needed)
	}
	for pattern, role := range needed {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = http.MethodPost, pattern+"x"
		}
		q := request{method: method, path: strings.ReplaceAll(path, "{id}", "a") + "?limit=x"} // a tap that does not begin
		for _, shown := range []string{basicOf("ann", "ann-pw"), "Authorization: Bearer " + tokenOf(viewer)} {
			q.header = []string{shown}
			if w := q.send(h); (w.Code == http.StatusForbidden) != (role == config.Operate) || w.Code == http.StatusUnauthorized && role != "" {
				t.Errorf("%s for a viewer: got %d %s", pattern, w.Code, w.Body)
			} else if w.Code == http.StatusForbidden && !strings.Contains(w.Body.String(), "this needs the role operate, and yours is view") {
				t.Errorf("%s: got %s, want what it needs", pattern, w.Body)
			}
		}
		// In another method it does nothing, whoever asks.
		if method != http.MethodGet {
			before := len(d.orders)
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodOptions} {
				request{method: method, path: q.path, header: []string{"Authorization: Bearer " + testToken, "Content-Type: application/json"}}.send(h)
			}
			if len(d.orders) != before {
				t.Errorf("%s in other methods: got orders %q", pattern, d.orders[before:])
			}
		}
	}
	if len(d.orders) != 0 {
		t.Errorf("got orders %q of a viewer, want none", d.orders)
	}
	for _, shown := range []string{basicOf("bob", "bob-pw"), "Authorization: Bearer " + tokenOf(chief), "Authorization: Bearer " + testToken} {
		before := len(d.orders)
		if w := (request{method: http.MethodPost, path: "/v1/reload", header: []string{shown}}).send(h); w.Code != http.StatusOK || len(d.orders) != before+1 {
			t.Errorf("order: got %d %s", w.Code, w.Body)
		}
	}
}

// A cookie is worth what it was given for, no more and no longer.
func TestLoginByOtherWays(t *testing.T) {
	d := newTestDesk(t, guarded(t))
	h := newTestHandler(d)
	end := time.Now().Unix() + 3600
	for body, role := range map[string]config.Role{
		`{"name": "ann", "password": "ann-pw"}`:                                                  config.View,
		`{"name": "bob", "password": "bob-pw"}`:                                                  config.Operate,
		`{"token": "` + tokenOf(viewer) + `"}`:                                                   config.View,
		`{"token": "` + tokenOf(chief) + `"}`:                                                    config.Operate,
		`{"token": "` + testToken + `"}`:                                                         config.Operate,
		`{"token": "` + tokenOf(fmt.Sprintf(`{"sub":"vic","aud":"usher","exp":%d}`, end)) + `"}`: config.View,
		`{"name": "ann", "password": "bob-pw"}`:                                                  "",
		`{"name": "ann", "password": ""}`:                                                        "",
		`{"token": "` + tokenOf(`{"sub":"vic","aud":"chat"}`) + `"}`:                             "",
	} {
		w := request{method: http.MethodPost, path: "/v1/login", body: body}.send(h)
		cookies := w.Result().Cookies()
		if role == "" {
			if w.Code != http.StatusUnauthorized || len(cookies) != 0 {
				t.Errorf("%s: got %d and %v, want 401 without a cookie", body, w.Code, cookies)
			}
			continue
		}
		if w.Code != http.StatusOK || len(cookies) != 1 {
			t.Fatalf("%s: got %d %s", body, w.Code, w.Body)
		}
		shown := "Cookie: " + cookies[0].Name + "=" + cookies[0].Value
		before, want := len(d.orders), http.StatusForbidden
		if role == config.Operate {
			want = http.StatusOK
		}
		if w := (request{header: []string{shown}}).send(h); w.Code != http.StatusOK {
			t.Errorf("%s: got %d, want 200", body, w.Code)
		}
		order := request{method: http.MethodPost, path: "/v1/reload", header: []string{shown}}
		if w := order.send(h); w.Code != want || len(d.orders)-before != map[bool]int{true: 1}[want == 200] {
			t.Errorf("%s: order with its cookie: got %d, want %d", body, w.Code, want)
		}
		order.header = append(order.header, "Origin: http://evil.example")
		if w := order.send(h); w.Code != http.StatusForbidden {
			t.Errorf("%s: order of another origin: got %d, want 403", body, w.Code)
		}
	}
	old := "Cookie: " + cookieName + "=" + h.newCookie(time.Now().Add(time.Hour), "Bearer "+tokenOf(fmt.Sprintf(`{"aud":"usher","exp":%d}`, end-3610)))
	w := request{header: []string{old}}.send(h)
	if c := w.Result().Cookies(); w.Code != http.StatusUnauthorized || len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("cookie of a token that is over: got %d and %v, want 401, and the cookie taken back", w.Code, c)
	}
	ann := "Cookie: " + cookieName + "=" + h.newCookie(time.Now().Add(time.Hour), strings.TrimPrefix(basicOf("ann", "ann-pw"), "Authorization: "))
	other := newTestDesk(t, guarded(t))
	other.cfg.Admin.Auth = other.cfg.Admin.Auth[:2] // bob, and the tokens that operate
	d.cfg, d.gates = other.cfg, other.gates
	if w := (request{header: []string{ann}}).send(h); w.Code != http.StatusUnauthorized {
		t.Errorf("cookie of a user who is gone: got %d, want 401", w.Code)
	}
}

// Passwords are guesses as tokens are, also when many come at once; a token that is
// over was none.
func TestAttack46Passwords(t *testing.T) {
	right := request{header: []string{basicOf("ann", "ann-pw")}}
	for name, guess := range map[string]request{
		"basic": {header: []string{basicOf("ann", "guess")}},
		"login": {method: http.MethodPost, path: "/v1/login", body: `{"name": "ann", "password": "guess"}`},
	} {
		h := newTestHandler(newTestDesk(t, guarded(t)))
		codes := make(chan int, 5*maxGuesses)
		var all sync.WaitGroup
		for range cap(codes) {
			all.Go(func() { codes <- guess.send(h).Code })
		}
		all.Wait()
		close(codes)
		looked := 0
		for code := range codes {
			if code != http.StatusTooManyRequests {
				looked++
			}
		}
		if looked > maxGuesses {
			t.Errorf("%s: %d guesses were looked at, want %d at most", name, looked, maxGuesses)
		}
		if w := right.send(h); w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: got %d for the right one then, want 429", name, w.Code)
		}
	}
	h := newTestHandler(newTestDesk(t, guarded(t)))
	over := request{header: []string{"Authorization: Bearer " + tokenOf(`{"aud":"usher","exp":1}`)}}
	for range 3 * maxGuesses {
		if w := right.send(h); w.Code != http.StatusOK {
			t.Fatalf("right: got %d, want 200", w.Code)
		}
		if w := over.send(h); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "token expired") {
			t.Fatalf("over: got %d %s, want 401", w.Code, w.Body)
		}
	}
}

// The log names who gave an order, and nothing of what was shown.
func TestOrdersAreNamed(t *testing.T) {
	d := newTestDesk(t, guarded(t))
	d.sessions.Live()
	var log strings.Builder
	h := NewHandler(Handler{Broker: d, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	token := tokenOf(chief)
	for path, what := range map[string]string{"reload": "operator reloads", "upgrade": "operator upgrades", "drain": "operator drains", "enable": "operator enables"} {
		for name, shown := range map[string]string{"bob": basicOf("bob", "bob-pw"), "cleo": "Authorization: Bearer " + token} {
			log.Reset()
			body := map[bool]string{true: `{"all": true}`}[path == "drain" || path == "enable"]
			request{method: http.MethodPost, path: "/v1/" + path, body: body, header: []string{shown}}.send(h)
			if got := log.String(); !strings.Contains(got, what) || !strings.Contains(got, "operator="+name) || strings.Contains(got, "bob-pw") || strings.Contains(got, token) {
				t.Errorf("%s: got log %s, want it to name %s", path, got, name)
			}
		}
	}
	log.Reset()
	request{method: http.MethodPost, path: "/v1/login", body: `{"name": "bob", "password": "other-pw"}`}.send(h)
	request{method: http.MethodPost, path: "/v1/login", body: `{"name": "bob", "password": "bob-pw"}`}.send(h)
	if got := log.String(); strings.Contains(got, "-pw") || !strings.Contains(got, "operator logs in") || !strings.Contains(got, "login refused") {
		t.Errorf("login: got log %s", got)
	}
}
