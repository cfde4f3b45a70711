package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"usher/proxy/http1"
)

// JWTAuth wants a token (RFC 7519) that somebody has signed: exactly one of JWKS,
// Key and Secret says who, or Issuer alone.
type JWTAuth struct {
	Position
	JWKS   string   // the URL of a key set (RFC 7517)
	Key    string   // a PEM file with a public key; relative to the folder of the routes file
	KeyAt  Position // where it stands
	Secret string   // that HMACs are made with

	Issuer     string // that the token must name; alone, its discovery document says where its keys are
	Audience   []string
	Algorithms []string // that are accepted, and that the keys are for
	From       []TokenSource
	Claims     []ClaimHeader
	Require    []ClaimValue
	Leeway     time.Duration // that clocks may differ
	Expiry     Expiry

	RevokeOnKeyLoss bool // sessions end that a key has let in which is gone from its set
}

// TokenSource is where a token is looked for.
type TokenSource struct {
	Place TokenPlace
	Name  string // of the cookie, the query's parameter or the member; what stands before the token in a subprotocol
}

// TokenPlace is a part of a request.
type TokenPlace string

// The places.
const (
	FromAuthorization TokenPlace = "authorization" // as a Bearer (RFC 6750)
	FromCookie        TokenPlace = "cookie"
	FromQuery         TokenPlace = "query"
	FromSubprotocol   TokenPlace = "subprotocol" // which browsers can set
	FromAuth          TokenPlace = "auth"        // of a namespace: what its CONNECT gives
)

// ClaimHeader has the upstream told of a claim.
type ClaimHeader struct {
	Header string // canonical
	Claim  string
}

// ClaimValue is what a claim must be, or have if it is a list.
type ClaimValue struct {
	Claim string
	Value any // a string, bool or float64
}

var (
	jwtKeys    = append([]string{"jwks", "issuer", "key", "secret", "audience", "algorithms", "from", "claims", "require", "leeway", "revoke_on_key_loss"}, expiryKeys...)
	sourceKeys = []string{"cookie", "query", "subprotocol", "auth"}

	// Algorithms are those of signatures, and of HMACs.
	signatures = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	hmacs      = []string{"HS256", "HS384", "HS512"}
)

// jwtAuth reads what requests, or the CONNECTs of a namespace, are to show.
func (l *loader) jwtAuth(v value, connects bool) *JWTAuth {
	a := &JWTAuth{Position: v.Position, Leeway: 30 * time.Second, From: []TokenSource{{Place: FromAuthorization}}}
	o, ok := l.object(v, "in jwt", jwtKeys)
	if !ok {
		return a
	}
	l.signers(o, a)
	for _, item := range l.oneOrMore(o.field("audience"), "audience") {
		if w, ok := l.text(item); ok {
			a.Audience = append(a.Audience, w.text)
		}
	}
	if !o.field("audience").given() {
		l.warnf(v.used, "jwt has no audience: a token that was made for any other service opens the route")
	}
	l.algorithms(o, a)
	if from := o.field("from"); from.given() {
		a.From = nil
		for _, item := range l.items(from, "a place in from") {
			a.From = append(a.From, l.tokenSource(item))
		}
	}
	if connects {
		l.ofConnects(o, a)
	} else {
		l.ofRequests(o, a)
	}
	first := make(map[string]Position)
	for _, p := range l.pairs(o.field("claims")) {
		p.value.name = "claim of " + p.key.text
		name, ok := l.givenHeader(p.key, first)
		if w, fine := l.text(p.value); ok && fine {
			a.Claims = append(a.Claims, ClaimHeader{name, w.text})
		}
	}
	for _, p := range l.pairs(o.field("require")) {
		a.Require = append(a.Require, ClaimValue{p.key.text, l.claimValue(p.value)})
	}
	l.duration(o.field("leeway"), orZero, &a.Leeway)
	l.keyLoss(o.field("revoke_on_key_loss"), a)
	a.Expiry = l.expiry(o, "revoke_on_key_loss", a.RevokeOnKeyLoss)
	return a
}

// keyLoss reads what becomes of open sessions when keys go. a has who signs.
func (l *loader) keyLoss(v value, a *JWTAuth) {
	l.bool(v, &a.RevokeOnKeyLoss)
	if a.RevokeOnKeyLoss && (a.Key != "" || a.Secret != "") {
		l.errorf(v.used, "revoke_on_key_loss is for key sets, by jwks or issuer: key and secret are no set that keys go from")
	}
}

// signers reads who signs tokens.
func (l *loader) signers(o object, a *JWTAuth) {
	a.Issuer = l.webURL(o.field("issuer"))
	a.JWKS = l.webURL(o.field("jwks"))
	if w, ok := l.text(o.field("key")); ok {
		a.Key, a.KeyAt = w.text, w.Position
	}
	a.Secret = l.secret(o.field("secret"), "secret", leastSecret, nil)
	first := ""
	for _, key := range []string{"jwks", "key", "secret"} {
		switch f := o.field(key); {
		case f.given() && first != "":
			l.errorf(f.used, "the keys of jwt come from one place: %s stands here already", first)
		case f.given():
			first = key
		}
	}
	if first == "" && !o.field("issuer").given() && len(o.meant) == 0 {
		l.errorf(o.Position, "jwt needs to know who signs: jwks, issuer, key or secret")
	}
}

// webURL reads the URL of what usher fetches.
func (l *loader) webURL(v value) string {
	w, ok := l.text(v)
	switch {
	case !ok:
		return ""
	case !isWebURL(w.text):
		l.errorf(w.Position, "%s must be a http:// or https:// URL", v.name)
	case strings.HasPrefix(w.text, "http:") && !isLocal(w.text):
		l.warnf(w.Position, "%s is fetched by http: who is on the way can change it, and so make tokens", v.name)
	}
	return w.text
}

// isLocal tells whether the host of a URL is this machine, or in its network.
func isLocal(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && (a.IsLoopback() || a.IsPrivate())
}

func (l *loader) algorithms(o object, a *JWTAuth) {
	allowed, other := signatures, hmacs
	if o.field("secret").given() {
		allowed, other = hmacs, signatures
	}
	a.Algorithms = allowed
	v := o.field("algorithms")
	if !v.given() {
		return
	}
	a.Algorithms = nil
	for _, item := range l.oneOrMore(v, "an algorithm") {
		w, ok := l.text(item)
		switch {
		case !ok:
		case slices.Contains(allowed, w.text):
			a.Algorithms = append(a.Algorithms, w.text)
		case slices.Contains(other, w.text):
			l.errorf(w.Position, "algorithm %s does not go with these keys: HS* are for secret, and only they", w)
		default:
			l.errorf(w.Position, "algorithm must be one of %s, not %s", enumerate(allowed), w)
		}
	}
}

func (l *loader) tokenSource(v value) (s TokenSource) {
	if v.node.Kind != yaml.MappingNode {
		w, ok := l.text(v)
		if s.Place = TokenPlace(w.text); ok && s.Place != FromAuthorization {
			l.errorf(w.Position, "a place in from is authorization, {cookie: NAME}, {query: NAME} or {subprotocol: PREFIX}, not %s", w)
		}
		return s
	}
	o, ok := l.object(v, "in from", sourceKeys)
	if !ok {
		return s
	}
	for _, key := range sourceKeys {
		f := o.field(key)
		if !f.given() {
			continue
		}
		if s.Place != "" {
			l.errorf(f.used, "a place in from is one: write a dash before %s", key)
			continue
		}
		w, ok := l.text(f)
		if s.Place, s.Name = TokenPlace(key), w.text; ok && key != "query" && key != "auth" && !http1.IsToken(w.text) {
			l.errorf(w.Position, "%s %s holds a character that it may not have", key, w)
		}
	}
	if s.Place == "" && len(o.meant) == 0 {
		l.errorf(v.Position, "a place in from needs a name")
	}
	return s
}

// claimValue reads what a claim must be.
func (l *loader) claimValue(v value) any {
	w, ok := l.word(v)
	if !ok {
		return nil
	}
	var held any
	if !w.secret && v.node.Decode(&held) == nil {
		switch n := held.(type) {
		case bool, float64:
			return n
		case int:
			return float64(n)
		}
	}
	return w.text
}
