package config

import "testing"

// TestDefault takes a default where a variable is not set or empty, as a shell does.
func TestDefault(t *testing.T) {
	c, err := Parse("routes.yaml", []byte(`listen: 127.0.0.1:${NOPORT:-8080}
admin: {address: "127.0.0.1:${PORT:-1}", token: "${NOTOKEN:-a-default-of-22-bytes..}"}
affinity_secret: "${FLEET:-never used}"
upstreams: {main: "http://127.0.0.1:${EMPTY:-3002}${NOTHING:-}"}
routes:
  - upstream: main
    headers: {set: {X-A: "${NO:-a:-b}", X-B: "$${A:-b}", Authorization: "${NO:-x}", X-Empty: "${NO:-}"}}
`), testEnv)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "listen", c.Listen[0].Address, "127.0.0.1:8080")
	want(t, "admin", c.Admin.Address, "127.0.0.1:3001")
	want(t, "token", c.Admin.Token, "a-default-of-22-bytes..")
	want(t, "endpoint", c.Upstreams[0].Endpoints[0].Address, "127.0.0.1:3002")
	want(t, "headers", c.Routes[0].Headers.Set, []Header{{"X-A", "a:-b"}, {"X-B", "${A:-b}"}, {"Authorization", "x"}, {"X-Empty", ""}})
	// A secret that is a default can be read in the file.
	want(t, "warnings", c.Warnings.Error(), `routes.yaml:2:49: token is written out in a file that everybody may read: use ${NAME}, or take the permission away
routes.yaml:7:73: header Authorization is written out in a file that everybody may read: use ${NAME}, or take the permission away`)
}
