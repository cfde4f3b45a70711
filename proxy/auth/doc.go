// Package auth says who may come in: by a token that somebody has signed (JWT), by a
// name and a password, or by what a service says when it is asked (forward). Whoever
// comes in has a Grant. What cannot be decided is refused.
//
// Engine.IO sessions that only an upstream knows are remembered by their sids (SIDs),
// which stand for who began them.
//
// A Set is the gates of one routes file; what lasts longer, key sets that were
// fetched and connections that are kept, is the Keeper's.
package auth
