package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/term"

	"usher/proxy/command/help"
	"usher/proxy/config"
)

// HelpOptions say what to read.
type HelpOptions struct {
	Topic string
	Verb  bool // there is a verb of that name, too
}

// widestText is where lines end on a terminal that has more room.
const widestText = 100

// HasTopic reports whether there is a text about that.
func HasTopic(word string) bool {
	_, ok := help.Find(word)
	return ok
}

// TopicList returns the topics for a list, each with what it is about.
func TopicList() string {
	var b strings.Builder
	for _, t := range help.Topics() {
		fmt.Fprintf(&b, "   %-12s %s\n", t.Name, t.Title)
	}
	return b.String()
}

// Help writes a topic to w as the Markdown that it is, or, if out is a terminal,
// wrapped there, by the pager that the environment names or less.
func Help(w io.Writer, out *os.File, o HelpOptions) error {
	topic, ok := help.Find(o.Topic)
	if !ok {
		return UnknownTopic(o.Topic, nil)
	}
	text := topic.Markdown()
	if o.Verb {
		text += fmt.Sprintf("\nThere is a verb of that name, too: `usher %s --help`.\n", o.Topic)
	}
	fd := int(out.Fd())
	if !term.IsTerminal(fd) {
		_, err := io.WriteString(w, text)
		return err
	}
	width, _, err := term.GetSize(fd)
	if err != nil || width <= 0 {
		width = 80
	}
	text = help.Terminal(text, min(width, widestText), os.Getenv("NO_COLOR") == "")
	if page(out, text) == nil {
		return nil
	}
	// Without a pager it is still better than nothing.
	_, err = io.WriteString(out, text)
	return err
}

var errNoPager = errors.New("no pager")

// page shows text by $PAGER, or less. An error says that nothing was shown.
func page(out *os.File, text string) error {
	pager, set := os.LookupEnv("PAGER")
	words := strings.Fields(pager)
	switch {
	case !set:
		words = []string{"less"}
	case len(words) == 0 || words[0] == "cat":
		return errNoPager
	}
	c := exec.Command(words[0], words[1:]...) //nolint:gosec // the user's own choice
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(text), out, os.Stderr
	c.Env = os.Environ()
	if _, ok := os.LookupEnv("LESS"); !ok { // as git has it: colours, and no paging of what fits
		c.Env = append(c.Env, "LESS=FRX")
	}
	if err := c.Start(); err != nil {
		return err
	}
	c.Wait() //nolint:errcheck // what it shows is between it and its user, who may leave early
	return nil
}

// UnknownTopic returns the usage error for a word that is neither a topic nor
// one of verbs.
func UnknownTopic(word string, verbs []string) error {
	var topics []string
	for _, t := range help.Topics() {
		topics = append(topics, t.Name)
	}
	hint := fmt.Sprintf("the topics are %s; \"usher help\" lists the verbs, too", strings.Join(topics, ", "))
	if near := config.Nearest(word, slices.Concat(verbs, topics)); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return &UsageError{Text: fmt.Sprintf("there is no help about %q", word), Hint: hint}
}
