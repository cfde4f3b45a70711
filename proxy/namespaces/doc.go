// Package namespaces is the server that clients of routes with namespaces speak
// with, as far as that is HTTP: it verifies their requests as the reference
// server of Engine.IO does, keeps the sids, answers polling, and makes the
// handshakes of the legs. The sessions themselves are fans, which live in the
// relay's loops.
//
// A Server lives as long as the process. A Table is how one routes file serves
// requests; sessions stay with the options that they began with.
package namespaces
