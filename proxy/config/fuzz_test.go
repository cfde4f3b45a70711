package config

import (
	"os"
	"slices"
	"testing"
)

// FuzzParse: whatever the text, Parse returns a Config that keeps the package's
// word, or Errors at places that exist.
func FuzzParse(f *testing.F) {
	for _, file := range slices.Concat(corpus(f, "bad", 1), corpus(f, "good", 1)) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 2000 { // mutations of a large seed find little
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("routes.yaml", text, testEnv)
		if err != nil {
			wantInside(t, err, string(text))
			return
		}
		wantSound(t, c)
	})
}

// wantSound checks some of what others rely on.
func wantSound(t *testing.T, c *Config) {
	t.Helper()
	needs := func(r *Route) bool { return r.Answer() == "" }
	if len(c.Listen) == 0 || len(c.Upstreams) == 0 && slices.ContainsFunc(c.Routes, needs) || len(c.Routes) == 0 {
		t.Errorf("got %+v", c)
	}
	for _, u := range c.Upstreams {
		if len(u.Endpoints) == 0 || u.DialTimeout <= 0 {
			t.Errorf("got upstream %+v", u)
		}
	}
	type request struct {
		claim
		upgrade bool
	}
	taken := make(map[request]bool)
	for _, r := range c.Routes {
		for _, upgrade := range []bool{false, true} {
			k := request{claim{r.Host, r.Path, r.Exact}, upgrade}
			if r.Upgrade.Takes(upgrade) && taken[k] {
				t.Errorf("%+v is claimed twice", k)
			}
			taken[k] = taken[k] || r.Upgrade.Takes(upgrade)
		}
		if normal, err := NormalPath(r.Path); err != nil || normal != r.Path || trimSlash(normal) != normal || !isLoose(normal) {
			t.Errorf("got path %q, want %q, %v", r.Path, normal, err)
		}
		l := r.Limits
		if (r.Upstream == nil) != (r.Answer() != "") || l.MaxMessage < 1 || l.MaxFragments < 1 || l.PingInterval > 0 && l.PingTimeout > l.PingInterval {
			t.Errorf("got route %+v", r)
		}
	}
}
