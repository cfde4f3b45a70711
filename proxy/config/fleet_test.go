package config

import (
	"strings"
	"testing"
)

func TestFleet(t *testing.T) {
	const secret = "hunter2 and more, 32 bytes at least"
	for file, want := range map[string]Fleet{
		"minimal": {},
		"fleet": {
			Name: "edge_2", Secrets: []string{secret, secret + " before"}, Node: Node{ID: "a1", Address: "10.0.0.11:7443"},
			Nodes: []string{"10.0.0.12:7443", "[fd00::13]:7443", "c1.internal:7443"},
			Redis: Redis{Kind: RedisServer, Addresses: []string{"10.0.0.5:6379"}, Username: "usher", Password: "hunter2", Database: 2, Secure: true},
		},
		"fleet_sentinel": {
			Name: "edge", Secrets: []string{secret},
			Redis: Redis{
				Kind: RedisSentinel, Addresses: []string{"10.0.0.5:26379", "10.0.0.6:26380", "[::1]:26379"}, Master: "main", SentinelPassword: "hunter2",
				Username: "usher", Password: "hunter2", Secure: true, TLS: UpstreamTLS{CA: "ca.pem", Cert: "cert.pem", Key: "key.pem"},
			},
		},
		"fleet_cluster": {
			Name: "edge", Secrets: []string{secret},
			Redis: Redis{Kind: RedisCluster, Addresses: []string{"10.0.0.5:7000", "redis-2.internal:6379"}},
		},
		"fleet_nodes": {Name: "edge", Secrets: []string{secret}, Nodes: []string{"10.0.0.12:7443"}},
	} {
		c := mustParseFile(t, file)
		if !c.Fleet.Same(want) {
			t.Errorf("%s: got %+v, want %+v", file, c.Fleet, want)
		}
		if len(c.Warnings) > 0 {
			t.Errorf("%s: got warnings %v, want none", file, c.Warnings)
		}
	}
}

// What has only moved within the file needs no restart.
func TestFleetSame(t *testing.T) {
	const rest = "upstreams: {main: http://a}\nroutes: [{upstream: main}]\n"
	fleet := func(head, secret string) Fleet {
		return mustParse(t, head+"fleet: {redis: {url: 'rediss://a', ca: ca.pem}, secret: "+secret+"}\n"+rest).Fleet
	}
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	if !fleet("", a).Same(fleet("watch: true\n", a)) {
		t.Error("a line further down: got another fleet")
	}
	if fleet("", a).Same(fleet("", b)) || fleet("", a).Same(Fleet{}) {
		t.Error("another secret, or none: got the same fleet")
	}
}

func TestFleetWarnings(t *testing.T) {
	const rest = "\nupstreams: {main: http://a}\nroutes: [{upstream: main}]\n"
	for redis, want := range map[string][]string{
		"'redis://10.0.0.5'":                      nil,
		"'redis://redis.internal'":                nil,
		"'rediss://:${SECRET}@203.0.113.5'":       nil,
		"'redis://:${SECRET}@203.0.113.5'":        {"without TLS"},
		"'redis://203.0.113.5'":                   {"without TLS", "takes everybody"},
		"'redis://:hunter2@10.0.0.5'":             {"is written out"},
		"{cluster: ['203.0.113.5'], tls: true}":   {"takes everybody"},
		"{cluster: ['10.0.0.5'], password: pass}": {"is written out"},
	} {
		c, err := Parse("routes.yaml", []byte(`fleet: {secret: "${FLEET}", redis: `+redis+" }"+rest), testEnv)
		if err != nil {
			t.Fatalf("%s: %v", redis, err)
		}
		if len(c.Warnings) != len(want) {
			t.Errorf("%s: got warnings %v, want %d", redis, c.Warnings, len(want))
			continue
		}
		for i, w := range c.Warnings {
			if !strings.Contains(w.Text, want[i]) || strings.Contains(w.Text, "hunter2") {
				t.Errorf("%s: got %q, want %q", redis, w.Text, want[i])
			}
		}
	}
}
