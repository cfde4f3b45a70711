// Package line is the command line: its verbs and flags, in whatever order they
// are typed, and what is said to one that cannot be read.
package line

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"usher/proxy/command"
)

// Run does what a command line says, whose first word is the program's own name,
// and returns the exit status.
func Run(words []string) (status int) {
	app := app()
	err := app.RunContext(command.UntilSignal(), flagsFirst(app, words))
	return command.Report(command.Visible(os.Stderr), err)
}

func app() *cli.App {
	verbs := slices.Concat(
		withFlags(fileVerbs(), routesFlag()),
		withFlags(operatorVerbs(), routesFlag(), &cli.StringFlag{Name: "admin", Usage: "the admin `ADDRESS` or URL, if not that of the routes file; USHER_TOKEN has its token, if it wants one"}),
		otherVerbs(),
	)
	verbs = append(verbs, helpCommand())
	for _, v := range verbs {
		v.OnUsageError = usageError
		v.HideHelpCommand = true
	}
	return &cli.App{
		Name:      "usher",
		Writer:    command.Visible(os.Stdout),
		ErrWriter: command.Visible(os.Stderr),
		Usage:     "one handshake per socket, frames relayed by path",
		Commands:  verbs,
		Flags: []cli.Flag{
			routesFlag("USHER_ROUTES"),
			cli.HelpFlag,
			&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version"},
		},
		HideVersion:           true, // the library's has words of its own
		CustomAppHelpTemplate: cli.AppHelpTemplate + topicsTemplate(),
		// A header has commas.
		DisableSliceFlagSeparator: true,
		Before:                    versionAlone,
		Action:                    noVerb,
		OnUsageError:              usageError,
		ExitErrHandler:            func(*cli.Context, error) {}, // main reports it
	}
}

// withFlags adds flags that all of some verbs have.
func withFlags(verbs []*cli.Command, flags ...cli.Flag) []*cli.Command {
	for _, v := range verbs {
		v.Flags = append(v.Flags, flags...)
	}
	return verbs
}

// fileVerbs work with the routes file.
func fileVerbs() []*cli.Command {
	return []*cli.Command{
		{
			Name:      "run",
			Usage:     "serve the routes file until a signal ends it",
			ArgsUsage: "[FILE]",
			Action:    action("FILE", false, runVerb),
		},
		{
			Name:      "check",
			Usage:     "print every error of the routes file, or the routes that it would serve",
			ArgsUsage: "[FILE]",
			Action:    action("FILE", false, checkVerb),
		},
		{
			Name:      "explain",
			Usage:     "say which route takes a request, what is decided on its way, and why no earlier route takes it",
			ArgsUsage: "URL",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "namespace", Usage: "also say which upstream gets the Socket.IO `NAMESPACE`"},
				&cli.StringFlag{Name: "client", Usage: "ask for who has this `ADDRESS`"},
				&cli.StringSliceFlag{Name: "header", Usage: "ask auth about a request with this `\"NAME: VALUE\"`, whose value may end in - for a line of standard input; may be repeated"},
			},
			Action: action("URL", true, explainVerb),
		},
		{
			Name:   "trust",
			Usage:  "say how to trust the local authority of tls.internal",
			Action: action("", false, trustVerb),
		},
	}
}

// operatorVerbs ask a running usher, or give it orders.
func operatorVerbs() []*cli.Command {
	return []*cli.Command{
		{
			Name:  "status",
			Usage: "show what a running usher does: sessions, routes, endpoints",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "ended", Usage: "show the sessions that ended last, with their causes"},
				&cli.IntFlag{Name: "limit", Usage: "how `MANY` of those, 50 if not said, 1000 at most"},
				&cli.BoolFlag{Name: "exit-code", Usage: "exit with 1 while anything is wrong"},
				&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			},
			Action: action("", false, statusVerb),
		},
		{
			Name:  "sessions",
			Usage: "list the open sessions of a running usher, the newest first",
			Flags: append(whichSessions(),
				&cli.StringFlag{Name: "search", Usage: "only with the `TEXT` in any of those, in the id or in a namespace"},
				&cli.IntFlag{Name: "limit", Usage: "how `MANY`, 1000 at most", Value: 100},
				&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			),
			Action: action("", false, sessionsVerb),
		},
		{
			Name:      "close",
			Usage:     "close one session of a running usher, by how its id begins, or all that fit",
			ArgsUsage: "[ID]",
			Flags: append(whichSessions(),
				&cli.StringFlag{Name: "header", Usage: "only whose handshake had the header `NAME`, one of close_by, with the value that standard input has"},
				&cli.IntFlag{Name: "code", Usage: "the `CODE` of the Close frames", Value: 1008},
				&cli.StringFlag{Name: "reason", Usage: "the `TEXT` in the Close frames"},
			),
			Action: action("ID", false, closeVerb),
		},
		{
			Name:   "top",
			Usage:  "show live what a running usher does, busiest first: routes, sessions, upstreams",
			Action: action("", false, topVerb),
		},
		{
			Name:  "tap",
			Usage: "show the frames of a running usher as they pass; secrets are masked",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "route", Usage: "only of the `ROUTE`, as \"usher status\" shows it"},
				&cli.StringFlag{Name: "session", Usage: "only of the session with the `ID`, or whose id begins so"},
				&cli.IntFlag{Name: "limit", Usage: "end after so `MANY` frames"},
				&cli.IntFlag{Name: "bytes", Usage: "how much of each payload to show, 4096 at most", Value: command.TapBytes},
				&cli.BoolFlag{Name: "json", Usage: "print JSON, a line for each frame"},
			},
			Action: action("", false, tapVerb),
		},
		{
			Name:   "reload",
			Usage:  "have a running usher read its routes file again; a bad one changes nothing",
			Action: action("", false, reloadVerb),
		},
		{
			Name:  "drain",
			Usage: "keep new sessions away and close those that are there: of a route, upstream or endpoint, or all",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "route", Usage: "the `ROUTE`, as \"usher status\" shows it"},
				&cli.StringFlag{Name: "upstream", Usage: "the `UPSTREAM`"},
				&cli.StringFlag{Name: "endpoint", Usage: "the `ENDPOINT`, of that upstream if both are given"},
				&cli.BoolFlag{Name: "all", Usage: "everything"},
				&cli.BoolFlag{Name: "wait", Usage: "return when no session and no leg is left"},
				&cli.BoolFlag{Name: "undo", Usage: "let new sessions come again: takes back the drain of the same, no other"},
			},
			Action: action("", false, drainVerb),
		},
		{
			Name:   "upgrade",
			Usage:  "have a running usher start its program anew, and hand its sockets and sessions on",
			Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			Action: action("", false, upgradeVerb),
		},
	}
}

// whichSessions are the flags that say which sessions are meant.
func whichSessions() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "route", Usage: "only of the `ROUTE`, as \"usher status\" shows it"},
		&cli.StringFlag{Name: "upstream", Usage: "only of the `UPSTREAM`, or with a leg to it"},
		&cli.StringFlag{Name: "endpoint", Usage: "only of the `ENDPOINT`, or with a leg to it"},
		&cli.StringFlag{Name: "client", Usage: "only from the `ADDRESS` or network"},
	}
}

// otherVerbs need no routes file.
func otherVerbs() []*cli.Command {
	return []*cli.Command{
		{
			Name:      "doctor",
			Usage:     "say whether the upgrade handlers of a running backend compete",
			ArgsUsage: "URL",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "path", Usage: "another `PATH` to look at; may be repeated"},
				&cli.DurationFlag{Name: "timeout", Usage: "how long to wait for each answer", Value: 5 * time.Second},
				&cli.BoolFlag{Name: "crash", Usage: "also do what kills a backend whose handlers compete"},
			},
			Action: action("URL", true, doctorVerb),
		},
		{
			Name:      "import",
			Usage:     "print a routes file that does what a configuration of nginx does",
			ArgsUsage: "FILE",
			Flags:     []cli.Flag{&cli.StringFlag{Name: "prefix", Usage: "the `FOLDER` that relative names begin at, if not the file's"}},
			Action:    action("FILE", true, importVerb),
		},
		{
			Name:   "demo",
			Usage:  "start four small services with usher in front of them",
			Flags:  []cli.Flag{&cli.StringFlag{Name: "listen", Usage: "the `ADDRESS` of usher", Value: "127.0.0.1:8080"}},
			Action: action("", false, demoVerb),
		},
		{
			Name:      command.DemoServiceVerb,
			Usage:     "be one of the demo's services",
			ArgsUsage: "NAME ADDRESS",
			Hidden:    true,
			Action:    demoServiceVerb,
		},
		{
			Name:   "schema",
			Usage:  "print the JSON Schema of the routes file, for editors",
			Action: action("", false, schemaVerb),
		},
		{
			Name:      "completion",
			Usage:     "print what has a shell complete verbs and flags: bash, zsh or fish",
			ArgsUsage: "SHELL",
			Action:    action("SHELL", true, completionVerb),
		},
		{
			Name:   "man",
			Usage:  "print the manual page: usher man | man -l -",
			Action: action("", false, manVerb),
		},
		{
			Name:   "version",
			Usage:  "print the version, the Go it was built with and the commit",
			Action: action("", false, versionVerb),
		},
	}
}

// routesFlag stands before the verb and behind it. Only before it the
// environment counts, or it would hide the flag that is given there.
func routesFlag(env ...string) cli.Flag {
	return &cli.StringFlag{
		Name: "routes", Usage: "the routes `FILE`", EnvVars: env, TakesFile: true,
		DefaultText: command.LocalRoutes + ", or " + command.SystemRoutes + " where there is none",
	}
}

// action checks the arguments of a verb before it acts.
func action(what string, required bool, act func(c *cli.Context, arg string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		arg, err := command.Positional(c.Command.Name, what, c.Args().Slice(), required)
		if err != nil {
			return err
		}
		return act(c, arg)
	}
}

func runVerb(c *cli.Context, file string) error {
	return command.Run(c.Context, cmp.Or(file, routes(c)), os.Stderr)
}

func checkVerb(c *cli.Context, file string) error {
	return command.Check(c.App.Writer, c.App.ErrWriter, cmp.Or(file, routes(c)))
}

func explainVerb(c *cli.Context, url string) error {
	return command.Explain(c.App.Writer, command.ExplainOptions{File: routes(c), URL: url, Namespace: c.String("namespace"), Client: c.String("client"), Headers: c.StringSlice("header"), Input: c.App.Reader})
}

func doctorVerb(c *cli.Context, url string) error {
	return command.Doctor(c.Context, c.App.Writer, command.DoctorOptions{
		URL: url, Paths: c.StringSlice("path"), Timeout: c.Duration("timeout"), Crash: c.Bool("crash"),
	})
}

func importVerb(c *cli.Context, file string) error {
	return command.Import(c.App.Writer, c.App.ErrWriter, command.ImportOptions{File: file, Prefix: c.String("prefix")})
}

func statusVerb(c *cli.Context, _ string) error {
	return command.Status(c.Context, c.App.Writer, command.StatusOptions{
		OperatorOptions: operator(c), Ended: c.Bool("ended"), Limit: c.Int("limit"), JSON: c.Bool("json"), Exit: c.Bool("exit-code"),
	})
}

func filter(c *cli.Context) command.SessionFilter {
	return command.SessionFilter{
		Route: c.String("route"), Upstream: c.String("upstream"), Endpoint: c.String("endpoint"), Client: c.String("client"),
	}
}

func sessionsVerb(c *cli.Context, _ string) error {
	return command.Sessions(c.Context, c.App.Writer, command.SessionsOptions{
		OperatorOptions: operator(c), SessionFilter: filter(c),
		Search: c.String("search"), Limit: c.Int("limit"), JSON: c.Bool("json"),
	})
}

func closeVerb(c *cli.Context, id string) error {
	return command.Close(c.Context, os.Stdin, c.App.Writer, command.CloseOptions{
		OperatorOptions: operator(c), SessionFilter: filter(c), ID: id, Header: c.String("header"),
		Code: c.Int("code"), Reason: c.String("reason"),
	})
}

func topVerb(c *cli.Context, _ string) error {
	return command.Top(c.Context, os.Stdin, os.Stdout, operator(c))
}

func tapVerb(c *cli.Context, _ string) error {
	return command.Tap(c.Context, c.App.Writer, c.App.ErrWriter, command.TapOptions{
		OperatorOptions: operator(c), Route: c.String("route"), Session: c.String("session"),
		Limit: c.Int("limit"), Bytes: c.Int("bytes"), JSON: c.Bool("json"),
	})
}

func reloadVerb(c *cli.Context, _ string) error {
	return command.Reload(c.Context, c.App.Writer, c.App.ErrWriter, operator(c))
}

func drainVerb(c *cli.Context, _ string) error {
	return command.Drain(c.Context, c.App.Writer, command.DrainOptions{
		OperatorOptions: operator(c), Route: c.String("route"), Upstream: c.String("upstream"), Endpoint: c.String("endpoint"),
		All: c.Bool("all"), Wait: c.Bool("wait"), Undo: c.Bool("undo"),
	})
}

// operator says where the usher is that a verb is about.
func operator(c *cli.Context) command.OperatorOptions {
	return command.OperatorOptions{Routes: routes(c), Admin: c.String("admin")}
}

func demoVerb(c *cli.Context, _ string) error {
	return command.Demo(c.Context, c.App.Writer, command.DemoOptions{Listen: c.String("listen")})
}

func demoServiceVerb(c *cli.Context) error {
	return command.DemoService(c.Context, os.Stdin, os.Stdout, c.Args().Get(0), c.Args().Get(1))
}

func trustVerb(c *cli.Context, _ string) error { return command.Trust(c.App.Writer, routes(c)) }

func upgradeVerb(c *cli.Context, _ string) error {
	return command.Upgrade(c.Context, c.App.Writer, command.UpgradeOptions{OperatorOptions: operator(c), JSON: c.Bool("json")})
}

func schemaVerb(c *cli.Context, _ string) error { return command.Schema(c.App.Writer) }

func versionVerb(c *cli.Context, _ string) error { return command.Version(c.App.Writer) }

func versionAlone(c *cli.Context) error {
	if c.Bool("version") && c.Args().Present() {
		return &command.UsageError{Text: "--version stands alone", Hint: "usher --version, or usher " + strings.Join(c.Args().Slice(), " ")}
	}
	return nil
}

func noVerb(c *cli.Context) error {
	switch {
	case c.Bool("version"):
		return command.Version(c.App.Writer)
	case !c.Args().Present():
		return cli.ShowAppHelp(c)
	}
	return command.UnknownVerb(c.Args().First(), verbNames(c.App))
}

// routes returns --routes as it was given behind the verb, or before it.
func routes(c *cli.Context) string {
	for _, level := range c.Lineage() {
		if file := level.String("routes"); level.IsSet("routes") && file != "" {
			return file
		}
	}
	return command.FindRoutes(command.LocalRoutes, command.SystemRoutes)
}

func usageError(c *cli.Context, err error, inVerb bool) error {
	verb, list := "", c.App.Flags
	if inVerb {
		verb, list = c.Command.Name, c.Command.Flags
	}
	return command.FlagError(err, verb, flags(list))
}
