package redact

import "strings"

// authorityAt returns where the user, host and port of a URL (RFC 3986, 3.2) end
// whose "://" is at the given place, and where those begin; both are at if there
// is none.
func authorityAt(text string, at int) (from, to int) {
	const before = "://"
	if !strings.HasPrefix(text[at:], before) {
		return at, at
	}
	from = at + len(before)
	for to = from; to < len(text) && !endsAuthority(text[to]); {
		to++
	}
	return from, to
}

// endsAuthority tells whether c ends an authority, in a text that may go on with
// anything.
func endsAuthority(c byte) bool {
	return c <= ' ' || c == 0x7f || strings.IndexByte("/?#\"'<>\\", c) >= 0
}

// userinfo returns how much of an authority stands in front of the host. A user
// without a password may be a token, and what is cut off before the host's end
// may be a user.
func userinfo(authority string, cut bool) int {
	if n := strings.LastIndexByte(authority, '@'); n >= 0 {
		return n
	}
	if cut {
		return len(authority)
	}
	return 0
}
