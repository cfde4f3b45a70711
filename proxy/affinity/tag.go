package affinity

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

const (
	// separator stands in no sid of the reference's alphabet, and needs no
	// escape in a query.
	separator = "~"
	// tagBytes of the HMAC are kept: enough that none is ever guessed.
	tagBytes  = 12
	tagLength = tagBytes / 3 * 4
)

// Derive returns a key for one purpose, of which nobody can find the secret or
// the key for another.
func Derive(secret []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("usher " + purpose))
	return mac.Sum(nil)
}

// key makes tags: the HMAC of a sid and its endpoint. Since the sid is part of
// it, a client can neither take a session to another endpoint nor learn from
// its own tags how one for another sid would look.
type key []byte

func (k key) tag(sid, endpoint string) string { return k.mac("sid", sid, endpoint) }

// cookie is a tag for all that one client asks for.
func (k key) cookie(endpoint string) string { return k.mac("cookie", endpoint) }

func (k key) mac(parts ...string) string {
	mac := hmac.New(sha256.New, k)
	for _, part := range parts {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:tagBytes])
}

// open splits what a client sent into the sid and the endpoint that its tag
// names. Every endpoint is compared, in constant time each.
func (k key) open(tagged string, endpoints []string) (sid, endpoint string, ok bool) {
	at := strings.LastIndex(tagged, separator)
	if at < 0 {
		return "", "", false
	}
	sid, tag := tagged[:at], []byte(tagged[at+len(separator):])
	for _, e := range endpoints {
		if subtle.ConstantTimeCompare(tag, []byte(k.tag(sid, e))) == 1 {
			endpoint, ok = e, true
		}
	}
	return sid, endpoint, ok
}
