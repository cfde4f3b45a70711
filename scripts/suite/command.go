package main

import (
	"context"
	"os"
	"os/exec"
	"time"
)

// command is a process that ends with ctx, and with it what it has started.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = os.Environ()
	c.WaitDelay = 5 * time.Second
	group(c)
	return c
}

// environment adds NAME=value pairs to a command's environment.
func environment(c *exec.Cmd, pairs ...string) *exec.Cmd {
	c.Env = append(c.Env, pairs...)
	return c
}
