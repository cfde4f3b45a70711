package command

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"usher/proxy/config"
)

// UnknownVerb returns the usage error for a verb that is none of verbs.
func UnknownVerb(word string, verbs []string) error {
	hint := `"usher help" lists the verbs`
	near := config.Nearest(word, verbs)
	switch word {
	case "start", "serve", "up":
		near = "run"
	case "validate", "test", "lint":
		near = "check"
	}
	if near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &UsageError{Text: fmt.Sprintf("unknown verb %q", word), Hint: hint}
}

// Flag is what a refusal, and a shell, is told of one.
type Flag struct {
	Names []string // without dashes, the first is the one to say
	Value string   // what its value is called, "" if it takes none
	Such  string   // a value of the kind
	File  bool     // which is a file
	Usage string   // what it is for
}

// FlagError turns the flag parser's err into a usage error. verb is "" before there
// is one; flags are those that could have been meant.
func FlagError(err error, verb string, flags []Flag) error {
	called := strings.TrimSpace("usher " + verb)
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return &UsageError{Text: fmt.Sprintf("unknown flag %q", "--"+name), Hint: meantFlag(name, called, flags)}
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		f := flagOf(name, flags)
		return &UsageError{Text: fmt.Sprintf("--%s needs a value", name), Hint: fmt.Sprintf("%s --%s %s", called, name, cmp.Or(f.Value, "VALUE"))}
	}
	for _, form := range []*regexp.Regexp{invalidValue, invalidBool} {
		if m := form.FindStringSubmatch(text); m != nil {
			f := flagOf(m[2], flags)
			return &UsageError{Text: fmt.Sprintf("--%s cannot be %s", m[2], m[1]), Hint: strings.TrimSpace(fmt.Sprintf("%s --%s %s", called, m[2], f.Such))}
		}
	}
	return &UsageError{Text: text, Hint: called + " --help lists the flags"}
}

// The flag parser's words, with the value as it has quoted it and the flag's name.
var (
	invalidValue = regexp.MustCompile(`(?s)^invalid value (".*") for flag -([^:"]+): `)
	invalidBool  = regexp.MustCompile(`(?s)^invalid boolean value (".*") for -([^:"]+): `)
)

func flagOf(name string, flags []Flag) Flag {
	for _, f := range flags {
		if slices.Contains(f.Names, name) {
			return f
		}
	}
	return Flag{}
}

// meantFlag says what to type instead of a flag that there is not.
func meantFlag(name, called string, flags []Flag) string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names...)
	}
	switch near := config.Nearest(name, names); {
	case name == "version" || name == "v" || name == "V":
		return `did you mean "usher version"?`
	case (name == "config" || name == "c" || name == "f") && flagOf("routes", flags).Names != nil:
		return "did you mean --routes?"
	case near != "":
		return fmt.Sprintf("did you mean --%s?", near)
	}
	return called + " --help lists the flags"
}

// Positional returns the one argument of a verb, or "" if there is none.
func Positional(verb, what string, args []string, required bool) (string, error) {
	switch {
	case len(args) == 1 && what == "" && isRoutesFile(args[0]):
		return "", &UsageError{Text: fmt.Sprintf("unexpected argument %q", args[0]), Hint: fmt.Sprintf("usher %s --routes %s", verb, args[0])}
	case len(args) > 1 || len(args) == 1 && what == "":
		return "", &UsageError{Text: fmt.Sprintf("unexpected argument %q", args[len(args)-1]), Hint: use(verb, what)}
	case len(args) == 0 && required:
		return "", &UsageError{Text: fmt.Sprintf("%s needs a %s", verb, what), Hint: use(verb, what)}
	case len(args) == 0:
		return "", nil
	}
	return args[0], nil
}

func isRoutesFile(arg string) bool {
	return strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml")
}

func use(verb, what string) string {
	return strings.TrimSpace("usage: usher " + verb + " [flags] " + what)
}
