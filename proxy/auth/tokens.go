package auth

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/proxy/config"
	"usher/proxy/http1"
	"usher/proxy/refusal"
)

// mostToken is how long a token may be.
const mostToken = 16 << 10

// Why a token lets nobody in. These are told to its client, and repeat nothing of it.
var (
	errNone       = errors.New("no token")
	errSeveral    = errors.New("more than one token")
	errMalformed  = errors.New("malformed token")
	errAlgorithm  = errors.New("token is signed by an algorithm that is not accepted")
	errSignature  = errors.New("token is signed by nobody who may")
	errExpired    = errors.New("token expired")
	errNotYet     = errors.New("token is not valid yet")
	errIssuer     = errors.New("wrong issuer")
	errAudience   = errors.New("wrong audience")
	errClaim      = errors.New("token lacks a claim that the route requires")
	errUnsuitable = errors.New("token has a claim that no header can hold")
)

// tokens lets in who has a token.
type tokens struct {
	*config.JWTAuth
	algorithms []jose.SignatureAlgorithm
	keys       keys
}

func newTokens(a *config.JWTAuth) *tokens {
	t := &tokens{JWTAuth: a}
	for _, name := range a.Algorithms {
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(name))
	}
	return t
}

// quick implements way.
func (t *tokens) quick(q question, now time.Time) (Grant, bool) {
	raw, err := find(q.Request, t.From)
	if err != nil {
		return Grant{}, false
	}
	g, wait, err := t.verify(raw, now)
	return g, err == nil && !wait
}

// check implements way.
func (t *tokens) check(q question, now time.Time) (Grant, error) {
	raw, err := find(q.Request, t.From)
	if err != nil {
		return Grant{}, t.no(err)
	}
	g, wait, err := t.verify(raw, now)
	if wait {
		if err := t.keys.fetch(q.Context(), now); err != nil {
			return Grant{}, unknown("the key set of jwt cannot be read", err)
		}
		g, _, err = t.verify(raw, now)
	}
	if err != nil {
		return Grant{}, t.no(err)
	}
	return g, nil
}

// shows implements way.
func (t *tokens) shows(q question) string {
	raw, err := find(q.Request, t.From)
	if err != nil && !errors.Is(err, errNone) {
		return err.Error() // it is judged, and refused
	}
	return raw
}

// no is the answer to a client without a good token (RFC 6750, 3).
func (t *tokens) no(err error) *refusal.Error {
	challenge := "Bearer"
	if !errors.Is(err, errNone) {
		challenge = `Bearer error="invalid_token", error_description="` + err.Error() + `"`
	}
	return no(err.Error(), challenge)
}

// verify judges a token. wait says that it may be good, and its key may be had.
func (t *tokens) verify(raw string, now time.Time) (g Grant, wait bool, err error) {
	if len(raw) > mostToken {
		return g, false, errMalformed
	}
	tok, err := jose.ParseSignedCompact(raw, t.algorithms)
	switch {
	case isUnexpected(err):
		return g, false, errAlgorithm
	case err != nil || len(tok.Signatures) != 1:
		return g, false, errMalformed
	}
	head := tok.Signatures[0].Protected
	if head.ExtraHeaders["crit"] != nil || head.ExtraHeaders["b64"] != nil { // none is understood (RFC 7515, 4.1.11; RFC 7797, 7)
		return g, false, errMalformed
	}
	list, wait := t.keys.find(head.KeyID, head.Algorithm, now)
	for i := range list {
		// Nothing of the head leads to a key: not jwk, not jku, not x5u.
		if payload, err := tok.Verify(list[i].Key); err == nil {
			g, err := t.grant(payload, now)
			g.Signer = list[i].name
			return g, false, err
		}
	}
	return g, wait, errSignature
}

// grant judges what a token says that is signed by somebody who may.
func (t *tokens) grant(payload []byte, now time.Time) (g Grant, err error) {
	var std jwt.Claims
	var all map[string]any
	if json.Unmarshal(payload, &std) != nil || json.Unmarshal(payload, &all) != nil {
		return g, errMalformed
	}
	g.Who = std.Subject
	end := std.Expiry.Time()
	switch {
	case std.Expiry != nil && now.After(end.Add(t.Leeway)):
		return g, errExpired
	case std.NotBefore != nil && now.Add(t.Leeway).Before(std.NotBefore.Time()):
		return g, errNotYet
	case t.Issuer != "" && std.Issuer != t.Issuer:
		return g, errIssuer
	case len(t.Audience) > 0 && !slices.ContainsFunc(t.Audience, std.Audience.Contains):
		return g, errAudience
	}
	for _, want := range t.Require {
		if !has(all[want.Claim], want.Value) {
			return g, errClaim
		}
	}
	for _, c := range t.Claims {
		text, ok := headerOf(all[c.Claim])
		if !ok {
			return g, errUnsuitable
		}
		if text != "" {
			g.Headers = append(g.Headers, config.Header{Name: c.Header, Value: text})
		}
	}
	if std.Expiry != nil && !t.Expiry.Keep {
		if !now.Before(end) {
			end = end.Add(t.Leeway)
		}
		g.Expires, g.Code = max(end.Unix(), 1), t.Expiry.Code
	}
	return g, nil
}

// has tells whether a claim is what is wanted, or a list that has it.
func has(claim, want any) bool {
	if list, ok := claim.([]any); ok {
		return slices.Contains(list, want)
	}
	return claim == want
}

// headerOf returns a claim as a header has it, "" if there is none. Lists are
// joined by commas, which therefore must not stand in them.
func headerOf(claim any) (text string, ok bool) {
	list, many := claim.([]any)
	if !many {
		if claim == nil {
			return "", true
		}
		list = []any{claim}
	}
	words := make([]string, len(list))
	for i, one := range list {
		switch one := one.(type) {
		case string:
			words[i] = one
		case float64:
			words[i] = strconv.FormatFloat(one, 'f', -1, 64)
		case bool:
			words[i] = strconv.FormatBool(one)
		default:
			return "", false
		}
		if many && strings.Contains(words[i], ",") {
			return "", false
		}
	}
	text = strings.Join(words, ",")
	return text, http1.IsValue(text) && strings.TrimSpace(text) == text
}

func isUnexpected(err error) bool {
	_, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err)
	return ok
}
