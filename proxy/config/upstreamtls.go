package config

import "slices"

var upstreamTLSKeys = []string{"ca", "server_name", "cert", "key", "insecure_skip_verify"}

// upstreamTLS reads the keys of an upstream that are about https endpoints.
func (l *loader) upstreamTLS(o object, u *Upstream) {
	t := &u.TLS
	https := slices.ContainsFunc(u.Endpoints, func(e Endpoint) bool { return e.Scheme == HTTPS })
	for _, key := range upstreamTLSKeys {
		if v := o.field(key); v.given() && !https && len(u.Endpoints) > 0 {
			l.errorf(v.Position, "%s is never used: no endpoint of %s is https", key, o.name)
		}
	}
	for key, into := range map[string]*string{"ca": &t.CA, "server_name": &t.ServerName, "cert": &t.Cert, "key": &t.Key} {
		if w, ok := l.text(o.field(key)); ok {
			*into = w.text
		}
	}
	t.CAAt, t.CertAt, t.KeyAt = o.field("ca").Position, o.field("cert").Position, o.field("key").Position
	if name := o.field("server_name"); t.ServerName != "" && !isHost(t.ServerName) {
		l.errorf(name.Position, "server_name must be a name such as \"main.internal\"")
	}
	for key, other := range map[string]string{"cert": "key", "key": "cert"} {
		if v := o.field(key); v.given() && !o.field(other).given() {
			l.errorf(v.Position, "%s needs %s beside it", key, other)
		}
	}
	skip := o.field("insecure_skip_verify")
	l.bool(skip, &t.InsecureSkipVerify)
	if !t.InsecureSkipVerify {
		return
	}
	if t.CA != "" {
		l.errorf(o.field("ca").Position, "ca is never used with insecure_skip_verify: true")
	}
	l.advise(skip.Position, "the certificates of %s are not verified: whoever answers at its addresses is believed", o.name)
}
