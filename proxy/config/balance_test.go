package config

import "testing"

func TestBalance(t *testing.T) {
	c := mustParseFile(t, "balance")
	got := make(map[string]*Upstream)
	for _, u := range c.Upstreams {
		got[u.Name] = u
	}
	for i, w := range []Endpoint{
		{Position{3, 17}, HTTP, "a:80", 1, 0}, {Position{3, 33}, HTTP, "b:80", 3, 0}, {Position{3, 61}, HTTP, "c:80", 1, 1000},
	} {
		want(t, "endpoint", got["weights"].Endpoints[i], w)
	}
	want(t, "balance", got["weights"].Balance, Random2)
	want(t, "endpoint of a list", got["list"].Endpoints[1].Weight, 2)
	want(t, "one endpoint", got["one"].Endpoints[0].MaxSessions, 5)
	for name, h := range map[string]Hash{
		"header": {By: HashHeader, Name: "X-User"}, "cookie": {By: HashCookie, Name: "id"}, "query": {By: HashQuery, Name: "user id"}, "ip": {By: HashIP},
		"path": {By: HashPath, Name: "2", Segments: 2},
	} {
		want(t, name, got[name].Balance, ByHash)
		want(t, name, got[name].Hash, h)
	}
	group := got["group"].Hash
	want(t, "group", group.Name, "~^/app/(?<key>[^/]+)")
	want(t, "group", group.Regexp.String(), "^/app/(?<key>[^/]+)")
}
