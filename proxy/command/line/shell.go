package line

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"usher/proxy/command"
)

// shells are those that verbs and flags are completed in.
var shells = []string{"bash", "fish", "zsh"}

func completionVerb(c *cli.Context, shell string) error {
	before, verbs := flags(c.App.Flags), verbs(c.App)
	switch shell {
	case "bash":
		return command.CompleteBash(c.App.Writer, before, verbs)
	case "zsh":
		return command.CompleteZsh(c.App.Writer, before, verbs)
	case "fish":
		text, err := app().ToFishCompletion() // of one that has not run: "help" is its own verb then, without end
		if err == nil {
			_, err = io.WriteString(c.App.Writer, text)
		}
		return err
	}
	return &command.UsageError{Text: fmt.Sprintf("no completion for %q", shell), Hint: "usher completion " + strings.Join(shells, ", or usher completion ")}
}

func manVerb(c *cli.Context, _ string) error {
	text, err := app().ToManWithSection(1) // likewise
	if err == nil {
		_, err = io.WriteString(c.App.Writer, text)
	}
	return err
}

// verbs are those that people type.
func verbs(app *cli.App) []command.Verb {
	var list []command.Verb
	for _, v := range app.VisibleCommands() {
		one := command.Verb{Name: v.Name, Usage: v.Usage, Flags: flags(v.Flags), None: v.ArgsUsage == ""}
		switch v.Name {
		case "help":
			one.Args, one.None = verbNames(app), false
		case "completion":
			one.Args = shells
		}
		list = append(list, one)
	}
	return list
}

// flags are what is told of some, and that each verb has help.
func flags(list []cli.Flag) []command.Flag {
	var out []command.Flag
	for _, f := range list {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || slices.Contains(f.Names(), "help") {
			continue
		}
		one := command.Flag{Names: f.Names(), Usage: strings.ReplaceAll(doc.GetUsage(), "`", "")}
		if doc.TakesValue() {
			one.Value = "VALUE"
			if _, behind, ok := strings.Cut(doc.GetUsage(), "`"); ok {
				one.Value, _, _ = strings.Cut(behind, "`")
			}
		}
		switch f := f.(type) {
		case *cli.IntFlag:
			one.Such = "10"
		case *cli.DurationFlag:
			one.Such = "5s"
		case *cli.StringFlag:
			one.File = f.TakesFile
		}
		out = append(out, one)
	}
	return append(out, command.Flag{Names: []string{"help"}, Usage: "say what it does and takes"})
}
