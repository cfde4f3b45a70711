package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
)

// from is a Source of texts.
func from(files map[string]string) Source {
	return Source{
		Prefix: "/etc/nginx",
		Read: func(name string, most int) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return []byte(text[:min(len(text), most+1)]), nil
		},
		Glob: func(pattern string) (names []string, err error) {
			for i := range 20 {
				name := fmt.Sprintf("/etc/nginx/conf.d/%02d.conf", i)
				if ok, err := path.Match(pattern, name); err != nil {
					return nil, err
				} else if _, there := files[name]; ok && there {
					names = append(names, name)
				}
			}
			return names, nil
		},
	}
}

// written shows directives as words with their places.
func written(list []*Directive) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s:%d %q %q", path.Base(d.File), d.Line, d.Name, d.Args)
		if d.Block != nil {
			fmt.Fprintf(&b, " { %s}", written(d.Block))
		}
		b.WriteString("; ")
	}
	return b.String()
}

// The words of a configuration, as nginx takes them.
func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                              ``,
		"a b c;":                        `n:1 "a" ["b" "c"]; `,
		"a\n\n b ;c;":                   `n:1 "a" ["b"]; n:3 "c" []; `,
		"# x { ;\na#b c; # d":           `n:2 "a#b" ["c"]; `,
		`a "b c;{" 'd "e';`:             `n:1 "a" ["b c;{" "d \"e"]; `,
		`a "\"\\\n" \.php$ b\ c;`:       `n:1 "a" ["\"\\\n" "\\.php$" "b\\ c"]; `,
		`'' close;`:                     `n:1 "" ["close"]; `,
		"a ${b}c$d;":                    `n:1 "a" ["${b}c$d"]; `,
		"l /x{r;}":                      `n:1 "l" ["/x"] { n:1 "r" []; }; `,
		"l ~ x}y {}":                    `n:1 "l" ["~" "x}y"] { }; `,
		"if ($a = 'x') {}":              `n:1 "if" ["($a" "=" "x" ")"] { }; `,
		"a\tb\r\nc;":                    `n:1 "a" ["b" "c"]; `,
		"a `b;":                         "n:1 \"a\" [\"`b\"]; ",
		"x_by_lua_block { a{} b } y;":   `n:1 "x_by_lua_block" [] { }; n:1 "y" []; `,
		"a \"b\nc\";\nd;":               `n:1 "a" ["b\nc"]; n:3 "d" []; `,
		"include mime.types; b;":        `n:1 "b" []; `,
		"include conf.d/*.conf; b;":     `00.conf:1 "c" []; 01.conf:2 "d" []; n:1 "b" []; `,
		"s { include conf.d/00.conf; }": `n:1 "s" [] { 00.conf:1 "c" []; }; `,
		"include none/*.conf;":          ``,
	} {
		list, err := Read("n", from(map[string]string{"n": text, "/etc/nginx/conf.d/00.conf": "c;", "/etc/nginx/conf.d/01.conf": "\nd;"}))
		if got := written(list); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	}
}

// Whatever a file holds, Read ends soon, and says where it is wrong.
func TestHostile(t *testing.T) {
	for text, want := range map[string]string{
		"a b":                               `n:1: directive "a" has no ";"`,
		"a {\nb;\n":                         `n:1: a "{" has no "}"`,
		"a;\n}\nserver { deny all; }":       `n:2: unexpected '}'`,
		"server {\nlisten 80\n}":            `n:3: unexpected "}": directive "listen" at line 2 has no ";"`,
		"a \"b;\n\n":                        `n:1: a word in quotes has no end`,
		"a 'b'c;":                           `n:1: unexpected 'c' behind a word in quotes`,
		";":                                 `n:1: unexpected ';'`,
		"a;\n{ }":                           `n:2: unexpected '{'`,
		"a;\nb\x00;":                        `n:2: the byte 0x00 stands in no configuration: is this a text file?`,
		"\x7fELF\x02\x01":                   `n:1: the byte 0x02 stands in no configuration: is this a text file?`,
		"a;\ninclude conf.d/00.conf;":       `/etc/nginx/conf.d/00.conf:1: include "/etc/nginx/conf.d/00.conf": the file includes itself`,
		"include conf.d/01.conf;":           `/etc/nginx/conf.d/02.conf:2: include "/etc/nginx/conf.d/01.conf": the file includes itself`,
		"include gone.conf;":                `n:1: include: open /etc/nginx/gone.conf: file does not exist`,
		"include;":                          `n:1: include takes one name`,
		"include conf.d/[;":                 `n:1: include "/etc/nginx/conf.d/[": syntax error in pattern`,
		"x_by_lua_block {":                  `n:1: a "{" has no "}"`,
		strings.Repeat("a {", 1000):         `n:1: more than 100 blocks stand in each other`,
		strings.Repeat("a", maxText+1):      `n:1: a configuration of more than 4 MiB or 1000 files is none that is meant`,
		strings.Repeat("a;\n", 4<<20):       `n:1: a configuration of more than 4 MiB or 1000 files is none that is meant`,
		"a" + strings.Repeat(" b", 1<<20):   `n:1: a configuration of more than 100000 words is none that is meant`,
		strings.Repeat("a;\n", 1<<20):       `n:100001: a configuration of more than 100000 words is none that is meant`,
		"a\x1b[31m;":                        `n:1: the byte 0x1b stands in no configuration: is this a text file?`,
		strings.Repeat("include e; ", 1100): `n:1: include: /etc/nginx/e:1: a configuration of more than 4 MiB or 1000 files is none that is meant`,
	} {
		_, err := Read("n", from(map[string]string{
			"n": text, "/etc/nginx/e": "", "/etc/nginx/conf.d/00.conf": "include conf.d/*0.conf;",
			"/etc/nginx/conf.d/01.conf": "include conf.d/02.conf;", "/etc/nginx/conf.d/02.conf": "\ninclude conf.d/01.conf;",
		}))
		if fault, ok := errors.AsType[*Error](err); !ok || fault.Error() != want {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
	if _, err := Read("none", from(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

// Whatever is read, what is converted passes as a routes file.
func FuzzConvert(f *testing.F) {
	for _, text := range append(seeds(f), "server{listen 0 ssl;ssl_certificate ;ssl_certificate_key;}", "server{location /{proxy_pass https://a;proxy_ssl_certificate ;}}") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Read("n", from(map[string]string{"n": text}))
		if err != nil {
			return
		}
		if _, err := Convert("n", from(nil), list); err != nil && strings.Contains(err.Error(), "mistake") {
			t.Errorf("%v", err)
		}
	})
}
