package http1

import (
	"strings"
	"testing"
)

// The bytes of a token and of a header's value, as RFC 9110 lists them.
func TestTokensAndValues(t *testing.T) {
	const tokens = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for b := range 256 {
		s := "a" + string([]byte{byte(b)}) + "z"
		if got, want := IsToken(s), strings.IndexByte(tokens, byte(b)) >= 0; got != want || IsTokenByte(byte(b)) != want {
			t.Errorf("%q is a token: got %t, want %t", s, got, want)
		}
		if got, want := IsValue(s), b == '\t' || b >= ' ' && b != 0x7f; got != want {
			t.Errorf("%q is a value: got %t, want %t", s, got, want)
		}
	}
	if IsToken("") || !IsValue("") {
		t.Error("empty: got a token, or no value; want the opposite")
	}
}
