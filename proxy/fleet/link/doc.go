// Package link is how the nodes of a fleet speak with each other: a listener of its
// own, TLS 1.3 with certificates that only who has the fleet's secret can make, and
// HTTP/2, by one connection from each node to each other one.
//
// A node is known by its id, which is the name in its certificate: an address only
// says where to ask. Who is there is told by pings of the link itself, so that a
// node that hangs is found within 3 s by all who wait for it.
//
// What the nodes say to each other is the matter of others: requests of a kind are
// served by who has been named for it.
package link
