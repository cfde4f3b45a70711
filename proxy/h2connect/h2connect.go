// Package h2connect has net/http take the extended CONNECT of HTTP/2 (RFC
// 8441), which it does only if GODEBUG says so when it initializes. That cannot
// be said by a go:debug line or by go.mod, and users should not have to.
//
// Packages initialize in the order of their import paths, each after what it
// imports (Go specification, "Program initialization"). This one imports
// nothing but os and sorts before "vendor/", by which the standard library
// imports what net/http needs of other modules: so it always comes first. The
// tests of package proxy read from the wire that it did.
package h2connect

import "os"

// Setting is what GODEBUG must have.
const Setting = "http2xconnect=1"

// Protocol is where net/http leaves the :protocol of a request. No client can
// send a header of that name.
const Protocol = ":protocol"

// The one init of usher: nothing that is called later is early enough.
func init() {
	_ = os.Setenv("GODEBUG", with(os.Getenv("GODEBUG"))) // cannot fail: the name and the value are sound
}

// with is value with the Setting at its end, where it counts. A process that
// another usher has started has it already.
func with(value string) string {
	if value == "" || value == Setting {
		return Setting
	}
	if more := "," + Setting; len(value) < len(more) || value[len(value)-len(more):] != more {
		value += more
	}
	return value
}
