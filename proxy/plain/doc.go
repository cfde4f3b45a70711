// Package plain bounds what a plain request takes: a client that sends nothing of
// its request's body, or takes nothing of its answer, is given up, and a body may
// be as long as its route says. What the upstream does with a request is package
// forward's matter, and what a socket does that of the relays.
package plain
