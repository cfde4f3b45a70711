//go:build unix && !linux

package demo

import "syscall"

// tied makes a child leave the terminal's signals to its parent.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
