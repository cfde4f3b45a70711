package config

import "testing"

func TestAffinity(t *testing.T) {
	c := mustParseFile(t, "affinity")
	for _, u := range c.Upstreams {
		want(t, u.Name, u.Affinity, Affinity(u.Name))
		want(t, u.Name, u.Secret, "a secret of 16 bytes, or more")
		want(t, u.Name+" needs the secret", u.NeedsSecret(), u.Name == "engine_io" || u.Name == "cookie")
	}
	want(t, "secret", c.AffinitySecret, "a secret of 16 bytes, or more")
	want(t, "warnings", len(c.Warnings), 1) // it is written out

	usual := mustParse(t, "upstreams: {main: http://a}\nroutes: [{upstream: main}]\n")
	want(t, "default", usual.Upstreams[0].Affinity, AffinityEngineIO)
	want(t, "one endpoint needs the secret", usual.Upstreams[0].NeedsSecret(), false)
}
