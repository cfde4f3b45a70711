// Package owner has each request of a session be served by the node of the fleet
// that has the session, wherever the request comes: by the tag of its sid, or, where
// a server has made the sid, by who of the others says that it is his.
//
// A request is passed on once: the node where it came has let its client in, and the
// owner believes what that says of the client, and serves it or knows no such sid.
package owner
