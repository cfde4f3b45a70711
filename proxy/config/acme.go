package config

import (
	"encoding/base64"
	"net/mail"
	"net/url"
)

var (
	// acmeKeys of tls are about the authority that issues for domains.
	acmeKeys            = []string{"email", "ca", "ca_root", "staging", "external_account"}
	externalAccountKeys = []string{"key_id", "mac_key"}
)

var onDemandKeys = []string{"ask"}

// onDemand reads the URL that is asked about names that are not listed.
func (l *loader) onDemand(v value, internal bool) string {
	o, ok := l.object(v, "in on_demand", onDemandKeys)
	if !ok {
		return ""
	}
	if internal {
		l.errorf(v.Position, "on_demand is never used: the local authority issues for the listed names, by internal: true")
	}
	w, ok := l.text(l.required(o, "ask", "in on_demand"))
	if u, err := url.Parse(w.text); ok && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "") {
		l.errorf(w.Position, "ask must be a http:// or https:// URL without a query")
	}
	return w.text
}

// acme reads those keys of tls that say who issues for its domains.
func (l *loader) acme(o object, t TLS) ACME {
	for _, key := range acmeKeys {
		switch v := o.field(key); {
		case v.given() && t.Internal:
			l.errorf(v.Position, "%s is never used: the local authority issues for the domains, by internal: true", key)
		case v.given() && !o.field("domains").given() && !o.field("on_demand").given():
			l.errorf(v.Position, "%s is never used without domains", key)
		}
	}
	var a ACME
	if w, ok := l.text(o.field("email")); ok {
		if got, err := mail.ParseAddress(w.text); err != nil || got.Address != w.text {
			l.errorf(w.Position, "email must be an address such as \"ops@example.com\", not %s", w)
		}
		a.Email = w.text
	}
	if w, ok := l.text(o.field("ca")); ok {
		if u, err := url.Parse(w.text); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			l.errorf(w.Position, "ca must be the https:// URL of an ACME directory")
		}
		a.Directory = w.text
	}
	l.bool(o.field("staging"), &a.Staging)
	if a.Staging && a.Directory != "" {
		l.errorf(o.field("staging").Position, "staging is an authority of its own: it cannot stand with ca")
	}
	if w, ok := l.text(o.field("ca_root")); ok {
		if a.Directory == "" && !o.field("ca").given() {
			l.errorf(w.Position, "ca_root is never used without ca")
		}
		a.Root, a.RootAt = w.text, w.Position
	}
	a.ExternalAccount = l.externalAccount(o.field("external_account"))
	return a
}

func (l *loader) externalAccount(v value) ExternalAccount {
	o, ok := l.object(v, "in external_account", externalAccountKeys)
	if !ok {
		return ExternalAccount{}
	}
	id, _ := l.text(l.required(o, "key_id", "in external_account"))
	key, ok := l.text(l.required(o, "mac_key", "in external_account"))
	if _, err := base64.RawURLEncoding.DecodeString(key.text); ok && err != nil {
		l.errorf(key.Position, "mac_key must be base64 of the kind for URLs, without = at its end (RFC 8555, 7.3.4)")
	}
	if ok && key.inFile() {
		l.warnf(key.Position, "mac_key is written out in a file that everybody may read: use ${NAME}, or take the permission away")
	}
	return ExternalAccount{KeyID: id.text, MACKey: key.text}
}
