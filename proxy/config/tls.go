package config

import (
	"net/netip"
	"strings"
)

var (
	tlsKeys         = []string{"certificates", "domains", "internal", "storage", "email", "ca", "ca_root", "staging", "external_account", "on_demand", "h2_websocket", "handover"}
	certificateKeys = []string{"cert", "key"}
)

// noSource is for a tls that says nothing of certificates.
const noSource = "tls has no source of certificates: it needs domains, certificates or internal: true"

// tls reads the key of that name. sourceless says that it has no certificates and
// needs none either, where no listener has TLS: handover is about upstreams, too.
func (l *loader) tls(v value, d defaultValues) (t TLS, sourceless bool) {
	t = TLS{Storage: d.storage, Handover: true}
	o, ok := l.object(v, "in tls", tlsKeys)
	if !ok {
		return t, false
	}
	l.bool(o.field("handover"), &t.Handover)
	l.bool(o.field("internal"), &t.Internal)
	l.bool(o.field("h2_websocket"), &t.H2WebSocket)
	if storage, ok := l.text(o.field("storage")); ok {
		t.Storage = storage.text
	}
	t.Certificates = l.certificates(o.field("certificates"))
	t.Domains = l.domains(o.field("domains"), t.Internal)
	t.Ask = l.onDemand(o.field("on_demand"), t.Internal)
	t.ACME = l.acme(o, t)
	if !o.field("certificates").given() && !o.field("domains").given() && !o.field("on_demand").given() && !t.Internal && len(o.meant) == 0 {
		if sourceless = o.field("handover").given() && len(o.fields) == 1; !sourceless {
			l.errorf(o.Position, noSource)
		}
	}
	return t, sourceless
}

func (l *loader) certificates(v value) []Certificate {
	var list []Certificate
	for _, item := range l.items(v, "a certificate") {
		c, ok := l.object(item, "in a certificate", certificateKeys)
		if !ok {
			continue
		}
		cert, _ := l.text(l.required(c, "cert", "in this certificate"))
		key, _ := l.text(l.required(c, "key", "in this certificate"))
		list = append(list, Certificate{Position: item.used, Cert: cert.text, Key: key.text, CertAt: cert.Position, KeyAt: key.Position})
	}
	return list
}

// domains reads the names to have certificates for.
func (l *loader) domains(v value, internal bool) []string {
	var list []string
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(v, "a domain") {
		w, ok := l.text(item)
		if !ok || !l.domain(w, internal) {
			continue
		}
		name := strings.ToLower(w.text)
		if at, ok := first[name]; ok {
			l.errorf(w.Position, "domain %s stands here a second time: the first is at %s", w, l.where(at))
			continue
		}
		first[name] = w.Position
		list = append(list, name)
	}
	return list
}

// domain says whether somebody would issue a certificate for w: the local
// authority does for every name and address, a public one wants the proof that
// HTTP-01 and TLS-ALPN-01 can give.
func (l *loader) domain(w word, internal bool) bool {
	base, wild := strings.CutPrefix(w.text, "*.")
	_, err := netip.ParseAddr(w.text)
	switch {
	case !isHost(base):
		l.errorf(w.Position, `domain %s must be a name such as "ws.example.com"`, w)
	case internal:
		return true
	case wild:
		l.errorf(w.Position, "domain %s needs a proof by DNS, which usher cannot give: list the names, or use tls.certificates", w)
	case err == nil || !strings.Contains(base, "."):
		l.errorf(w.Position, "domain %s is no public name: use tls.internal or tls.certificates", w)
	default:
		return true
	}
	return false
}

// wantCertificates holds listeners and certificates together: a listener
// without certificates cannot start, and certificates that no listener uses
// mean that somebody believes to be safe who is not. sourceless is what tls said.
func (l *loader) wantCertificates(tls value, sourceless bool, listeners []Listener) {
	used := false
	for _, one := range listeners {
		used = used || one.TLS
		if one.TLS && !tls.given() {
			l.errorf(one.Position, "this listener has tls: true, but the file has no tls")
		}
	}
	if sourceless && used {
		l.errorf(tls.Position, noSource)
	}
	if tls.given() && !sourceless && !used {
		l.errorf(tls.Position, "tls is never used: no listener has tls: true")
	}
	for _, one := range listeners {
		if one.Redirect && !used {
			l.errorf(one.Position, "this listener redirects to https, but no listener has tls: true")
		}
	}
}
