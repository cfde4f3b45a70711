package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const modules = "scripts/node_modules/.package-lock.json" // npm writes it last

// checkTools looks for what must be there and installs what apt can.
func checkTools(ctx context.Context, t *tally) {
	for _, tool := range []struct{ name, why string }{
		{"node", "Node 20 or newer runs the services and clients"},
		{"npm", "npm installs their packages"},
	} {
		if _, err := exec.LookPath(tool.name); err != nil {
			t.fail(tool.name, err.Error()+": "+tool.why)
			continue
		}
		t.passed++
	}
	t.compiler(ctx)
	t.tool(ctx, "curl", "a client of HTTP/2", "curl")
	t.tool(ctx, "sslscan", "it looks for what TLS should not have", "sslscan")
	t.tool(ctx, "redis-server", "it is what a fleet shares", "redis-server")
	t.tool(ctx, "openssl", "it changes the keys of a connection", "openssl")
}

// compiler is for the race detector alone.
func (t *tally) compiler(ctx context.Context) {
	t.tool(ctx, "gcc", "the race detector needs it", "gcc", "libc6-dev")
}

// installBrowser is for the tests of pages.
func installBrowser(ctx context.Context, t *tally) {
	t.tool(ctx, "chromium", "the tests of pages drive it", "chromium")
}

// installProxy is for the tests that show what usher does otherwise.
func installProxy(ctx context.Context, t *tally) {
	t.tool(ctx, "nginx", "a test compares usher with it", "nginx")
}

// installPython is for the tests with clients that are not JavaScript.
func installPython(ctx context.Context, t *tally) {
	if err := command(ctx, "/usr/bin/python3", "-c", "import socketio, requests, websocket").Run(); err == nil {
		t.passed++
		return
	}
	t.install(ctx, "python3-socketio", "a client that is not JavaScript", "python3-socketio", "python3-requests", "python3-websocket")
}

// installLogins is for the tests with people who log in.
func installLogins(ctx context.Context, t *tally) {
	t.tool(ctx, "redis-server", "oauth2-proxy keeps its sessions there", "redis-server")
	t.runs("oauth2-proxy", command(ctx, "go", "tool", "-modfile=scripts/oauth2-proxy.mod", "-n", "oauth2-proxy"))
}

// tool has apt install packages, unless the command that they bring is there.
func (t *tally) tool(ctx context.Context, name, why string, packages ...string) {
	if _, err := exec.LookPath(name); err == nil {
		t.passed++
		return
	}
	t.install(ctx, name, why, packages...)
}

func (t *tally) install(ctx context.Context, name, why string, packages ...string) {
	apt := [][]string{
		{"apt-get", "update", "-qq"},
		append([]string{"apt-get", "install", "-qq", "-y", "--no-install-recommends"}, packages...),
	}
	for _, args := range apt {
		c := environment(command(ctx, args[0], args[1:]...), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			t.fail(name, fmt.Sprintf("%s\n%s%s: %v", why, out, c, err))
			return
		}
	}
	t.passed++
}

// downloadModules brings the modules of usher and of its tools, so that what
// checks them prints nothing but what it finds.
func downloadModules(ctx context.Context, t *tally) {
	tools, _ := filepath.Glob("scripts/*.mod") // the pattern is sound
	for _, file := range append([]string{"go.mod"}, tools...) {
		c := command(ctx, "go", "mod", "download", "-modfile="+file)
		t.runs(file, c)
	}
}

// installPackages makes scripts/node_modules what the lock file says, unless it
// is already.
func installPackages(ctx context.Context, t *tally) {
	lock, err := os.Stat("scripts/package-lock.json")
	if err != nil {
		t.fail("lock file", err.Error())
		return
	}
	if installed, err := os.Stat(modules); err == nil && installed.ModTime().After(lock.ModTime()) {
		t.passed++
		return
	}
	c := command(ctx, "npm", "ci", "--silent")
	c.Dir = "scripts"
	if out, err := c.CombinedOutput(); err != nil {
		t.fail("npm ci", fmt.Sprintf("%s%v", out, err))
		return
	}
	t.passed++
}
