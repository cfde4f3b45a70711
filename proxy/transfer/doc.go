// Package transfer moves sessions from one usher to the next: what relay packs
// goes over a handover.Channel, and what comes of it there becomes a session of
// the new process.
//
// Nothing of a session is touched between its packing and the word of the new
// process that it has it: each is one process's at any time.
package transfer
