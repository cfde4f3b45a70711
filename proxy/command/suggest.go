package command

import (
	"fmt"
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

// FlagError turns the flag parser's err into a usage error. flags are the
// names that could have been meant, without dashes.
func FlagError(err error, flags []string) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: ")
	if !unknown {
		return &UsageError{Text: err.Error()}
	}
	name = strings.TrimLeft(name, "-")
	hint := "--help lists the flags"
	switch near := config.Nearest(name, flags); {
	case name == "version" || name == "v":
		hint = `did you mean "usher version"?`
	case name == "config" || name == "c" || name == "f":
		hint = "did you mean --routes?"
	case near != "":
		hint = fmt.Sprintf("did you mean --%s?", near)
	}
	return &UsageError{Text: fmt.Sprintf("unknown flag %q", "--"+name), Hint: hint}
}

// Positional returns the one argument of a verb, or "" if there is none. It
// refuses flags behind it, which the parser would take for more arguments.
func Positional(verb, what string, args []string, required bool) (string, error) {
	for i, arg := range args {
		if i > 0 && strings.HasPrefix(arg, "-") {
			return "", &UsageError{
				Text: fmt.Sprintf("flag %q stands behind %q", arg, args[0]),
				Hint: fmt.Sprintf("flags stand before it: usher %s %s ... %s", verb, arg, args[0]),
			}
		}
	}
	switch {
	case len(args) == 1 && what == "" && isRoutesFile(args[0]):
		return "", &UsageError{Text: fmt.Sprintf("unexpected argument %q", args[0]), Hint: fmt.Sprintf("usher --routes %s %s", args[0], verb)}
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
