// Package handover passes listening sockets from process to process: from
// systemd to usher, and from one usher to the one that takes its place; and from
// there what that has besides, over a Channel.
//
// Both go the same way, by LISTEN_FDS (sd_listen_fds(3)). What an usher knows
// besides about the sockets that it hands on, and the pipe by which the next
// says that it serves, it puts beside them. The queue of clients that wait for
// a socket is one: as long as some process has it, nobody is refused.
//
// The package also tells the service manager how usher stands (sd_notify(3)).
// It is the one that knows go-systemd.
package handover
