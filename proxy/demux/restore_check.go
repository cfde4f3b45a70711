package demux

import "usher/proxy/engineio"

// Check tells whether Restore would take st.
func (st *State) Check(c *Config, v engineio.Version) error {
	_, err := Restore(c, new(Stats), v, *st, 0, nobody{})
	return err
}

// Connected tells whether the caller of a session has a socket for the leg.
func (st *LegState) Connected() bool {
	switch st.State {
	case legNames[legOpening], legNames[legOpen], legNames[legLeaving]:
		return true
	}
	return false
}

// Dialling tells whether the caller owes the session an answer to Dial.
func (st *LegState) Dialling() bool { return st.State == legNames[legDialling] }

// nobody is the caller of a session that does nothing.
type nobody struct{}

func (nobody) Ready(string)                         {}
func (nobody) Refuse(Refusal, error)                {}
func (nobody) ToClient(*Message)                    {}
func (nobody) ToLeg(int, *Message)                  {}
func (nobody) Dial(int, Target)                     {}
func (nobody) CloseLeg(int)                         {}
func (nobody) Guarded(string) bool                  { return false }
func (nobody) Judge(uint32, Plea)                   {}
func (nobody) End(Reason, error)                    {}
func (nobody) Append(dst []byte, _ *Message) []byte { return dst }
func (nobody) Take(n int) []byte                    { return make([]byte, 0, n) }
func (nobody) Give([]byte)                          {}
