//go:build linux

package main

import "strings"

// The proxies with what an edge has on: an access log to a file, limits that
// nobody meets, and metrics where there are some.
const (
	edgeUsher = "usher+edge"
	edgeNginx = "nginx+edge"
	edgeCaddy = "caddy+edge"
)

// edged makes x one that has them. Each pair of words and what takes their place
// is of its configuration.
func edged(x *proxy, name string, change ...string) *proxy {
	x.name = name
	files := x.files
	x.files = func(p place) map[string]string {
		all := files(p)
		for file, text := range all {
			all[file] = strings.NewReplacer(change...).Replace(text)
		}
		return all
	}
	return x
}

func edgedUsher(x *proxy, name string) *proxy {
	return edged(x, name, "\nupstreams:\n", `
admin: unix:{dir}/`+adminSocket+`
log: {access: {to: "{dir}/access.log", format: combined}}
limits: {connections_per_address: 20000, requests_per_address: {rate: 1000000, burst: 1000000}, sessions_per_address: 20000}
upstreams:
`)
}

func edgedNginx(x *proxy) *proxy {
	return edged(x, edgeNginx, "access_log off;", `
  access_log {dir}/access.log combined;
  limit_req_zone $binary_remote_addr zone=requests:10m rate=1000000r/s;
  limit_conn_zone $binary_remote_addr zone=connections:10m;
  limit_req zone=requests burst=1000000 nodelay;
  limit_conn connections 20000;`)
}

// edgedCaddy has no limits: stock Caddy knows none.
func edgedCaddy(x *proxy) *proxy {
	return edged(x, edgeCaddy, "	persist_config off", `	persist_config off
	metrics`, "	bind 127.0.0.1", `	bind 127.0.0.1
	log {
		output file {dir}/access.log
	}`)
}
