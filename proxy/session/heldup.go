package session

import "time"

// A process that was stopped, or got nothing of a busy machine, finds peers to
// be late from which it has only not read yet. So nobody is called silent or
// stuck for CatchUpTime once a look at the clocks was late by more than HeldUp,
// which it never is otherwise. What usher itself has to do does not wait.
const (
	HeldUp      = 500 * time.Millisecond
	CatchUpTime = time.Second
)
