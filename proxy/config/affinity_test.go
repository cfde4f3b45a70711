package config

import (
	"net/http"
	"strings"
	"testing"
)

func TestAffinity(t *testing.T) {
	c := mustParseFile(t, "affinity")
	for _, u := range c.Upstreams {
		site, kind, ok := strings.Cut(u.Name, "_")
		if !ok || kind != "cookie" {
			site, kind = "", u.Name
		}
		want(t, u.Name, u.Affinity, Affinity(kind))
		want(t, u.Name, u.SameSite, map[string]http.SameSite{"none": http.SameSiteNoneMode, "lax": http.SameSiteLaxMode}[site])
		want(t, u.Name, u.Secret, "a secret of 16 bytes, or more")
		want(t, u.Name+" needs the secret", u.NeedsSecret(), kind == "engine_io" || kind == "cookie")
	}
	want(t, "secret", c.AffinitySecret, "a secret of 16 bytes, or more")
	want(t, "warnings", len(c.Warnings), 1) // it is written out

	usual := mustParse(t, "upstreams: {main: http://a}\nroutes: [{upstream: main}]\n")
	want(t, "default", usual.Upstreams[0].Affinity, AffinityEngineIO)
	want(t, "one endpoint needs the secret", usual.Upstreams[0].NeedsSecret(), false)
}

// Browsers drop a cookie that is for TLS alone where usher is asked by http.
func TestSecureCookieWithoutTLS(t *testing.T) {
	const warning = "routes.yaml:1:13: upstream main: browsers drop its cookie, as same_site none is for https alone, and usher is asked by http: give a listener tls: true, or name what has TLS in front in trusted_proxies"
	for more, want := range map[string]string{
		"":                              warning,
		"listen: [':80', ':81']":        warning,
		"listen: [':80', unix:/a]":      "",
		"trusted_proxies: [10.0.0.0/8]": "",
		"listen: [':80', {address: ':443', tls: true}]\ntls: {internal: true}": "",
		"listen: {address: ':80', proxy_protocol: [10.0.0.0/8]}":               "",
	} {
		c := mustParse(t, "upstreams: {main: {endpoints: [http://a, http://b], affinity: {cookie: {same_site: none}}}}\nroutes: [{upstream: main}]\n"+more)
		if got := c.Warnings.Error(); len(c.Warnings) == 0 && want != "" || len(c.Warnings) > 0 && got != want {
			t.Errorf("%s: got %q, want %q", more, got, want)
		}
	}
	for _, site := range []string{"cookie", "{cookie: {same_site: lax}}", "{cookie: {same_site: strict}}"} {
		c := mustParse(t, "upstreams: {main: {endpoints: [http://a, http://b], affinity: "+site+"}}\nroutes: [{upstream: main}]\n")
		want(t, "warnings of "+site, len(c.Warnings), 0)
	}
}
