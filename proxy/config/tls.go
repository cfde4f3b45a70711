package config

var (
	tlsKeys         = []string{"certificates"}
	certificateKeys = []string{"cert", "key"}
)

func (l *loader) tls(v value) TLS {
	o, ok := l.object(v, "in tls", tlsKeys)
	if !ok {
		return TLS{}
	}
	var t TLS
	for _, item := range l.items(l.required(o, "certificates", "in tls"), "a certificate") {
		c, ok := l.object(item, "in a certificate", certificateKeys)
		if !ok {
			continue
		}
		cert, _ := l.text(l.required(c, "cert", "in this certificate"))
		key, _ := l.text(l.required(c, "key", "in this certificate"))
		t.Certificates = append(t.Certificates, Certificate{Position: item.used, Cert: cert.text, Key: key.text})
	}
	return t
}

// wantCertificates holds listeners and certificates together: a listener
// without certificates cannot start, and certificates that no listener uses
// mean that somebody believes to be safe who is not.
func (l *loader) wantCertificates(tls value, listeners []Listener) {
	used := false
	for _, one := range listeners {
		used = used || one.TLS
		if one.TLS && !tls.given() {
			l.errorf(one.Position, "this listener has tls: true, but the file has no tls.certificates")
		}
	}
	if tls.given() && !used {
		l.errorf(tls.Position, "tls is never used: no listener has tls: true")
	}
}
