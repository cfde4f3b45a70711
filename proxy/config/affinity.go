package config

// Affinity is how an upstream recognises who belongs to one of its endpoints.
type Affinity string

// The ways to recognise them.
const (
	AffinityEngineIO Affinity = "engine_io" // by the sid of an Engine.IO session; nobody else
	AffinityCookie   Affinity = "cookie"    // by a cookie of usher's own
	AffinityIP       Affinity = "ip"        // by the client's address
	AffinityNone     Affinity = "none"      // nobody
)

// leastSecret is how many bytes the secret has at least: what is shorter can be
// found by trying.
const leastSecret = 16

func (l *loader) affinity(v value, u *Upstream) {
	choice(l, v, &u.Affinity, AffinityEngineIO, AffinityCookie, AffinityIP, AffinityNone)
}

// affinitySecret checks what is never shown.
func (l *loader) affinitySecret(v value) string {
	w, ok := l.text(v)
	switch {
	case !ok:
		return ""
	case len(w.text) < leastSecret:
		l.errorf(w.Position, "affinity_secret must have %d bytes at least: it could be found by trying", leastSecret)
	case !w.secret:
		l.warnf(w.Position, "affinity_secret is written out in a file that everybody may read: use ${NAME}, or take the permission away")
	}
	return w.text
}

// NeedsSecret tells whether what u knows its clients by is made with the secret.
func (u *Upstream) NeedsSecret() bool {
	if u.Affinity != AffinityEngineIO && u.Affinity != AffinityCookie {
		return false
	}
	return len(u.Endpoints) > 1
}
