package config

import "time"

// defaultValues are what a key is worth that the file does not have.
type defaultValues struct {
	listen      string
	drain       Drain
	dialTimeout time.Duration
	balance     Balance
	limits      Limits
}

// defaults is the one place where they stand; schema.json repeats them for
// editors, and a test compares the two.
func defaults() defaultValues {
	return defaultValues{
		listen:      "127.0.0.1:8080",
		drain:       Drain{Deadline: time.Minute},
		dialTimeout: 5 * time.Second,
		balance:     RoundRobin,
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
		},
	}
}
