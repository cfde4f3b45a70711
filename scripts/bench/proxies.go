//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// transport is how clients reach a proxy. Proxies reach the upstream over
// plain TCP.
type transport string

const (
	overTCP transport = "plain"
	overTLS transport = "TLS"
)

// proxy is one of the things to measure.
type proxy struct {
	name    string
	version string
	env     []string
	files   func(p place) map[string]string // configuration, by file name
	argv    func(p place) []string
	watch   watcher // nil for none
	direct  bool    // no proxy at all
	noTLS   bool
	noPages bool    // it forwards WebSocket alone
	signer  *signer // whose tokens it wants, nil for none
	asks    bool    // a service, about each client
}

// place is where a proxy is to run, and with what.
type place struct {
	dir              string   // its own folder
	listen, upstream string   // addresses
	service          string   // likewise, "" for none
	nodes            []string // of the Socket.IO servers, if the scenario has any
	secure           bool
	cert, key, both  string // PEM files
}

// fill replaces {words} of a configuration. Lines that begin with "tls:" or
// "plain:" are for that transport only.
func (p place) fill(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "tls:"); ok {
			if p.secure {
				out.WriteString(rest)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "plain:"); ok {
			if !p.secure {
				out.WriteString(rest)
			}
			continue
		}
		out.WriteString(line)
	}
	port := p.listen[strings.LastIndexByte(p.listen, ':')+1:]
	return strings.NewReplacer("{dir}", p.dir, "{listen}", p.listen, "{port}", port, "{upstream}", p.upstream, "{service}", p.service,
		"{cert}", p.cert, "{key}", p.key, "{both}", p.both).Replace(out.String())
}

// start writes the configuration and starts the proxy.
func (x *proxy) start(p place) (*process, error) {
	if x.files != nil {
		for name, text := range x.files(p) {
			if err := os.WriteFile(filepath.Join(p.dir, name), []byte(p.fill(text)), 0o600); err != nil {
				return nil, err
			}
		}
	}
	argv := x.argv(p)
	for i := range argv {
		argv[i] = p.fill(argv[i])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir)
	cmd.Env = append(cmd.Env, x.env...)
	return start(x.name, p.dir, cmd)
}

// file is a proxy's only configuration file.
func file(name, text string) func(place) map[string]string {
	return func(place) map[string]string { return map[string]string{name: text} }
}

func command(argv ...string) func(place) []string {
	return func(place) []string { return append([]string(nil), argv...) }
}

var (
	defaultProxies = []string{"usher", "nginx", "nginx16k", "haproxy", "caddy", "websocketproxy"}
	extraProxies   = []string{"haproxy-splice", "haproxy-3", "direct", watchedUsher, tappedUsher, edgeUsher, edgeNginx, edgeCaddy, es256Usher, rs256Usher, askingUsher}
)

// The configurations: no logs, all processors, sockets enough for 9,000
// sessions, no time limit that a trial could meet, and TLS 1.3 with the same
// cipher and group (the client offers one group only). Where usher's defaults
// do more than the others can (checking frames), it stays on.

const usherRoutes = `
plain:listen: {listen}
tls:listen: {address: "{listen}", tls: true}
tls:tls: {certificates: [{cert: "{cert}", key: "{key}"}]}
upstreams:
  bench: http://{upstream}
routes:
  - path: /
    upstream: bench
`

const usherNamespaces = `
  n0: http://{node0}
  n1: http://{node1}
  n2: http://{node2}
routes:
  - path: /socket.io
    namespaces: {/: n0, /a: n1, /b: n2}
    socketio: {ping_interval: 10m, ping_timeout: 10m}
`

// usherFiles is usher's routes file, with namespaces if the scenario has any.
func usherFiles(p place) map[string]string {
	text := usherRoutes
	if len(p.nodes) > 0 {
		text = strings.Replace(text, "\nroutes:\n", usherNamespaces, 1)
		for i, address := range p.nodes {
			text = strings.ReplaceAll(text, fmt.Sprintf("{node%d}", i), address)
		}
	}
	return map[string]string{"routes.yaml": text}
}

const nginxConf = `
user root;
daemon off;
worker_processes auto;
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  keepalive_requests 1000000000;
  upstream bench { server {upstream}; keepalive 64; keepalive_requests 1000000000; }
  map $http_upgrade $connection_of_upgrade { default upgrade; "" ""; }
  server {
plain:    listen {listen} backlog=4096;
tls:    listen {listen} ssl backlog=4096;
tls:    ssl_certificate {cert};
tls:    ssl_certificate_key {key};
tls:    ssl_protocols TLSv1.3;
tls:    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    location / {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_of_upgrade;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      {buffers}
    }
  }
}
`

const nginxBuffers = "proxy_buffer_size 16k; proxy_buffers 8 16k;"

const haproxyCfg = `
global
  maxconn 9900
  {global}
tls:  ssl-default-bind-options ssl-min-ver TLSv1.3
tls:  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  {options}
frontend clients
plain:  bind {listen} backlog 4096
tls:  bind {listen} backlog 4096 ssl crt {both}
  maxconn 9900
  default_backend bench
backend bench
{servers}`

const caddyfile = `
{
	admin off
	auto_https off
	persist_config off
	default_sni bench.test
}
plain:http://:{port} {
tls:https://:{port} {
	bind 127.0.0.1
tls:	tls {cert} {key} {
tls:		protocols tls1.3
tls:	}
	reverse_proxy {upstream}
}
`

// newUsher is one named usher binary.
func newUsher(u usherBinary, version string) *proxy {
	return &proxy{name: u.name, version: version, env: u.env,
		files: usherFiles, argv: command(u.path, "--routes", "{dir}/routes.yaml", "run")}
}

func newNginx(name, path, version, buffers string) *proxy {
	return &proxy{name: name, version: version,
		files: file("nginx.conf", strings.ReplaceAll(nginxConf, "{buffers}", buffers)),
		argv:  command(path, "-p", "{dir}", "-c", "{dir}/nginx.conf", "-e", "stderr")}
}

// haproxyServers is where HAProxy sends everything, or, as "haproxy-3", where it
// sends the sessions of Socket.IO in turn.
func haproxyServers(name string, p place) string {
	servers := []string{p.upstream}
	if name == "haproxy-3" && len(p.nodes) > 0 {
		servers = p.nodes
	}
	var out strings.Builder
	for i, address := range servers {
		fmt.Fprintf(&out, "  server bench%d %s\n", i, address)
	}
	return out.String()
}

func newHAProxy(name, path, version string) *proxy {
	global, options := "", ""
	if name == "haproxy-splice" {
		global, options = "maxpipes 80", "option splice-auto" // more pipes would pass the limit of files
	}
	return &proxy{name: name, version: version,
		files: func(p place) map[string]string {
			return map[string]string{"haproxy.cfg": strings.NewReplacer("{global}", global, "{options}", options, "{servers}", haproxyServers(name, p)).Replace(haproxyCfg)}
		},
		argv: command(path, "-db", "-f", "{dir}/haproxy.cfg")}
}

func newCaddy(path, version string) *proxy {
	return &proxy{name: "caddy", version: version,
		files: file("Caddyfile", caddyfile), argv: command(path, "run", "--adapter", "caddyfile", "--config", "{dir}/Caddyfile")}
}

func newWebsocketproxy() (*proxy, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &proxy{name: "websocketproxy", version: moduleVersion("github.com/koding/websocketproxy"), noPages: true,
		argv: func(p place) []string {
			argv := []string{self, verbWebsocketproxy, "-listen", "{listen}", "-upstream", "{upstream}"}
			if p.secure {
				argv = append(argv, "-cert", "{cert}", "-key", "{key}")
			}
			return argv
		}}, nil
}

// newDirect is the upstream without a proxy: it shows what the load side can do.
func newDirect() *proxy {
	return &proxy{name: "direct", version: "the upstream alone, with its own CPU", direct: true, noTLS: true}
}

func unknownProxy(name string) error {
	return fmt.Errorf("unknown proxy %q: have %s", name, strings.Join(append(defaultProxies, extraProxies...), ", "))
}
