package line

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst returns a command line in the order that the library reads: it takes
// all behind the first argument of a verb for more arguments. Behind "--" nothing
// is a flag.
func flagsFirst(app *cli.App, line []string) []string {
	if len(line) == 0 {
		return line
	}
	before, rest := flagsAndVerb(app, line[1:])
	if len(rest) == 0 {
		return line
	}
	verb := app.Command(rest[0])
	if verb == nil {
		return line
	}
	flags, args := apart(verb.Flags, rest[1:])
	return slices.Concat(line[:1], before, rest[:1], flags, args)
}

// flagsAndVerb cuts words before the verb.
func flagsAndVerb(app *cli.App, words []string) (before, rest []string) {
	for i := 0; i < len(words); i++ {
		switch {
		case !isFlag(words[i]) || words[i] == "--":
			return words[:i], words[i:]
		case takesNext(app.Flags, words[i]):
			i++
		}
	}
	return words, nil
}

// apart returns the flags in words with their values, and all else. A flag that
// lacks its value stands last and alone: the library is to say so, and not to take
// an argument for it.
func apart(known []cli.Flag, words []string) (flags, args []string) {
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "--":
			return flags, slices.Concat([]string{"--"}, args, words[i+1:])
		case !isFlag(word):
			args = append(args, word)
		case !takesNext(known, word):
			flags = append(flags, word)
		case i+1 == len(words):
			return append(flags, word), nil
		default:
			i++
			flags = append(flags, word, words[i])
		}
	}
	return flags, args
}

// isFlag is false of "-", which stands for standard input.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// takesNext tells whether the word behind a flag is its value. One that nobody
// knows takes nothing: it is refused.
func takesNext(known []cli.Flag, word string) bool {
	if strings.Contains(word, "=") {
		return false
	}
	name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			value, ok := f.(cli.DocGenerationFlag)
			return ok && value.TakesValue()
		}
	}
	return false
}
