// Package nginx turns a configuration of nginx into a routes file of usher.
//
// Read takes the language apart: words, blocks and includes, each directive with
// its file and line. Convert carries over what usher can do the same way. What it
// cannot stands as a comment where it would go: a directive is carried, needless
// (needless.go) or told of, and a last walk over all of them holds that nothing is
// dropped without a word. What keeps people away and cannot be carried over exactly
// (guard.go) closes the route: it is there and refuses everybody. So are the routes
// that would get requests which nginx gives to another location: one with an
// expression (pattern.go), or one whose name is longer. A server that nginx serves
// on other addresses is left out (reach.go).
//
// What is written passes config.Parse: each route and upstream is tried alone
// first, and one that would not pass is told of instead.
//
// The package reads no files: its caller gives it a Source.
package nginx
