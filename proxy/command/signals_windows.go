package command

import "os"

// upgradeSignal returns the signal for an upgrade, where there is one.
func upgradeSignal() (os.Signal, bool) { return nil, false }

// resizeSignal returns the signal that says that the terminal has another size.
func resizeSignal() (os.Signal, bool) { return nil, false }
