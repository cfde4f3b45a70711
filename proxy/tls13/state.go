package tls13

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// State is all of a Session, for a process that goes on with it. It has
// secrets: its JSON is for that process alone.
type State struct {
	Suite  uint16    `json:"suite"`
	Client bool      `json:"client,omitempty"` // the peer is a server
	In     Direction `json:"in"`
	Out    Direction `json:"out"`

	Rest    []byte `json:"rest,omitempty"`    // has come, and is not opened
	Message []byte `json:"message,omitempty"` // the head of a handshake message that has not
	Skip    uint32 `json:"skip,omitempty"`    // what is still to come of one that is not looked at
	Useless uint8  `json:"useless,omitempty"` // records in a row that brought nothing
	Updates uint8  `json:"updates,omitempty"` // of keys, that the peer made
	Update  bool   `json:"update,omitempty"`  // the peer waits for an update
	Ended   bool   `json:"ended,omitempty"`   // the peer has said that nothing follows
	Said    bool   `json:"said,omitempty"`    // the peer was told so
}

// Direction is the state of one.
type Direction struct {
	Secret Secret `json:"secret"`
	Number uint64 `json:"number,string"` // of the next record
}

// Secret is a traffic secret. Whoever prints what it is in sees an address at
// most.
type Secret struct{ bytes *[]byte }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.bytes == nil {
		return []byte("null"), nil
	}
	return json.Marshal(*s.bytes)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Secret) UnmarshalJSON(p []byte) error {
	s.bytes = new([]byte)
	return json.Unmarshal(p, s.bytes)
}

// Clear overwrites the secret.
func (s Secret) Clear() {
	if s.bytes != nil {
		clear(*s.bytes)
	}
}

// Format hides the secret.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "a secret") } //nolint:errcheck // fmt has it

// Format hides the secrets, and the rest with them.
func (s State) Format(f fmt.State, _ rune) { io.WriteString(f, "tls13.State") } //nolint:errcheck // fmt has it

// Clear overwrites the secrets.
func (s State) Clear() {
	s.In.Secret.Clear()
	s.Out.Secret.Clear()
}

// ErrState says that a State is none of a session that can go on.
var ErrState = errors.New("tls: no state of a session")

// State returns what another process needs to go on. From then on the session
// neither opens nor seals anything, unless that process does not take it: see
// Resume. A session that has failed cannot be handed on.
func (s *Session) State() (State, error) {
	switch {
	case s.handed:
		return State{}, ErrHandedOn
	case s.fault != nil && !errors.Is(s.fault, io.EOF) || s.owes&owesAlert != 0:
		return State{}, ErrState
	}
	s.handed = true
	return State{
		Suite: s.in.suite.id, Client: s.client, In: s.in.state(), Out: s.out.state(),
		Rest: bytes.Clone(s.rest), Message: bytes.Clone(s.post.head[:s.post.have]), Skip: s.post.skip,
		Useless: s.useless, Updates: s.updates,
		Update: s.owes&owesUpdate != 0, Ended: s.fault != nil, Said: s.said,
	}, nil
}

func (h *half) state() Direction {
	secret := bytes.Clone(h.secret[:h.suite.secret])
	return Direction{Secret{&secret}, h.number}
}

// Restore returns the session that st is the state of.
func Restore(st State) (*Session, error) {
	suite := suiteOf(st.Suite)
	switch {
	case suite == nil || len(st.Rest) > MaxRest || len(st.Message) > messageHead || st.Skip > maxMessage || st.Useless > maxUseless || st.Updates > maxUpdates:
		return nil, ErrState
	case !st.In.Secret.fits(suite) || !st.Out.Secret.fits(suite):
		return nil, ErrState
	}
	s := &Session{client: st.Client, useless: st.Useless, updates: st.Updates, said: st.Said, rest: bytes.Clone(st.Rest)}
	s.in.restore(suite, st.In)
	s.out.restore(suite, st.Out)
	s.own = s.rest
	s.post.have, s.post.skip = uint8(copy(s.post.head[:], st.Message)), st.Skip
	if st.Update {
		s.owes = owesUpdate
	}
	if st.Ended {
		s.fault = io.EOF
	}
	return s, nil
}

func (s Secret) fits(of *suite) bool { return s.bytes != nil && len(*s.bytes) == of.secret }

func (h *half) restore(s *suite, d Direction) {
	h.begin(s, *d.Secret.bytes)
	h.number = d.Number
}
