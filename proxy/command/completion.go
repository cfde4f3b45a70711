package command

import (
	"fmt"
	"io"
	"strings"
)

// Verb is what a shell is told of one.
type Verb struct {
	Name, Usage string
	Flags       []Flag
	Args        []string // what stands in the place of its argument; nil for any file
	None        bool     // it takes no argument
}

// CompleteBash writes what has bash complete verbs and flags, and files where there
// is nothing else. before are the flags that may stand before a verb.
func CompleteBash(w io.Writer, before []Flag, verbs []Verb) error {
	var names, cases strings.Builder
	for _, v := range verbs {
		names.WriteString(" " + v.Name)
		fmt.Fprintf(&cases, "\t%s) flags=%q words=%q ;;\n", v.Name, strings.Join(dashed(v.Flags), " "), strings.Join(v.Args, " "))
	}
	_, err := fmt.Fprintf(w, `# Completion of usher for bash: source <(usher completion bash)
_usher() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb= flags= words= i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		%s) ((i++)) ;;
		-* | =) ;;
		*) verb=${COMP_WORDS[i]} && break ;;
		esac
	done
	case $verb in
	'') flags=%q words=%q ;;
%s	esac
	[[ $cur == -* ]] && words=$flags
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _usher usher
`, strings.Join(dashed(valued(before)), " | "), strings.Join(dashed(before), " "), strings.TrimSpace(names.String()), cases.String())
	return err
}

// CompleteZsh writes the same for zsh, which shows what verbs and flags are for.
func CompleteZsh(w io.Writer, before []Flag, verbs []Verb) error {
	var list, cases strings.Builder
	for _, v := range verbs {
		fmt.Fprintf(&list, "\t\t%s\n", zshQuoted(v.Name+":"+strings.ReplaceAll(v.Usage, ":", `\:`)))
		fmt.Fprintf(&cases, "\t\t%s) _arguments%s", v.Name, zshFlags(v.Flags))
		switch {
		case v.Args != nil:
			fmt.Fprintf(&cases, " '1: :(%s)'", strings.Join(v.Args, " "))
		case !v.None:
			cases.WriteString(" '*: :_files'")
		}
		cases.WriteString(" ;;\n")
	}
	_, err := fmt.Fprintf(w, `#compdef usher
# Completion of usher for zsh: source <(usher completion zsh)
_usher() {
	local state line curcontext=$curcontext
	local -a verbs
	verbs=(
%s	)
	_arguments -C%s '1: :->verb' '*:: :->rest'
	case $state in
	verb) _describe verb verbs ;;
	rest)
		case $words[1] in
%s		esac
		;;
	esac
}
if [[ $funcstack[1] == _usher ]]; then _usher "$@"; else compdef _usher usher; fi
`, list.String(), zshFlags(before), cases.String())
	return err
}

func zshFlags(flags []Flag) string {
	var b strings.Builder
	for _, f := range flags {
		for _, name := range dashed([]Flag{f}) {
			about := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(f.Usage)
			spec := fmt.Sprintf("*%s[%s]", name, about)
			if f.Value != "" {
				spec += ":" + f.Value + ":"
				if f.File {
					spec += "_files"
				}
			}
			b.WriteString(" " + zshQuoted(spec))
		}
	}
	return b.String()
}

func zshQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// dashed are the names of flags as they are typed.
func dashed(flags []Flag) []string {
	var list []string
	for _, f := range flags {
		for _, name := range f.Names {
			if len(name) > 1 {
				name = "-" + name
			}
			list = append(list, "-"+name)
		}
	}
	return list
}

func valued(flags []Flag) []Flag {
	var list []Flag
	for _, f := range flags {
		if f.Value != "" {
			list = append(list, f)
		}
	}
	return list
}
