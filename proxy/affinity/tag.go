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

// key makes tags: the HMAC of a sid and its endpoint. Since the sid is part of
// it, a client can neither take a session to another endpoint nor learn from
// its own tags how one for another sid would look.
type key []byte

func (k key) tag(sid, endpoint string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(sid))
	mac.Write([]byte{0})
	mac.Write([]byte(endpoint))
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
