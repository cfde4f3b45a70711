package doctor

import "fmt"

// Finding is what is known about one path.
type Finding struct {
	Path      string
	Speaks    string // what answers there; "" if nothing was recognised
	Diagnosis Diagnosis
	Seen      []string // how it is known
}

func (f *Finding) seen(format string, args ...any) {
	f.Seen = append(f.Seen, fmt.Sprintf(format, args...))
}

// worse sets the diagnosis unless a problem was found already.
func (f *Finding) worse(d Diagnosis) {
	if f.Diagnosis.Healthy() || f.Diagnosis == Unproven {
		f.Diagnosis = d
	}
}

// Diagnosis is what is wrong with a path, or that nothing is.
type Diagnosis int

// The diagnoses.
const (
	Works       Diagnosis = iota // it does
	PollingOnly                  // WebSocket is switched off
	OwnParser                    // it does, by another parser than the usual one
	SharedPath                   // two Socket.IO servers claim the path
	Killed                       // a WebSocket killed the process
	Intruder                     // a second upgrade handler answers on the path
	SlowHandler                  // the handler is slower than a Socket.IO server beside it allows
	OtherPath                    // a ws server answers that the path is not its own
	NotSticky                    // several processes answer, and a session knows only one
	Stripped                     // the Upgrade header does not arrive
	NoHandler                    // nobody takes the upgrade
	Refused                      // the application wants credentials
	Unproven                     // only what may kill the process would tell
	Odd                          // something else does not work
)

// Healthy reports whether there is nothing to do.
func (d Diagnosis) Healthy() bool { return d == Works || d == PollingOnly || d == OwnParser }

// String is the diagnosis in one line.
func (d Diagnosis) String() string { return d.advice().title }

// Means says what clients notice; "" if that is plain.
func (d Diagnosis) Means() []string { return d.advice().means }

// Remedies says what can be done.
func (d Diagnosis) Remedies() []string { return d.advice().remedies }
