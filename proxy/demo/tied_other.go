//go:build !unix

package demo

import "syscall"

func tied() *syscall.SysProcAttr { return nil }
