// Package tap lets operators look at frames as they pass.
//
// A Hub has a few taps at most, and nobody pays for it while it has none: a
// relay loads one pointer. What is tapped is copied, as much of each frame as
// is wanted, to a ring per tap that never blocks and never wakes anybody: when
// it is full, frames are counted instead. Its reader comes by every now and
// then, takes its share and has it printed.
//
// Nothing of a frame leaves the process before mask has seen it.
package tap
