//go:build unix

package command

import (
	"os"
	"syscall"
)

// upgradeSignal returns the signal for an upgrade, where there is one.
func upgradeSignal() (os.Signal, bool) { return syscall.SIGUSR2, true }

// resizeSignal returns the signal that says that the terminal has another size.
func resizeSignal() (os.Signal, bool) { return syscall.SIGWINCH, true }
