package config

// Affinity is how an upstream recognises who belongs to one of its endpoints.
type Affinity string

// The ways to recognise them.
const (
	AffinityEngineIO Affinity = "engine_io" // by the session of Engine.IO or SockJS; nobody else
	AffinityCookie   Affinity = "cookie"    // by a cookie of usher's own
	AffinityIP       Affinity = "ip"        // by the client's address
	AffinityNone     Affinity = "none"      // nobody
)

func (l *loader) affinity(v value, u *Upstream) {
	choice(l, v, &u.Affinity, AffinityEngineIO, AffinityCookie, AffinityIP, AffinityNone)
}

// NeedsSecret tells whether what u knows its clients by is made with the secret.
func (u *Upstream) NeedsSecret() bool {
	if u.Affinity != AffinityEngineIO && u.Affinity != AffinityCookie {
		return false
	}
	return len(u.Endpoints) > 1
}
