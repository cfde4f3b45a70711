package command

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"usher/proxy/certs"
)

// Trust writes where the certificate of the local authority is and how to
// trust it, and makes the authority if it is not there yet.
func Trust(w io.Writer, routes string) error {
	cfg, err := load(routes)
	if err != nil {
		return err
	}
	if !cfg.TLS.Internal {
		return &hintError{
			Err:  errors.New("the routes file has no local authority to trust"),
			Hint: "write tls: {internal: true}, on a laptop or for tests",
		}
	}
	a, err := certs.OpenAuthority(cfg)
	if err != nil {
		return err
	}
	file, err := filepath.Abs(a.File)
	if err != nil {
		return err
	}
	what := "The local authority's certificate is\n  %[1]s\n"
	if a.Made {
		what = "The local authority was made just now; its certificate is\n  %[1]s\n"
	}
	_, err = fmt.Fprintf(w, what+"\n"+systemTrust(runtime.GOOS)+programTrust, file)
	return err
}

// systemTrust is what makes browsers and most programs of a system trust it.
func systemTrust(system string) string {
	switch system {
	case "darwin":
		return `For the whole system:
  sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "%[1]s"
`
	case "windows":
		return `For this user, in a command prompt:
  certutil -user -addstore Root "%[1]s"
`
	}
	return `For the whole system, on Debian and Ubuntu:
  sudo cp "%[1]s" /usr/local/share/ca-certificates/usher.crt && sudo update-ca-certificates
on Fedora and Arch:
  sudo trust anchor "%[1]s"
For Chromium on Linux, which has a store of its own (package libnss3-tools):
  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n usher -i "%[1]s"
`
}

const programTrust = `For one program:
  curl --cacert "%[1]s" https://localhost/
  NODE_EXTRA_CA_CERTS="%[1]s" node client.js
  Firefox: Settings, Privacy & Security, View Certificates, Authorities, Import

Its key stays on this machine: whoever has it can pretend to be any site to
those who trust the certificate.
`
