// Package help has what "usher help" prints: a Markdown file for each topic,
// which the binary carries, the table of all keys of the routes file, which is
// made from the schema, and how both look on a terminal.
package help

import (
	"embed"
	"slices"
	"strings"

	"usher/proxy/config"
)

// names are the topics, in the order in which one would read them.
var names = [...]string{"routes", "socketio", "tls", "auth", "limits", "operations", "seeing", "fleet", "nginx", "performance", "security"}

//go:embed *.md
var files embed.FS

// keysMark is the line of a topic in whose place the table of keys is printed.
const keysMark = "<!-- keys -->\n"

// Topic is one text.
type Topic struct {
	Name  string
	Title string // its first heading
	text  string
}

// Topics returns all of them, in the order in which one would read them.
func Topics() []Topic {
	all := make([]Topic, 0, len(names))
	for _, name := range names {
		text, err := files.ReadFile(name + ".md")
		if err != nil {
			panic(err) // the program was built without it
		}
		title, _, _ := strings.Cut(string(text), "\n")
		all = append(all, Topic{Name: name, Title: strings.TrimPrefix(title, "# "), text: string(text)})
	}
	return all
}

// Find returns the topic of that name, and whether there is one.
func Find(name string) (Topic, bool) {
	all := Topics()
	i := slices.IndexFunc(all, func(t Topic) bool { return t.Name == name })
	if i < 0 {
		return Topic{}, false
	}
	return all[i], true
}

// Markdown returns the text, with the table of keys where it has its place.
func (t Topic) Markdown() string {
	before, after, found := strings.Cut(t.text, keysMark)
	if !found {
		return t.text
	}
	return before + Keys(config.Schema()) + after
}
