package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is one value of the file, and where it stands. The zero value stands
// for a key that the file does not have.
type value struct {
	Position            // of the value itself, behind any alias
	used     Position   // of the alias, if there is one
	name     string     // what errors call it, its key
	node     *yaml.Node // never an alias
}

func (v value) given() bool { return v.node != nil }

// maxValues bounds the walk: aliases of aliases make a small file huge.
const maxValues = 100000

func (l *loader) value(name string, n *yaml.Node) value {
	v := value{name: name, used: Position{n.Line, n.Column}}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	v.node, v.Position = n, Position{n.Line, n.Column}
	return v
}

// visit counts the children of v and says whether they may be walked.
func (l *loader) visit(v value) bool {
	l.visited += len(v.node.Content)
	if l.visited > maxValues {
		l.errorf(v.Position, "the file has more than %d values, with its aliases written out", maxValues)
		l.stopped = true
	}
	return !l.stopped
}

// items returns the entries of a list. name is what errors call one of them.
func (l *loader) items(v value, name string) []value {
	if !v.given() || !l.want(v, "!!seq") || !l.visit(v) {
		return nil
	}
	if len(v.node.Content) == 0 {
		l.errorf(v.Position, "%s is empty", v.name)
	}
	list := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		list[i] = l.value(name, n)
	}
	return list
}

// oneOrMore returns the entries of a list, or what stands in the place of one.
func (l *loader) oneOrMore(v value, name string) []value {
	if v.given() && v.node.Kind != yaml.SequenceNode {
		return []value{v}
	}
	return l.items(v, name)
}

// pair is a key of a mapping and what it is for.
type pair struct {
	key   word
	value value
}

// pairs returns what a mapping holds, without keys that stand there twice.
func (l *loader) pairs(v value) []pair { return l.keyed(v, "!!str") }

// numbered is pairs for keys that are numbers.
func (l *loader) numbered(v value) []pair { return l.keyed(v, "!!int") }

func (l *loader) keyed(v value, tag string) []pair {
	if !v.given() || !l.want(v, "!!map") || !l.visit(v) {
		return nil
	}
	var list []pair
	first := make(map[string]Position)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := l.value("a key", v.node.Content[i])
		if key.node.Kind == yaml.ScalarNode && key.node.ShortTag() == "!!merge" {
			l.errorf(key.Position, "merge keys are not supported: write the keys out")
			continue
		}
		if !l.want(key, tag) {
			continue
		}
		w := word{Position: key.Position, text: key.node.Value, shown: key.node.Value}
		if at, ok := first[w.text]; ok {
			l.errorf(key.used, "key %s stands here a second time: the first is at %s", w, l.where(at))
			continue
		}
		first[w.text] = w.Position
		list = append(list, pair{w, l.value(w.text, v.node.Content[i+1])})
	}
	return list
}

// want reports a value that has another type than the wanted one.
func (l *loader) want(v value, tag string) bool {
	switch got := v.node.ShortTag(); {
	case got == tag:
		return true
	case got == "!!null":
		l.errorf(v.Position, "%s has no value%s", v.name, map[string]string{"!!map": ": indent what belongs to it"}[tag])
	case tag == "!!str" && v.node.Kind == yaml.ScalarNode && v.node.Style&yaml.TaggedStyle == 0:
		l.errorf(v.Position, "%s must be text, not %s: put it in quotes", v.name, kind(got))
	default:
		l.errorf(v.Position, "%s must be %s, not %s%s", v.name, kind(tag), kind(got), v.remedy(tag))
	}
	return false
}

// remedy says how a value becomes one of the wanted type.
func (v value) remedy(tag string) string {
	block := v.node.Style&yaml.FlowStyle == 0
	switch {
	case tag == "!!map" && v.node.Kind == yaml.SequenceNode && block:
		return ": leave out the dashes"
	case tag == "!!map" && strings.Contains(strings.SplitN(v.node.Value, " ", 2)[0], ":"):
		return ": a space belongs behind the colon of each key"
	case tag == "!!seq" && v.node.Kind == yaml.MappingNode && block:
		return ": put a dash before each entry"
	case tag == "!!seq" && v.node.Kind == yaml.MappingNode:
		return ": put it in [ ]"
	}
	return ""
}

func kind(tag string) string {
	switch tag {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a date"
	}
	return strconv.Quote(tag)
}
