// Package nginx turns a configuration of nginx into a routes file of usher.
//
// Read takes the language apart: words, blocks and includes, each directive with
// its file and line. Convert carries over what usher can do the same way. What it
// cannot stands as a comment where it would go: a directive is carried, needless
// (needless.go) or told of, and a last walk over all of them holds that nothing is
// dropped without a word. Where leaving something out would open a door, such as
// a login, the route is there and refuses everybody.
//
// What is written passes config.Parse: each route and upstream is tried alone
// first, and one that would not pass is told of instead.
//
// The package reads no files: its caller gives it a Source.
package nginx
