package ws

import "errors"

// CheckerState is a Checker as data, so that another process can go on where
// this one stops.
type CheckerState struct {
	Left      int64  `json:",omitempty"`
	Size      int64  `json:",omitempty"`
	Fragments uint32 `json:",omitempty"`
	Messages  uint32 `json:",omitempty"`
	Key       uint32 `json:",omitempty"`
	Text      uint8  `json:",omitempty"`
	Flags     uint8  `json:",omitempty"`
}

var errState = errors.New("no stream of frames can stand like this")

// State returns what c has come to.
func (c *Checker) State() CheckerState {
	return CheckerState{c.left, c.size, c.fragments, c.messages, c.key, c.text, c.flags}
}

// Checker returns one that goes on there. It is an error if none could ever
// have come to that.
func (st CheckerState) Checker() (Checker, error) {
	inside := st.Flags&flagOpen != 0
	if st.Left < 0 || st.Size < st.Left && inside || st.Text%6 != 0 || st.Text/6 >= textStates || st.Text == textReject ||
		st.Flags >= flagPlain<<1 || !inside && (st.Left > 0 || st.Flags != 0 || st.Text != textAccept) {
		return Checker{}, errState
	}
	return Checker{st.Left, st.Size, st.Fragments, st.Messages, st.Key, st.Text, st.Flags}, nil
}
