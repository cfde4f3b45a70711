package nginx

import (
	"regexp"
	"strings"
)

// maxUsers is how much of a file of users is looked at.
const maxUsers = 1 << 20

// bcrypted is a line that auth: {basic: ...} takes.
var bcrypted = regexp.MustCompile(`^[^:"#]+:\$2[abxy]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$`)

// login returns a login as the routes file has it, "" if it can be none there.
func (im *importer) login(in *scope, d *Directive) string {
	if d.Name != "auth_basic" {
		return ""
	}
	file := in.one("auth_basic_user_file").arg(0)
	if file == "" || strings.Contains(file+d.arg(0), "$") || !im.bcrypted(im.file(file)) {
		return ""
	}
	auth := "{basic: {users: " + q(im.file(file)) + ", realm: " + q(d.arg(0)) + "}}"
	if problem("", "  - {upstream: x, auth: "+auth+"}\n") != "" {
		return ""
	}
	return auth
}

// bcrypted tells whether all passwords of a file of users are kept by bcrypt.
func (im *importer) bcrypted(file string) bool {
	if known, ok := im.users[file]; ok {
		return known
	}
	im.users[file] = false
	text, err := im.source.Read(file, maxUsers)
	if err != nil || len(text) > maxUsers {
		return false
	}
	names := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line == "" || line[0] == '#' {
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		if !bcrypted.MatchString(line) || names[name] {
			return false
		}
		names[name] = true
	}
	im.users[file] = len(names) > 0
	return im.users[file]
}
