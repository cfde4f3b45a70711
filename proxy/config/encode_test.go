package config

import "testing"

// Where Vary is taken away, caches would give encoded answers to everybody.
func TestEncodeNeedsVary(t *testing.T) {
	for headers, warnings := range map[string]int{
		"": 0, ", response_headers: {add: {Vary: Cookie}}": 0, ", response_headers: {set: {Vary: Cookie}}": 1, ", response_headers: {remove: Vary}": 1,
	} {
		c := mustParse(t, "upstreams: {main: http://a}\nroutes:\n  - {upstream: main, encode: gzip"+headers+"}\n")
		want(t, "warnings with "+headers, len(c.Warnings), warnings)
		want(t, "codings", c.Routes[0].Encode, []Coding{Gzip})
	}
}
