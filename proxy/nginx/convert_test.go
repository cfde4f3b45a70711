package nginx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the configurations of testdata.
func seeds(t testing.TB) (texts []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 20 {
		t.Fatalf("got %d files, %v, want 20 at least", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// imported is what becomes of a configuration.
func imported(t *testing.T, text string) *Result {
	t.Helper()
	list, err := Read("n", from(map[string]string{"n": text}))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, err := Convert("n", from(nil), list)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return got
}

// What stands in a configuration, and what must stand in the routes file for it.
func TestConvert(t *testing.T) {
	const pass = "proxy_pass http://a:1; proxy_set_header Host $host;"
	at := func(where, inside string) string {
		return "server { listen 80; location " + where + " {" + inside + "} }"
	}
	for _, tc := range []struct {
		text string
		lost int
		want []string
	}{
		// paths
		{at("/x/", "proxy_pass http://a:1/; proxy_set_header Host $host;"), 0, []string{"path: /x\n    upstream: a-1\n    strip_prefix: /x\n"}},
		{at("/x", "proxy_pass http://a:1/; proxy_set_header Host $host;"), 0, []string{"strip_prefix: /x\n    slash: false\n", "differs: proxy_pass http://a:1/ (n:1)"}},
		{at("/x/", "proxy_pass http://a:1/y/; proxy_set_header Host $host;"), 0, []string{"path: /x\n    upstream: a-1\n    replace_prefix: /y\n"}},
		{at("/x/", "proxy_pass http://a:1/x/;"), 0, []string{"path: /x\n    upstream: a-1\n    headers"}},
		{at("/x/", "rewrite ^/x/(.*)$ /$1 break;"+pass), 0, []string{"strip_prefix: /x\n"}},
		{at("/x", "rewrite ^/x/?(.*) /v1/$1 break;"+pass), 0, []string{"replace_prefix: /v1\n"}},
		{at("/x/y/", "rewrite ^/x/(.*) /v1/$1 break;"+pass), 0, []string{"strip_prefix: /x\n    replace_prefix: /v1\n"}},
		{at("/", "proxy_pass http://a:1$request_uri;"), 0, []string{"path: /\n    upstream: a-1\n    headers: {set: {Host: \"a:1\"}}"}},
		{"server { set $b http://a:1; location / { proxy_pass $b; } }", 0, []string{"upstream: a-1\n"}},
		{at("/", "proxy_pass http://$b;"), 1, []string{"respond: {status: 501"}},
		{at("= /x", pass), 0, []string{"path: /x\n    exact: true\n"}},
		{at("^~ /x", pass), 0, []string{"path: /x\n    upstream"}},
		{at(`~ \.php$`, "fastcgi_pass x:1;"), 1, []string{"# not carried over: location ~ \\.php$ (n:1)"}},
		{at(`~ ^/a/b/`, "auth_basic x;"+pass), 1, []string{"path: /a/b\n    respond: {status: 403}"}},
		{at(`~ /\.`, "deny all;"), 1, []string{"each route is closed that they could come to"}},
		{at("@a", pass), 1, nil},
		{"server { location / { try_files $uri @a; } location @a {" + pass + "} }", 0, []string{"path: /\n    upstream: a-1\n"}},
		{at("/", "root /x;"), 1, []string{"path: /\n    respond: {status: 404}"}},
		{at("= /x", "internal;"+pass), 1, []string{"respond: {status: 404}"}},

		// headers
		{at("/", "proxy_pass http://a:1; proxy_set_header X-A b; proxy_set_header Accept-Encoding ''; proxy_set_header X-B $request_length;"), 1,
			[]string{"headers: {set: {X-A: b, Host: \"a:1\"}, remove: [Accept-Encoding, X-B]}", "not carried over: proxy_set_header X-B ..."}},
		{at("/", pass+"add_header A b always; add_header B $host; proxy_hide_header X-P;"), 1, []string{"response_headers: {add: {A: b}, remove: [X-P]}"}},
		{at("/", pass+"proxy_hide_header A; add_header A b;"), 0, []string{"response_headers: {set: {A: b}}"}},
		{at("/", pass+"add_header Access-Control-Allow-Origin https://b.test;"), 0, []string{"origins: https://b.test\n"}},

		{at("/", "proxy_pass http://a:1; proxy_set_header Host $x;"), 1, []string{"headers: {set: {Host: \"a:1\"}}"}},
		{at("/", pass+"proxy_set_header X-User $remote_user;"), 1, []string{"headers: {remove: [X-User]}"}},
		{at("/", pass+"proxy_pass_request_body off; proxy_ignore_headers X-Accel-Redirect; proxy_hide_header Connection;"), 3, []string{"proxy_hide_header Connection (n:1)"}},

		// who may come
		{at("/x/", pass+"allow 10.1.2.3/8; deny all;"), 0, []string{"allow: 10.0.0.0/8\n"}},
		{at("/x/", pass+"deny 10.0.0.1; allow 10.0.0.0/8; deny all;"), 0, []string{"allow: 10.0.0.0/8\n    deny: 10.0.0.1\n"}},
		{at("/x/", pass+"allow 10.0.0.1; deny 10.0.0.0/8;"), 1, []string{"deny: 10.0.0.0/8\n"}},
		{at("/x/", pass+"allow 10.0.0.0/8; deny 10.0.0.1; deny all;"), 0, []string{"allow: 10.0.0.0/8\n  # nginx"}},
		{at("/x/", pass+"deny 10.0.0.1; allow all;"), 0, []string{"deny: 10.0.0.1\n"}},
		{at("/x/", pass+"deny all;"), 0, []string{closed}},
		{at("/x/", pass+"deny $x; allow all;"), 1, []string{closed}},
		{at("/x/", pass+"auth_basic x; auth_basic_user_file y;"), 1, []string{"in place of its deny give it auth", closed}},
		{at("/x/", pass+"auth_request /y;"), 1, []string{closed}},
		{at("/x", pass+"auth_request /y;"), 1, []string{closed}},
		{"server { listen 80; location /x { allow 10.0.0.1; deny all;" + pass + "} location / {" + pass + "} }", 1, []string{"# not carried over, so that it is CLOSED: nginx keeps people away from all paths that begin with /x"}},
		{at("/x/", pass+"auth_basic x; satisfy any; allow 10.0.0.0/8; deny all;"), 1, []string{"allow: 10.0.0.0/8\n"}},
		{at("/x/", pass+"auth_basic x; satisfy any; allow 10.0.0.0/8;"), 1, []string{closed}},
		{"server { auth_basic x; location / { auth_basic off;" + pass + "} }", 0, []string{"upstream: a-1\n"}},
		{at("/", `if ($http_x_key != "s3cret") { return 403; }`+pass), 1, []string{closed}},
		{"server { if ($cookie_a !~ b) { return 401; } location / { return 200 x; } }", 1, []string{"respond: {status: 403}"}},
		{"server { ssl_verify_client on; ssl_client_certificate c.pem; listen 443 ssl; location / {" + pass + "} }", 0, []string{`{address: "0.0.0.0:443", tls: true, client_ca: /etc/nginx/c.pem}`}},
		{"server { listen 80; server_name a; location / {" + pass + "} } server { listen 127.0.0.1:81; server_name b; location / {" + pass + "} }", 1,
			[]string{"server (n:1): it is left out: it listens elsewhere", "  - path: /\n"}},

		{"geo $no { default 0; 10.0.0.1 1; } server { if ($no) { return 403; } location / {" + pass + "} }", 2, []string{closed}},
		{"geo $yes { default 0; 10.0.0.1 1; } server { if ($yes = 0) { return 403; } location / {" + pass + "} }", 2, []string{closed}},
		{at("/x/", pass+"limit_except GET { deny all; }"), 1, []string{closed}},
		{at("/x/", pass+"access_by_lua_block { if x then ngx.exit(403) end }"), 1, []string{closed}},
		{"server { set_real_ip_from 10.0.0.0/8; real_ip_header X-Real-IP; location / {" + pass + "} }", 1, []string{"from another header than X-Forwarded-For"}},
		{"server { set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; location / {" + pass + "} }", 0, []string{"trusted_proxies: [10.0.0.0/8]\n"}},
		{"server { listen 80; server_name a; if ($host = a) { return 301 http://b$request_uri; } location / {" + pass + "} } server { listen 80 default_server; return 404; }", 1,
			[]string{"host: a\n    path: /\n    redirect"}},

		// answers
		{at("/", "return 301 https://b.test$request_uri;"), 0, []string{"redirect: \"https://b.test{uri}\"\n    code: 301"}},
		{at("/x", "return 404;"), 0, []string{"path: /x\n    respond: {status: 404}"}},
		{at("/x", "default_type application/json; return 200 '{}';"), 0, []string{`respond: {status: 200, body: "{}", headers: {Content-Type: application/json}}`}},
		{at("/", "return 444;"), 0, []string{"respond: {status: 403}"}},
		{at("/", "return 200 $remote_addr;"), 1, []string{"status: 501"}},
		{"server { server_name www.b.test; return 301 $scheme://b.test$request_uri; }", 0, []string{"redirect: \"{scheme}://b.test{uri}\""}},
		{"server { server_name www.b.test; rewrite ^/(.*)$ http://b.test/$1 permanent; }", 0, []string{"redirect: \"http://b.test{uri}\"\n    code: 301"}},
		{"server { server_name b.test www.b.test; if ($host = www.b.test) { return 301 http://b.test$request_uri; } location / {" + pass + "} }", 0,
			[]string{"host: www.b.test\n    path: /\n    redirect"}},

		{"server { server_name b.test; location / { return 301 https://$host$request_uri; } }", 0, []string{"redirect: \"https://{host}{uri}\""}},

		// limits
		{"http { client_max_body_size 5m; server { location /x/ { client_max_body_size 0;" + pass + "} } }", 0, []string{"\nmax_body: 5MiB\n", "    max_body: 0\n"}},
		{at("/", pass+"proxy_read_timeout 86400s; proxy_connect_timeout 3;"), 0, []string{"response_timeout: 24h\n", "dial_timeout: 3s\n"}},
		{"limit_req_zone $binary_remote_addr zone=a:1m rate=20r/s; limit_conn_zone $remote_addr zone=b:1m; " + at("/", pass+"limit_req zone=a burst=5 nodelay; limit_conn b 7;"), 0,
			[]string{"limits: {requests_per_address: {rate: 20, burst: 6}, sessions_per_address: 7}"}},
		{"limit_req_zone $http_x zone=a:1m rate=20r/s; " + at("/", pass+"limit_req zone=a;"), 1, nil},

		// upstreams
		{"upstream b { least_conn; server a:1 weight=3; server a; server c:2 down; keepalive 8; } " + at("/", "proxy_pass http://b;"), 0,
			[]string{"  b:\n    endpoints: [{url: http://a:1, weight: 3}, http://a]\n    balance: least_sessions\n", "headers: {set: {Host: b}}"}},
		{"upstream b { hash $cookie_u consistent; server a:1; server a:2 backup; } " + at("/", "proxy_pass http://b;"), 1, []string{"endpoints: http://a:1\n    balance: {hash: {cookie: u}}"}},
		{"upstream b { sticky cookie s expires=1h samesite=none; server a:1; server a:2; } " + at("/", "proxy_pass http://b;"), 0, []string{"affinity: {cookie: {same_site: none}}"}},
		{"upstream b { hash $request_id; server a:1 max_fails=3; } " + at("/", "proxy_pass http://b;"), 2, []string{"  b: http://a:1\n"}},
		{at("/", "proxy_pass http://unix:/run/a.sock:/y/;"), 0, []string{"run-a.sock: unix:/run/a.sock\n", "replace_prefix: /y\n    headers: {set: {Host: localhost}}"}},
		{at("/", "proxy_pass https://a.test; proxy_ssl_verify off;"), 0, []string{"insecure_skip_verify: true"}},
		{"server { listen 80; location / { proxy_pass http://127.0.0.1:81; } } server { listen 127.0.0.1:81; server_name b; location / {" + pass + "} }", 1, []string{"run another usher for it"}},
		{"upstream b { server 127.0.0.1:1; } " + at("/", "return 204;"), 1, []string{"max_body: 1MiB\n\nroutes:\n"}},

		// servers
		{"server { listen 80; listen [::]:80; location / {" + pass + "} }", 0, []string{`  - ":80"` + "\n"}},
		{"server { listen 8080 default_server proxy_protocol; set_real_ip_from 10.0.0.1; location / {" + pass + "} }", 1, []string{`{address: "0.0.0.0:8080", proxy_protocol: [10.0.0.1]}`}},
		{"server { server_name a .b.test; location / {" + pass + "} } server { listen 80 default_server; return 404; }", 0, []string{`host: [a, b.test, "*.b.test"]`}},
		{"server { server_name ~^x; location / {" + pass + "} }", 1, []string{"  - path: /\n"}},
		{"server { listen 1; location / {" + pass + "} } server { listen 2; location / {" + pass + "} }", 1, nil},
		{"server { server_name a; location /x {" + pass + "} location /x/ {" + pass + "} }", 1, nil},
		{"server { listen 80; listen 443 ssl; ssl_certificate c; ssl_certificate_key k; if ($scheme = http) { return 301 https://$host$request_uri; } location / {" + pass + "} }", 0,
			[]string{`{address: "0.0.0.0:80", redirect: true}`, "{cert: /etc/nginx/c, key: /etc/nginx/k}"}},
		{"worker_processes 1; server { tcp_nodelay on; proxy_buffering off; frobnicate 1; return 204; }", 1, []string{"worker_processes, tcp_nodelay, proxy_buffering", "frobnicate 1"}},
	} {
		got := imported(t, tc.text)
		if got.Lost != tc.lost {
			t.Errorf("%s: %d not carried over, want %d\n%s", tc.text, got.Lost, tc.lost, got.Text)
		}
		for _, want := range tc.want {
			if !strings.Contains(got.Text, want) {
				t.Errorf("%s: no %q in\n%s", tc.text, want, got.Text)
			}
		}
	}
}

// A configuration without a server is no mistake of usher's, and said.
func TestNothingToServe(t *testing.T) {
	list, err := Read("n", from(map[string]string{"n": "stream { server { listen 1; } }"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Convert("n", from(nil), list); err == nil || err.Error() != "n has no server that speaks HTTP" {
		t.Errorf("got %v", err)
	}
}

// The largest configuration that Read takes is converted in a time that people wait.
func TestLargeConversion(t *testing.T) {
	list, err := Read("n", from(map[string]string{"n": "server {" + strings.Repeat("a_directive_that_nobody_knows y;\n", maxWords/3) + strings.Repeat("location /a { x; }", 100) + "}"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Convert("n", from(nil), list); err == nil || !strings.Contains(err.Error(), "larger than the 1 MiB") {
		t.Errorf("got %v", err)
	}
}
