package demo

import "syscall"

// tied makes a child leave the terminal's signals to its parent, and end with it.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
