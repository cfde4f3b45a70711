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
	value := Setting
	if more := os.Getenv("GODEBUG"); more != "" {
		value = more + "," + value
	}
	_ = os.Setenv("GODEBUG", value) // cannot fail: the name and the value are sound
}
