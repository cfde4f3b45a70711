package config

import "time"

// defaultValues are what a key is worth that the file does not have.
type defaultValues struct {
	listen      string
	storage     string
	drain       Drain
	tracing     Tracing // but for where it goes
	dialTimeout time.Duration
	resolve     time.Duration
	hold        time.Duration
	balance     Balance
	affinity    Affinity
	secret      string // of affinity; none, unless the file has one
	check       Check  // but for what it does
	limits      Limits
	socketIO    SocketIO
	quota       Quota
	fleet       Fleet // but for what it has no default of
}

// defaults is the one place where they stand; schema.json repeats them for
// editors, and a test compares the two.
func defaults() defaultValues {
	return defaultValues{
		listen:      "127.0.0.1:8080",
		storage:     "certs",
		drain:       Drain{Over: 30 * time.Second, Deadline: time.Minute, Code: serviceRestart},
		tracing:     Tracing{Sample: 1, Service: "usher"},
		dialTimeout: 5 * time.Second,
		resolve:     30 * time.Second,
		hold:        5 * time.Second,
		balance:     RoundRobin,
		affinity:    AffinityEngineIO,
		check:       Check{Every: 5 * time.Second, Timeout: 2 * time.Second, Healthy: 2, Unhealthy: 3},
		limits: Limits{
			MaxMessage:       100 << 20,
			MaxFragments:     10000,
			MessageTimeout:   5 * time.Minute,
			MaxRate:          Rate{}, // none
			IdleTimeout:      0,      // never
			HandshakeTimeout: 10 * time.Second,
			WriteTimeout:     30 * time.Second,
			PingInterval:     45 * time.Second,
			PingTimeout:      20 * time.Second, // or ping_interval, if that is shorter
			BodyTimeout:      30 * time.Second,
			ResponseTimeout:  time.Minute,
		},
		quota: Quota{Connections: 10000},
		fleet: Fleet{Name: "edge"},
		socketIO: SocketIO{
			PingInterval:   25 * time.Second,
			PingTimeout:    20 * time.Second,
			MaxPayload:     1000000, // as the reference server's
			EIO3:           true,
			ConnectTimeout: 45 * time.Second,
			ConnectHold:    0, // no limit
			MaxNamespaces:  64, MaxLegs: 16, MaxConnects: 20, MaxAttachments: 1000,
			MaxSessions: 100000, MaxSessionsPerAddress: 10000,
		},
	}
}

// listeners are those of a file without listen: for pages on this machine, or,
// if there are domains, the ports where browsers look for them.
func (d defaultValues) listeners(t TLS) []Listener {
	at := Position{1, 1}
	if len(t.Domains) == 0 && t.Ask == "" {
		return []Listener{{Position: at, Address: d.listen}}
	}
	return []Listener{{Position: at, Address: ":80", Redirect: true}, {Position: at, Address: ":443", TLS: true}}
}
