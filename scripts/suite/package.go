package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const packages = "scripts/package/"

func packageSteps() []step {
	return []step{
		{"package", "deb", tryDeb},
		{"package", "systemd units", checkUnits},
		{"package", "systemd", trySystemd},
		{"package", "prometheus", tryPrometheus},
		{"package", "image", tryImage},
		{"package", "kubernetes", checkManifest},
	}
}

// debs is the folder that the packages are in, which scripts/test removes.
func debs() string { return filepath.Join(filepath.Dir(executable()), "deb") }

// tryDeb builds two versions of the package, and has one installed in a folder,
// as who makes an image does.
func tryDeb(ctx context.Context, t *tally) {
	root := filepath.Join(debs(), "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.fail("folder", err.Error())
		return
	}
	dpkg := func(args ...string) *exec.Cmd {
		return command(ctx, "dpkg", append([]string{"--force-script-chrootless", "--force-not-root", "--root=" + root}, args...)...)
	}
	for _, version := range []string{"1.0.0", "1.0.1"} {
		t.check("build "+version, command(ctx, packages+"build", version, debs()))
	}
	t.assert("the binary is static", wantStatic(filepath.Join(debs(), "usher")))
	deb, _ := filepath.Glob(filepath.Join(debs(), "usher_1.0.0_*.deb")) // the pattern is sound
	t.runs("install", dpkg("-i", strings.Join(deb, " ")))
	t.assert("what is installed", wantFiles(root, map[string]bool{
		"usr/bin/usher":                        true,
		"usr/lib/systemd/system/usher.service": true,
		"usr/share/doc/usher/README.md":        true,
		"usr/share/doc/usher/grafana.json":     true,
		"usr/share/doc/usher/alerts.yaml":      true,
	}))
	t.runs("remove", dpkg("-r", "usher"))
	t.assert("what is left", wantFiles(root, map[string]bool{"usr/bin/usher": false, "etc/usher/routes.yaml": true}))
	t.runs("purge", dpkg("-P", "usher"))
	t.assert("nothing is left", wantFiles(root, map[string]bool{"etc/usher": false, "usr/lib/systemd": false}))
}

// assert counts one check.
func (t *tally) assert(name string, err error) {
	if err != nil {
		t.fail(name, err.Error())
		return
	}
	t.passed++
}

// runs counts a command that may say something.
func (t *tally) runs(name string, c *exec.Cmd) {
	if out, err := c.CombinedOutput(); err != nil {
		t.fail(name, fmt.Sprintf("%s%s: %v", out, c, err))
		return
	}
	t.passed++
}

func wantStatic(file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return fmt.Errorf("%s: got a segment %v, want a static binary", file, p.Type)
		}
	}
	return nil
}

func wantFiles(root string, files map[string]bool) error {
	var all error
	for name, want := range files {
		if _, err := os.Lstat(filepath.Join(root, name)); (err == nil) != want {
			all = errors.Join(all, fmt.Errorf("%s: there: got %v, want %v", name, err == nil, want))
		}
	}
	return all
}

// checkUnits has systemd read the units, and judge how much the service could
// do that it has no need to.
func checkUnits(ctx context.Context, t *tally) {
	dir, err := os.MkdirTemp("", "usher-units-*")
	if err != nil {
		t.fail("folder", err.Error())
		return
	}
	defer os.RemoveAll(dir)
	service := filepath.Join(dir, "usher.service")
	for _, unit := range []string{"usher.service", "usher.socket"} {
		text, err := os.ReadFile(packages + unit)
		if err == nil { // the program need not be installed for this
			err = os.WriteFile(filepath.Join(dir, unit), []byte(strings.ReplaceAll(string(text), "/usr/bin/usher ", "/bin/true ")), 0o600)
		}
		if err != nil {
			t.fail(unit, err.Error())
			return
		}
	}
	t.check("systemd-analyze verify", command(ctx, "systemd-analyze", "verify", service, filepath.Join(dir, "usher.socket")))
	t.runs("systemd-analyze security", command(ctx, "systemd-analyze", "security", "--offline=true", "--threshold=20", service))
}

// tryImage puts the files of the image together, with the flags that its
// Dockerfile has, and runs the program where there is nothing else.
func tryImage(ctx context.Context, t *tally) {
	const build = `CGO_ENABLED=0 go build -trimpath -ldflags="-s -w"`
	for _, file := range []string{"Dockerfile", "build"} {
		text, err := os.ReadFile(packages + file)
		if err == nil && !strings.Contains(string(text), build) {
			err = fmt.Errorf("%s: got no %s", file, build)
		}
		t.assert("flags in "+file, err)
	}
	dir, err := os.MkdirTemp("", "usher-image-*")
	if err != nil {
		t.fail("folder", err.Error())
		return
	}
	defer os.RemoveAll(dir)
	t.check("build", environment(command(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "usher"), "."), "CGO_ENABLED=0"))
	t.assert("folders", errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "etc"), 0o755)))
	text, err := os.ReadFile("routes.yaml")
	t.assert("routes.yaml", errors.Join(err, os.WriteFile(filepath.Join(dir, "etc", "routes.yaml"), text, 0o644))) //nolint:gosec // everybody's
	run := command(ctx, filepath.Join(dir, "usher"), "check", filepath.Join(dir, "etc", "routes.yaml"))
	if os.Geteuid() == 0 { // only root may see nothing but these files
		run = command(ctx, "chroot", "--userspec=65532:65532", dir, "/usher", "check", "/etc/routes.yaml")
	}
	t.runs("usher check", run)
}

// checkManifest reads the manifest, and has usher read the routes file in it.
func checkManifest(ctx context.Context, t *tally) {
	f, err := os.Open(packages + "kubernetes.yaml")
	if err != nil {
		t.fail("manifest", err.Error())
		return
	}
	defer f.Close()
	kinds := map[string]bool{}
	for d := yaml.NewDecoder(f); ; {
		var object struct {
			Kind string
			Data map[string]string
		}
		if d.Decode(&object) != nil {
			break
		}
		kinds[object.Kind] = true
		if text, ok := object.Data["routes.yaml"]; ok {
			c := environment(command(ctx, "go", "run", ".", "check", "/dev/stdin"), "USHER_ADMIN_TOKEN=0123456789abcdef")
			c.Stdin = strings.NewReader(text)
			t.runs("routes.yaml", c)
		}
	}
	for _, kind := range []string{"ConfigMap", "Deployment", "Service"} {
		if kinds[kind] {
			t.passed++
		} else {
			t.fail(kind, "the manifest has none")
		}
	}
}
