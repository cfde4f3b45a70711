package line

import (
	"os"

	"github.com/urfave/cli/v2"

	"usher/proxy/command"
)

// helpCommand is in place of the library's, which knows no topics. That would
// have added the flag --help, too.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Aliases:   []string{"h"},
		Usage:     "list the verbs and topics, or tell all about one",
		ArgsUsage: "[VERB or TOPIC]",
		Action:    action("VERB or TOPIC", false, helpVerb),
	}
}

// topicsTemplate is what stands below the library's list of verbs.
func topicsTemplate() string { return "\nTOPICS (usher help TOPIC):\n" + command.TopicList() }

// helpVerb prefers the topic where a verb has the same name, which has --help.
func helpVerb(c *cli.Context, word string) error {
	isVerb := c.App.Command(word) != nil
	switch {
	case word == "":
		return cli.ShowAppHelp(c)
	case command.HasTopic(word):
		return command.Help(c.App.Writer, os.Stdout, command.HelpOptions{Topic: word, Verb: isVerb})
	case isVerb:
		return cli.ShowCommandHelp(c, word)
	}
	return command.UnknownTopic(word, verbNames(c.App))
}

func verbNames(app *cli.App) []string {
	names := make([]string, 0, len(app.Commands))
	for _, v := range app.VisibleCommands() {
		names = append(names, v.Name)
	}
	return names
}
