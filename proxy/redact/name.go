package redact

import (
	"bytes"
	"strings"
)

// namesSecret tells whether word is the name of a secret.
func namesSecret(word string) bool {
	var flat [64]byte
	n := flatten(flat[:], word)
	if n < 3 {
		return false
	}
	for _, name := range [...]string{
		"token", "passw", "passphrase", "secret", "authorization", "cookie", "apikey", "accesskey", "privatekey",
		"credential", "jwt", "sessionid", "csrf", "xsrf", "signature",
	} {
		if bytes.Contains(flat[:n], []byte(name)) {
			return true
		}
	}
	for _, name := range [...]string{"sid", "auth", "pass", "pwd", "pin", "otp", "key", "session", "authdata"} {
		if string(flat[:n]) == name || bytes.HasSuffix(flat[:n], []byte(name)) && endsApart(word, name) {
			return true
		}
	}
	return false
}

// flatten writes the letters and digits of word to dst, in lower case, and
// returns how many there are; 0 if they are too many for a name.
func flatten(dst []byte, word string) (n int) {
	for i := range len(word) {
		c := word[i]
		switch {
		case c == '-' || c == '_' || c == '.':
			continue
		case n == len(dst):
			return 0
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		dst[n] = c
		n++
	}
	return n
}

// endsApart tells whether name is a word of its own at the end of word, as in
// "connect.sid" or "userPin".
func endsApart(word, name string) bool {
	at := len(word) - len(name)
	if at <= 0 {
		return at == 0
	}
	return !isLetter(word[at-1]) || word[at] >= 'A' && word[at] <= 'Z'
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// minCredential is what a credential has at least: "basic plan" is none.
const minCredential = 6

// isScheme tells whether word announces a credential (RFC 9110, 11.4).
func isScheme(word string) bool {
	return strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic") || strings.EqualFold(word, "digest")
}

// isJWT tells whether word looks as the beginning of a JSON Web Token, whose
// first bytes are those of `{"` in base64.
func isJWT(word string) bool { return len(word) >= 12 && strings.HasPrefix(word, "eyJ") }
