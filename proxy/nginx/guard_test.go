package nginx

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"usher/proxy/config"
)

// lets tells what becomes of a request from a stranger: the name of the upstream it
// comes to, "login" if it needs one, or what usher says.
func lets(t *testing.T, routes, host, path string) string {
	t.Helper()
	cfg, err := config.Parse("routes.yaml", []byte(routes), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, routes)
	}
	var best *config.Route
	for _, r := range cfg.Routes {
		takes := r.Path == "/" || path == r.Path || path == r.Path+"/" || !r.Exact && strings.HasPrefix(path, r.Path+"/")
		if !takes || r.Host != "" && r.Host != host {
			continue
		}
		if best == nil || best.Host == "" && r.Host != "" || best.Host == r.Host && (len(r.Path) > len(best.Path) || r.Exact && len(r.Path) == len(best.Path)) {
			best = r
		}
	}
	switch {
	case best == nil:
		return "none"
	case best.Respond != nil && best.Respond.Status == 200:
		return "text"
	case best.Respond != nil:
		return "refused"
	case best.Redirect != nil:
		return "led"
	case !best.Access.Admits(netip.MustParseAddr("192.0.2.1")):
		return "refused"
	case best.Auth != nil:
		return "login"
	}
	return best.Upstream.Name
}

// Where nginx keeps people away, they do not come to usher's upstreams either.
func TestGuards(t *testing.T) {
	const (
		pass = "proxy_pass http://a:1;"
		open = "location / { proxy_pass http://o:1; } "
	)
	in := func(inside string) string { return "server { listen 80; " + inside + " }" }
	for _, tc := range []struct{ name, text, path, want string }{
		{"named location, guarded where it is tried", in("location /a/ { deny all; try_files $uri @x; } location @x {" + pass + "}" + open), "/a/b", "refused"},
		{"named location with a login", in("location / { auth_basic x; try_files $uri @x; } location @x {" + pass + "}"), "/a", "refused"},
		{"named location, guarded around it", in("location / { try_files $uri @x; } deny all; location @x {" + pass + "}"), "/a", "refused"},
		{"named location, guarded itself", in("location / { try_files $uri @x; } location @x { limit_except GET { deny all; }" + pass + "}"), "/a", "refused"},
		{"two guards that differ", in("location / { allow 192.0.2.1; deny all; try_files $uri @x; } location @x { deny 192.0.2.2;" + pass + "}"), "/a", "refused"},
		{"an answer before what is tried", in("location / { return 403; try_files $uri @x; } location @x {" + pass + "}"), "/a", "refused"},
		{"internal before what is tried", in("location / { internal; try_files $uri @x; } location @x {" + pass + "}"), "/a", "refused"},
		{"a condition before what is tried", in("location / { if ($x) { return 403; } try_files $uri @x; } location @x {" + pass + "}"), "/a", "refused"},
		{"a text behind a named location's guard", in("location / { deny all; try_files $uri @x; } location @x { return 200 x; }"), "/a", "refused"},

		{"client certificates on one of two listeners", "server { listen 80; listen 443 ssl; ssl_verify_client on; ssl_client_certificate c; location / {" + pass + "} }", "/a", "refused"},
		{"client certificates for one of two servers", "server { listen 443 ssl; ssl_verify_client on; ssl_client_certificate c; location / {" + pass + "} } server { listen 443 ssl; server_name o; " + open + "}", "/a", "refused"},
		{"client certificates beside a redirect", "server { listen 80; return 301 https://$host$request_uri; } server { listen 443 ssl; ssl_verify_client on; ssl_client_certificate c; location / {" + pass + "} }", "/a", "a-1"},
		{"client certificates with a list of revoked ones", "server { listen 443 ssl; ssl_verify_client on; ssl_client_certificate c; ssl_crl l; location / {" + pass + "} }", "/a", "refused"},

		{"an expression without a beginning", in(open + `location ~ \.env$ { deny all; }`), "/x/.env", "refused"},
		{"an expression of any case", in(open + `location ~* ^/admin { return 404; }`), "/ADMIN", "refused"},
		{"an expression inside of a name", in(open + `location ~ ^/admin { return 403; }`), "/administrator", "refused"},
		{"an expression of whole names", in(open + `location ~ ^/(admin|staff)/ { auth_basic x; ` + pass + `}`), "/staff/x", "refused"},
		{"what is not below the expression's names", in(open + `location ~ ^/(admin|staff)/ { auth_basic x; ` + pass + `}`), "/a", "o-1"},
		{"a route below the expression's", in(open + `location ~ ^/admin/ { deny all; } location /admin/x/ {` + pass + `}`), "/admin/x/y", "refused"},
		{"a route that no expression is asked about", in(open + `location ~ ^/admin/ { deny all; } location ^~ /admin/x/ {` + pass + `}`), "/admin/x/y", "a-1"},
		{"a route of the expression's own path", in(open + `location ~ ^/admin/ { deny all; } location /admin/ {` + pass + `}`), "/admin/y", "refused"},
		{"an expression with a condition", in(open + `location ~ ^/a/ { if ($arg_k != x) { return 403; }` + pass + `}`), "/a/b", "refused"},
		{"an expression that only internal requests come to", in(open + `location ~ ^/a/ { internal;` + pass + `}`), "/a/b", "refused"},
		{"an expression with methods", in(open + `location ~ ^/a/ { limit_except GET { deny all; }` + pass + `}`), "/a/b", "refused"},
		{"an expression in a location", in(open + `location /a/ { location ~ b { deny all; }` + pass + `}`), "/a/b", "refused"},
		{"what an expression in a location is not asked about", in(open + `location /a/ { location ~ b { deny all; }` + pass + `}`), "/b", "o-1"},
		{"an expression that has its guard from around it, where the other has none", in(`auth_basic x; location / { auth_basic off; ` + pass + `} location ~ ^/a/ {` + pass + `}`), "/a/b", "refused"},
		{"an expression with the guard of all", in(`allow 192.0.2.1; deny all; location / {` + pass + `} location ~ ^/a/ {` + pass + `}`), "/a/b", "a-1"},
		{"an expression without a guard", in(open + `location ~ \.js$ { expires 1d; root /x; }`), "/a", "o-1"},
		{"a guard in an expression's location", in(open + `location ~ ^/a/ { location ~ b { deny all; }` + pass + `}`), "/a/b", "refused"},
		{"an expression that nobody can read", in(open + `location ~ ^/(?!x) { deny all; }`), "/a", "refused"},

		{"a condition of a geo", "geo $no { default 0; 10.0.0.1 1; } " + in("location / { if ($no) { return 403; }"+pass+"}"), "/a", "refused"},
		{"a condition of a query", in("location / { if ($args !~ k=x) { return 403; }" + pass + "}"), "/a", "refused"},
		{"a condition of a header", in("location / { if ($http_user_agent ~ bot) { return 403; }" + pass + "}"), "/a", "refused"},
		{"a condition that leads away", in("location / { if ($cookie_a = '') { return 302 /login; }" + pass + "}"), "/a", "refused"},
		{"a condition that leads away by rewrite", in("location / { if ($cookie_a = '') { rewrite ^ /login redirect; }" + pass + "}"), "/a", "refused"},
		{"a condition with 503", in("location / { if ($cookie_a = '') { return 503; }" + pass + "}"), "/a", "refused"},
		{"a condition with a text", in("location / { if ($cookie_a = '') { return 200 no; }" + pass + "}"), "/a", "refused"},
		{"a condition of a method", in("location / { if ($request_method != GET) { return 403; }" + pass + "}"), "/a", "refused"},
		{"an answer to OPTIONS", in("location / { if ($request_method = 'OPTIONS') { add_header A b; return 204; }" + pass + "}"), "/a", "a-1"},
		{"a variable that a condition sets", in("set $no 0; if ($http_x) { set $no 1; } if ($no) { return 403; } location / {" + pass + "}"), "/a", "refused"},
		{"an upstream that a condition chooses", in("set $up a; if ($http_x = '') { set $up denied; } location / { proxy_pass http://$up; }"), "/a", "refused"},
		{"a condition that sends elsewhere", in("location / { if ($http_x = '') { proxy_pass http://b:1; }" + pass + "}"), "/a", "refused"},
		{"referers", in("location / { valid_referers none a; if ($invalid_referer) { return 403; }" + pass + "}"), "/a", "refused"},
		{"secure links", in("location / { secure_link $arg_a; secure_link_md5 x; if ($secure_link = '') { return 403; }" + pass + "}"), "/a", "refused"},
		{"a condition beside a text", in("location / { if ($http_x = '') { return 403; } return 200 x; }"), "/a", "refused"},
		{"a condition that leads to https", in("location / { if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }" + pass + "}"), "/a", "a-1"},

		{"satisfy any is not about methods", in("location / { satisfy any; allow 192.0.2.1; deny all; limit_except GET { deny all; }" + pass + "}"), "/a", "refused"},
		{"satisfy any is not about conditions", in("location / { satisfy any; allow 192.0.2.1; deny all; if ($x) { return 403; }" + pass + "}"), "/a", "refused"},
		{"satisfy any is not about filters", in("location / { satisfy any; allow 192.0.2.1; deny all; modsecurity on; " + pass + "}"), "/a", "refused"},

		{"addresses behind a balancer", in("set_real_ip_from 192.0.2.1; location / { allow 192.0.2.1; deny all;" + pass + "}"), "/a", "refused"},
		{"addresses behind a balancer that is carried over", in("set_real_ip_from 10.0.0.1; real_ip_header X-Forwarded-For; location / { allow 192.0.2.1; deny all;" + pass + "}"), "/a", "a-1"},

		{"a guarded path with a slash", in("location /api {" + pass + "} location /api/ { deny all; " + pass + "}"), "/api/x", "refused"},
		{"a guarded path without", in("location /api { auth_basic x;" + pass + "} location /api/ {" + pass + "}"), "/api/x", "refused"},
		{"a refused path with a slash", in("location /api {" + pass + "} location /api/ { return 403; }"), "/api/x", "refused"},
		{"a path in two words of an exact one", in("location = /api {" + pass + "} location = /api/ { deny all; " + pass + "}"), "/api/", "refused"},

		{"a longer name", in("location /admin { deny all;" + pass + "}" + open), "/administrator", "refused"},
		{"a longer name of a path that is refused", in("location /admin { return 403; }" + open), "/administrator", "refused"},
		{"a longer name with a location of its own", in("location /admin { deny all;" + pass + "} location /administrator {" + pass + "}" + open), "/administrator", "a-1"},
		{"another path beside one with a slash", in("location /admin/ { deny all;" + pass + "}" + open), "/administrator", "o-1"},
		{"a longer name with the guard of all", in("allow 192.0.2.1; deny all; location /admin {" + pass + "}" + open), "/administrator", "o-1"},

		{"a longer name of a location with an expression in it", in("location /a { location ~ b { deny all; }" + pass + "}" + open), "/axb", "refused"},
		{"the status of nginx itself", in("location /status { stub_status; allow 127.0.0.1; deny all; }" + open), "/a", "o-1"},
		{"an exact path in a guarded server", in("auth_basic x; location = /a { auth_basic off;" + pass + "} location / {" + pass + "}"), "/a/", "refused"},
		{"an exact path beside what is guarded", in("location = /a {" + pass + "} location /a/ { deny all;" + pass + "}"), "/a/", "refused"},
		{"an exact path that is guarded", in("location = /a { deny all;" + pass + "}" + open), "/a", "refused"},
		{"a text that an expression guards", in("location / { return 200 x; } location ~ k { deny all; }"), "/k", "refused"},

		{"headers of clients that must stay away", in("location / { proxy_pass_request_headers off;" + pass + "}"), "/a", "refused"},
		{"shibboleth", in("location / { shib_request /x;" + pass + "}"), "/a", "refused"},
		{"lua", in("location / { rewrite_by_lua_file x;" + pass + "}"), "/a", "refused"},
		{"lua for all", "http { access_by_lua_file x; " + in("location / {"+pass+"}") + "}", "/a", "refused"},
		{"a script", in("location / { js_access a.b;" + pass + "}"), "/a", "refused"},
		{"perl", in("location / { perl a::b;" + pass + "}"), "/a", "refused"},
		{"an unknown login", in("location / { auth_acme on;" + pass + "}"), "/a", "refused"},
		{"OpenID", in("location / { oidc_enable on;" + pass + "}"), "/a", "refused"},
		{"ModSecurity", in("modsecurity on; location / {" + pass + "}"), "/a", "refused"},
		{"ModSecurity that is off", in("modsecurity on; location / { modsecurity off;" + pass + "}"), "/a", "refused"},
		{"ModSecurity that is off everywhere", in("modsecurity off; location / {" + pass + "}"), "/a", "a-1"},
		{"naxsi", in("location / { SecRulesEnabled;" + pass + "}"), "/a", "refused"},
		{"what only loads scripts", "http { js_import a.js; js_set $x a.b; lua_package_path x; log_by_lua_file x; " + in("location / {"+pass+"}") + "}", "/a", "a-1"},
	} {
		got := imported(t, tc.text)
		if is := lets(t, got.Text, "h", tc.path); is != tc.want {
			t.Errorf("%s: %s: got %s, want %s\n%s", tc.name, tc.path, is, tc.want, got.Text)
		}
	}
}

// A server that listens elsewhere is not there for those who come to the others.
func TestReach(t *testing.T) {
	const app = "listen 80; server_name a; location / { proxy_pass http://a:1; } "
	server := func(inside string) string { return "server { " + inside + " } " }
	for _, tc := range []struct{ name, text, host, want string }{
		{"an address of its own", server(app) + server("listen 127.0.0.1:8080; server_name b; location / { proxy_pass http://b:1; }"), "b", "a-1"},
		{"the same port of one address", server(app) + server("listen 127.0.0.1:80; server_name b; location / { proxy_pass http://b:1; }"), "b", "a-1"},
		{"before the public one", server("listen 127.0.0.1:8080; server_name b; location / { proxy_pass http://b:1; } location /x { proxy_pass http://b:1; }") + server(app), "b", "a-1"},
		{"a public port of its own", server(app) + server(app+"server_name c;") + server("listen 8080; server_name b; location / { proxy_pass http://b:1; }"), "b", "a-1"},
		{"both ports", server(app) + server("listen 80; listen 8080; server_name b; location / { proxy_pass http://b:1; }"), "b", "b-1"},
		{"IPv6, too", server(app) + server("listen 80; listen [::]:80; server_name b; location / { proxy_pass http://b:1; }"), "b", "b-1"},
		{"beside a redirect", server("listen 80; server_name a; return 301 https://$host$request_uri;") + server("listen 443 ssl; server_name a; location / { proxy_pass http://a:1; }"), "a", "a-1"},
		{"a default that is left out", server("listen 80 default_server; return 444;") + server("listen 80; listen 81; server_name a; location / { proxy_pass http://a:1; }") + server("listen 80; listen 81; server_name b; location / { proxy_pass http://b:1; }"), "c", "refused"},
	} {
		got := imported(t, tc.text)
		if is := lets(t, got.Text, tc.host, "/x"); is != tc.want {
			t.Errorf("%s: got %s, want %s\n%s", tc.name, is, tc.want, got.Text)
		}
	}
}

// What a server kept away from hosts that no route can have does not come to the
// routes of another.
func TestStrays(t *testing.T) {
	server := func(inside string) string { return "server { listen 80; " + inside + " } " }
	const (
		pass = "location / { proxy_pass http://a:1; } "
	)
	open := server("server_name www.example.com; location / { proxy_pass http://o:1; }")
	for _, tc := range []struct{ name, text, host, want string }{
		{"an expression", open + server("server_name ~^adm; deny all;"+pass), "h", "refused"},
		{"a name with any end", open + server("server_name shop.*; auth_basic x; auth_basic_user_file u;"+pass), "h", "refused"},
		{"a variable", open + server("server_name $hostname; deny all;"+pass), "h", "refused"},
		{"before the open one", server("server_name ~^adm; deny all;"+pass) + strings.Replace(open, "80", "80 default_server", 1), "h", "refused"},
		{"beside a name", open + server("server_name b ~^adm; deny all;"+pass), "h", "refused"},
		{"a condition beside a name", open + server("server_name b ~^adm; if ($http_x) { return 403; }"+pass), "h", "refused"},
		{"and the name itself", open + server("server_name b ~^adm; if ($http_x) { return 403; }"+pass), "b", "refused"},
		{"what is open at the name itself", open + server("server_name b ~^adm; location /x/ { deny all; proxy_pass http://a:1; }"+pass), "b", "a-1"},
		{"a condition", open + server("server_name ~^adm; if ($http_x) { return 403; }"+pass), "h", "refused"},
		{"a condition of a location", open + server("server_name ~^adm; location / { if ($http_x) { return 403; } proxy_pass http://a:1; }"), "h", "refused"},
		{"a location", open + server("server_name ~^adm; location /x { deny all; proxy_pass http://a:1; }"+pass), "h", "refused"},
		{"a location with an expression", open + server(`server_name ~^adm; location ~ \.env$ { deny all; }`+pass), "h", "refused"},
		{"an answer", open + server("server_name ~^adm; return 444;"), "h", "refused"},
		{"an answer with a variable", open + server("server_name ~^adm; return 403 $host;"), "h", "refused"},
		{"a text", server("return 200 x;") + server("server_name ~^adm; deny all;"+pass), "h", "refused"},
		{"client certificates before a text", "server { listen 443 ssl; server_name o; location / { proxy_pass http://o:1; } } server { listen 443 ssl; server_name ~^adm; ssl_verify_client on; ssl_client_certificate c; return 200 x; }", "h", "refused"},
		{"a condition before a text", open + server("server_name ~^adm; if ($http_x) { return 403; } return 200 x;"), "h", "refused"},
		{"a module", open + server("server_name ~^adm; auth_acme on;"+pass), "h", "refused"},

		{"nothing is kept away", open + server("server_name ~^adm;"+pass), "h", "o-1"},
		{"a redirect", open + server(`server_name ~^www\.(.+)$; return 301 https://$1$request_uri;`), "h", "o-1"},
		{"its own guard", "http { allow 10.0.0.1; allow 192.0.2.1; deny all; " + open + server("server_name ~^adm;"+pass) + "}", "h", "o-1"},
		{"its own names", server("server_name ~^adm; location / { proxy_pass http://a:1; } location /y/ { deny all; proxy_pass http://a:1; }") + open, "h", "a-1"},
		{"a server that listens elsewhere", open + "server { listen 81; server_name ~^adm; deny all;" + pass + "}", "h", "o-1"},
		{"a name that nginx asks before", open + server("server_name ~^adm; deny all;"+pass) + server("server_name b; location / { proxy_pass http://b:1; }"), "b", "b-1"},
		{"names that nginx asks before", open + server("server_name ~^adm; deny all;"+pass) + server("server_name *.b; location / { proxy_pass http://b:1; }"), "*.b", "b-1"},
		{"a variable below other names", open + server("server_name $hostname; deny all;"+pass) + server("server_name *.b; location / { proxy_pass http://b:1; }"), "*.b", "refused"},
		{"no host below other names", open + server("server_name a@b.c; deny all;"+pass) + server("server_name *.c; location / { proxy_pass http://b:1; }"), "*.c", "refused"},
		{"no host directly below other names", open + server("server_name a@b.c; deny all;"+pass) + server("server_name *.b.c; location / { proxy_pass http://b:1; }"), "*.b.c", "b-1"},
	} {
		got := imported(t, tc.text)
		if is := lets(t, got.Text, tc.host, "/"); is != tc.want {
			t.Errorf("%s: got %s, want %s\n%s", tc.name, is, tc.want, got.Text)
		}
	}
	got := imported(t, open+server("server_name ~^adm; deny all;"+pass))
	if want := "CLOSED: nginx keeps people away from hosts of server_name ~^adm (n:1), and those come to this route; "; !strings.Contains(got.Text, want) || got.Lost != 3 {
		t.Errorf("got %d lost, want 3, and %s in\n%s", got.Lost, want, got.Text)
	}
}

// A file of users is carried over if usher can read all of it.
func TestUsers(t *testing.T) {
	const hash = "$2y$05$abcdefghijklmnopqrstuuG7k1b9NnQWm0xkq9b8X5yQ0mYl8vM2e"
	for text, want := range map[string]string{
		"# x\na:" + hash + "\n\nb:" + hash + "\r\n": "login",
		"a:" + hash + "\nb:$apr1$x$y\n":             "refused",
		"a:" + hash + "\na:" + hash + "\n":          "refused",
		"a:{PLAIN}b\n":                              "refused",
		"":                                          "refused",
	} {
		source := from(map[string]string{"n": "server { auth_basic 'a b'; auth_basic_user_file users; location / { proxy_pass http://a:1; } }", "/etc/nginx/users": text})
		list, err := Read("n", source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Convert("n", source, list)
		if err != nil {
			t.Fatal(err)
		}
		if is := lets(t, got.Text, "h", "/"); is != want {
			t.Errorf("%q: got %s, want %s\n%s", text, is, want, got.Text)
		}
		if users := `auth: {basic: {users: /etc/nginx/users, realm: "a b"}}`; strings.Contains(got.Text, users) != (want == "login") {
			t.Errorf("%q: %s in\n%s", text, users, got.Text)
		}
	}
}

// What the paths of an expression begin with.
func TestBeginnings(t *testing.T) {
	for expression, want := range map[string][]string{
		`^/a/`:                 {"/a"},
		`^/a$`:                 {"/a"},
		`^/a`:                  {"/"},
		`^/a/?`:                {"/", "/a"},
		`^/a(/|$)`:             {"/a", "/a"},
		`^/a/(b|c/d)/[0-9]+$`:  {"/a/b", "/a/c/d"},
		`^/(?:admin|api)/x\.y`: {"/admin", "/api"},
		`/a/`:                  {"/"},
		`\^/a/`:                {"/"},
		`^/a/b$c`:              {"/a/b"},
		`^(?i)/a/`:             {"/"},
		`^/a/(?=b)`:            {"/"},
		`^`:                    {"/"},
		``:                     {"/"},
	} {
		got := beginnings(expression, false)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", expression, got, want)
		}
	}
	if got := beginnings("^/"+strings.Repeat("(a|bc)?", 50), false); !slices.Equal(got, []string{"/"}) {
		t.Errorf("many alternatives: got %v", got)
	}
	if got := beginnings("^/a/", true); !slices.Equal(got, []string{"/"}) {
		t.Errorf("of any case: got %v", got)
	}
}

// Numbers are numbers, whatever stands in quotes.
func TestInjected(t *testing.T) {
	got := imported(t, `upstream b { server a:1 "weight=1, url: http://evil" "max_conns=2}]"; } server { location / { proxy_pass http://b; } }`)
	if strings.Contains(strings.SplitN(got.Text, "upstreams:", 2)[1], "endpoints: [{") || !strings.Contains(got.Text, "  b:") || got.Lost != 1 {
		t.Errorf("got %d lost\n%s", got.Lost, got.Text)
	}
}
