//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

const caddyModule = "github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9"

// prepareProxies finds, installs or builds what o names, in its order.
func prepareProxies(ctx context.Context, o *options, dir string) ([]*proxy, error) {
	var all []*proxy
	for _, name := range o.proxies {
		got, err := prepareProxy(ctx, o, dir, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, got...)
	}
	return all, nil
}

func prepareProxy(ctx context.Context, o *options, dir, name string) ([]*proxy, error) {
	one := func(x *proxy, err error) ([]*proxy, error) { return []*proxy{x}, err }
	switch name {
	case "usher", watchedUsher, tappedUsher, edgeUsher, es256Usher, rs256Usher, askingUsher:
		return prepareUshers(ctx, o, dir, name)
	case edgeNginx:
		path, err := install(ctx, "nginx")
		return one(edgedNginx(newNginx(name, path, firstLine(path, "-v"), "")), err)
	case "nginx", "nginx16k":
		path, err := install(ctx, "nginx")
		buffers := ""
		if name == "nginx16k" {
			buffers = nginxBuffers
		}
		return one(newNginx(name, path, firstLine(path, "-v"), buffers), err)
	case "haproxy", "haproxy-splice", "haproxy-3":
		path, err := install(ctx, "haproxy")
		return one(newHAProxy(name, path, firstLine(path, "-v")), err)
	case "caddy":
		path, err := buildCaddy(ctx)
		return one(newCaddy(path, caddyModule), err)
	case edgeCaddy:
		path, err := buildCaddy(ctx)
		return one(edgedCaddy(newCaddy(path, caddyModule)), err)
	case "websocketproxy":
		return one(newWebsocketproxy())
	case "direct":
		return one(newDirect(), nil)
	}
	return nil, unknownProxy(name)
}

// prepareUshers prepares each usher of o, with who watches it by the proxy's
// name.
func prepareUshers(ctx context.Context, o *options, dir, name string) ([]*proxy, error) {
	var all []*proxy
	for _, u := range o.ushers {
		version := "built at " + u.path
		if u.path == "" {
			path, err := buildUsher(ctx, dir)
			if err != nil {
				return nil, err
			}
			u.path, version = path, "built from this tree"
		}
		x, err := equipped(newUsher(u, strings.Join(append(u.env, version), " ")), u, name)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// equipped makes x, which is u, the one that a proxy's name says.
func equipped(x *proxy, u usherBinary, name string) (*proxy, error) {
	own := u.name + strings.TrimPrefix(name, "usher")
	switch name {
	case watchedUsher:
		return watched(x, own, look), nil
	case tappedUsher:
		return watched(x, own, tapWith(u.path)), nil
	case edgeUsher:
		return edgedUsher(x, own), nil
	case es256Usher:
		s, err := newES256()
		return guarded(x, own, s), err
	case rs256Usher:
		s, err := newRS256()
		return guarded(x, own, s), err
	case askingUsher:
		return asking(x, own), nil
	}
	return x, nil
}

// install finds a Debian package's program and installs the package if there
// is none. The service that comes with it must not take ports: it is kept
// from starting (invoke-rc.d obeys policy-rc.d).
func install(ctx context.Context, name string) (string, error) {
	if path, err := lookPath(name); err == nil {
		return path, nil
	}
	if os.Getuid() != 0 {
		return "", fmt.Errorf("not installed: install it (apt-get install %s), or run the bench as root", name)
	}
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(policy); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
			return "", err
		}
		defer os.Remove(policy)
	}
	for _, args := range [][]string{{"update"}, {"install", "--yes", "--no-install-recommends", name}} {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return lookPath(name)
}

// lookPath also looks where a user's PATH does not.
func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

// buildCaddy builds Caddy into the user's cache folder, once.
func buildCaddy(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	_, version, _ := strings.Cut(caddyModule, "@")
	dir := filepath.Join(cache, "usher-bench", "caddy-"+version)
	path := filepath.Join(dir, "caddy")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "go", "install", "-ldflags=-s -w", caddyModule)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %w\n%s", caddyModule, err, out)
	}
	return path, nil
}

// firstLine is the first line that a program prints about its version.
func firstLine(path string, arg string) string {
	if path == "" {
		return ""
	}
	out, err := exec.Command(path, arg).CombinedOutput()
	if err != nil {
		return "version unknown"
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimPrefix(string(bytes.TrimSpace(line)), "nginx version: ")
}

// moduleVersion is the version of a module that the bench is linked with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "version unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Path + " " + m.Version
		}
	}
	return "version unknown"
}
