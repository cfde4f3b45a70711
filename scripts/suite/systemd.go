package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// trialRoutes has a listener that systemd holds and one that it does not.
const trialRoutes = `listen:
  - 127.0.0.1:8080
  - {address: 127.0.0.1:8443, tls: true}
admin: unix:/run/usher/admin.sock
tls: {internal: true, storage: /var/lib/usher/certs}
upstreams: {main: http://127.0.0.1:3001}
routes: [{upstream: main}]
`

// trialVisitor tells when its WebSocket is open, and with which code it closes;
// for a line that it reads it asks its upstream whether that is still there.
const trialVisitor = `
const socket = new (require('ws'))('ws://127.0.0.1:8080/live');
socket.on('open', () => console.log('open'));
socket.on('pong', () => console.log('still open'));
socket.on('close', (code) => { console.log(code); process.exit(); });
process.stdin.on('data', () => socket.ping());`

// shell defines what the checks of a machine have in common.
const shell = `set -eu
ask() { curl --silent --show-error --fail --fail-early --max-time 30 --output /dev/null "$@"; }
show() { systemctl show --property "$1" --value usher.service; }
want() { [ "$1" = "$2" ] || { echo "got $1, want $2"; exit 1; }; }
until_true() { for i in $(seq 300); do ! "$@" > /dev/null 2>&1 || return 0; sleep 0.1; done; echo "never: $*"; exit 1; }
# many asks again and again while the command runs: nothing may be refused.
at=http://127.0.0.1:8080/
many() { "$@" & n=0; while kill -0 $! 2> /dev/null; do ask $at; n=$((n + 1)); done; wait $!; [ $n -gt 0 ]; }
`

// trialCheck is one that is made in the machine.
type trialCheck struct{ name, script string }

var beforeUpgrade = []trialCheck{
	{"the upstream", `until_true ask http://127.0.0.1:3001/`},
	{"install", `dpkg -i /mnt/usher_1.0.0_*.deb
		want "$(systemctl is-enabled usher)" enabled; want "$(show ActiveState)" inactive
		want "$(stat -c '%U %G %a' /etc/usher/routes.yaml)" "root usher 640"`},
	{"check as the service's user", `cat /mnt/routes.yaml > /etc/usher/routes.yaml
		cd /; setpriv --reuid usher --regid usher --clear-groups usher check /etc/usher/routes.yaml`},
	{"wait for a client", `systemctl start usher.socket; want "$(show ActiveState)" inactive`},
	{"start by a client", `ask http://127.0.0.1:8080/; until_true systemctl is-active usher; want "$(show Type)" notify`},
	{"user, limits, capabilities", `pid=$(show MainPID); want "$(stat -c %U /proc/$pid)" usher
		grep -qE 'Max open files +([0-9]+) +\1 ' /proc/$pid/limits; grep -q 'CapEff:\s0*400$' /proc/$pid/status`},
	{"certificates", `ask --cacert /var/lib/usher/certs/internal/root.crt https://localhost:8443/
		want "$(stat -c '%U %a' /var/lib/usher/certs/internal/root.key)" "usher 600"`},
	{"operators", `usher status --routes /etc/usher/routes.yaml | grep -q main; want "$(stat -c %U /run/usher/admin.sock)" usher`},
	{"reload", `pid=$(show MainPID); sed -i 's|^routes:.*|routes: [{upstream: main}, {host: reloaded.test, upstream: main}]|' /etc/usher/routes.yaml
		systemctl reload usher; until_true sh -c 'usher status --routes /etc/usher/routes.yaml --json | grep -q reloaded.test'; want "$(show MainPID)" "$pid"`},
	{"reload of a bad file", `echo 'x: y' >> /etc/usher/routes.yaml; systemctl reload usher
		until_true sh -c 'journalctl -u usher | grep -q "routes.yaml:.*x"'; ask http://127.0.0.1:8080/; sed -i '$d' /etc/usher/routes.yaml; systemctl reload usher`},
	{"restart behind held sockets", `pid=$(show MainPID); many systemctl restart usher; [ "$(show MainPID)" != "$pid" ]`},
}

var afterUpgrade = []trialCheck{
	{"the new program serves", `want "$(show ActiveState) $(show NRestarts) $(show Result)" "active 0 success"
		want "$(readlink /proc/$(show MainPID)/exe)" /usr/bin/usher; ask http://127.0.0.1:8080/; ask --cacert /var/lib/usher/certs/internal/root.crt https://localhost:8443/`},
	{"reload of the new program", `systemctl reload usher; ask http://127.0.0.1:8080/; want "$(show ActiveState)" active`},
	{"watchdog", `mkdir /run/systemd/system/usher.service.d; printf '[Service]\nWatchdogSec=1\nRestartSec=0\n' > /run/systemd/system/usher.service.d/trial.conf
		systemctl daemon-reload; systemctl restart usher; sleep 2.5; want "$(show NRestarts)" 0
		kill -STOP $(show MainPID); restarted() { [ "$(show NRestarts)" = 1 ] && [ "$(show ActiveState)" = active ]; }; until_true restarted; ask http://127.0.0.1:8080/`},
}

var afterStop = []trialCheck{
	{"stopped", `want "$(show ActiveState) $(show Result)" "inactive success"`},
	{"remove", `dpkg -r usher; [ ! -e /usr/bin/usher ]; [ -e /etc/usher/routes.yaml ]; [ -e /var/lib/usher/certs ]; want "$(show LoadState)" not-found`},
	{"purge", `dpkg -P usher; [ ! -e /etc/usher ]; [ ! -e /var/lib/usher ]`},
}

// trySystemd has the packages of tryDeb installed, run, upgraded and removed
// under a systemd, with sockets that are open meanwhile.
func trySystemd(ctx context.Context, t *tally) {
	for name, text := range map[string]string{"routes.yaml": trialRoutes, "shell": shell} {
		t.assert(name, os.WriteFile(filepath.Join(debs(), name), []byte(text), 0o600))
	}
	for name, pkg := range map[string]string{"systemctl": "systemd", "ip": "iproute2", "nsenter": "util-linux"} {
		t.tool(ctx, name, "usher is tried under a systemd", pkg)
	}
	m, err := bootMachine(ctx, debs())
	if t.assert("boot", err); err != nil {
		return
	}
	defer func() { t.assert("halt", m.halt()) }()
	upstream := m.beside(ctx, "node", "scripts/services/main.js")
	if err := upstream.Start(); err != nil {
		t.fail("the upstream", err.Error())
		return
	}
	defer upstream.Wait()         //nolint:errcheck // it is killed
	defer upstream.Process.Kill() //nolint:errcheck // it may have ended
	t.inside(ctx, m, beforeUpgrade)
	t.visited(ctx, m, "upgrade", true, `pid=$(show MainPID); upgrade() { dpkg -i /mnt/usher_1.0.1_*.deb; until_true changed; }
		changed() { [ "$(show MainPID)" != "$pid" ]; }; at="$at --insecure https://localhost:8443/"; many upgrade`)
	t.inside(ctx, m, afterUpgrade)
	t.visited(ctx, m, "stop", false, `systemctl stop usher.socket usher.service`)
	t.inside(ctx, m, afterStop)
}

// inside counts checks, to the first that fails: each builds on those before.
func (t *tally) inside(ctx context.Context, m *machine, checks []trialCheck) {
	for _, c := range checks {
		if len(t.failures) > 0 {
			return
		}
		t.script(ctx, m, c.name, c.script)
	}
}

// script counts a script that runs in the machine. Of one that fails it tells
// what the service has said, too.
func (t *tally) script(ctx context.Context, m *machine, name, script string) {
	out, err := m.command(ctx, "bash", "-c", ". /mnt/shell\n"+script).CombinedOutput()
	if err == nil {
		t.passed++
		return
	}
	log, _ := m.command(ctx, "journalctl", "--no-pager", "--output=cat", "--lines=20", "--unit=usher.service").CombinedOutput()
	t.fail(name, fmt.Sprintf("%s%s: %v\n%s", out, script, err, log))
}

// visited counts a check with a client whose WebSocket stays as it is, or is
// closed as by one that restarts.
func (t *tally) visited(ctx context.Context, m *machine, name string, stays bool, script string) {
	if len(t.failures) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	visitor := m.beside(ctx, "node", "-e", trialVisitor)
	visitor.Dir = "scripts"
	out, err := visitor.StdoutPipe()
	var in io.WriteCloser
	if err == nil {
		in, err = visitor.StdinPipe()
	}
	if err == nil {
		err = visitor.Start()
	}
	if t.assert(name+": a client", err); err != nil {
		return
	}
	lines := bufio.NewScanner(out)
	t.assert(name+": its WebSocket", wantLine(lines, "open"))
	t.script(ctx, m, name, script)
	if !stays {
		t.assert(name+": its Close", errors.Join(wantLine(lines, "1012"), visitor.Wait()))
		return
	}
	_, err = io.WriteString(in, "?\n")
	t.assert(name+": its WebSocket stays", errors.Join(err, wantLine(lines, "still open"), visitor.Process.Kill()))
	visitor.Wait() //nolint:errcheck // it was killed
}

func wantLine(lines *bufio.Scanner, want string) error {
	if !lines.Scan() || lines.Text() != want {
		return fmt.Errorf("got %q, want %q", lines.Text(), want)
	}
	return nil
}
