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
