package help

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Keys returns the tables of all keys that schema has, as Markdown: one for each
// kind of mapping, the file's own first. schema is the JSON Schema of the routes
// file; another one panics.
func Keys(schema []byte) string {
	var root node
	if err := json.Unmarshal(schema, &root); err != nil {
		panic(err) // it is the program's own
	}
	k := keys{defs: root.Defs}
	route := k.defs["route"]
	k.add("", heads[0], root.Properties.but(route.Properties), root.Required)
	k.add("", heads[1], root.Properties.both(route.Properties), nil)
	k.add("routes", heads[2], route.Properties.but(root.Properties), route.Required)
	for i := 0; i < len(k.found); i++ { // further ones are found meanwhile
		f := k.found[i]
		k.next = i + 1
		k.add(f.paths[0], "", f.node.Properties, f.node.Required)
	}
	return k.text()
}

// heads are those of the first tables.
var heads = [...]string{"At the top level", "At the top level, as the default of all routes, and on a route", "On a route"}

// both returns those of p that others has too, and but the other ones.
func (p properties) both(others properties) properties {
	return slices.DeleteFunc(slices.Clone(p), func(one property) bool { return !others.has(one) })
}

func (p properties) but(others properties) properties {
	return slices.DeleteFunc(slices.Clone(p), others.has)
}

// has tells whether p has one by the same definition.
func (p properties) has(one property) bool {
	return slices.ContainsFunc(p, func(o property) bool { return o.name == one.name && o.Ref == one.Ref && one.Ref != "" })
}

// keys are the tables while they are made.
type keys struct {
	defs   map[string]node
	tables []table
	found  []mapping // whose keys have a table of their own
	next   int       // where the next one of found has its place: behind the one that it stands in
}

type table struct {
	title string // of the first ones
	of    int    // else which of found it is
	rows  [][4]string
}

// mapping is one kind of mapping, and where it may stand.
type mapping struct {
	paths []string
	node  node
}

// add makes a table of the properties of what stands at path.
func (k *keys) add(path, title string, all properties, required []string) {
	t := table{title: title, of: len(k.tables) - len(heads)}
	for _, p := range all {
		inner := p.name
		if path != "" {
			inner = path + "." + p.name
		}
		value := ""
		switch {
		case p.standard(k.defs) != "":
			value = "`" + p.standard(k.defs) + "`"
		case slices.Contains(required, p.name):
			value = "required"
		}
		t.rows = append(t.rows, [4]string{"`" + p.name + "`", k.kind(p.node, inner), value, p.meaning(k.defs)})
	}
	k.tables = append(k.tables, t)
}

// standard returns the default as a file would have it, "" for none.
func (n node) standard(defs map[string]node) string {
	if n.Default == nil && n.Ref != "" {
		return defs[refName(n.Ref)].standard(defs)
	}
	var text string
	if json.Unmarshal(n.Default, &text) == nil {
		return text
	}
	return string(n.Default)
}

func (n node) meaning(defs map[string]node) string {
	if n.Description == "" && n.Ref != "" {
		return resolve(defs, n.Ref).meaning(defs)
	}
	return strings.ReplaceAll(n.Description, "|", `\|`)
}

func refName(ref string) string { return strings.TrimPrefix(ref, "#/$defs/") }

// resolve returns what ref names: a definition, or a property of one.
func resolve(defs map[string]node, ref string) node {
	name, inner, nested := strings.Cut(refName(ref), "/properties/")
	n, ok := defs[name]
	if nested {
		i := slices.IndexFunc(n.Properties, func(p property) bool { return p.name == inner })
		ok = i >= 0
		if ok {
			n = n.Properties[i].node
		}
	}
	if !ok {
		panic(fmt.Sprintf("the schema has no %s", ref))
	}
	return n
}

// words are the definitions that are better named than spelled out.
var words = map[string]string{
	"text": "text", "path": "path", "flag": "`true`, `false`", "variable": "", "count": "number", "size": "size", "duration": "duration",
	"url": "URL", "redis_url": "URL",
}

// kind returns the type of what stands at path, in words.
func (k *keys) kind(n node, path string) string {
	switch {
	case n.Ref != "":
		name := refName(n.Ref)
		if word, ok := words[name]; ok {
			return word
		}
		return k.named(name, resolve(k.defs, n.Ref), path)
	case n.Properties != nil:
		return k.named("", n, path)
	case n.AdditionalProperties.node != nil:
		return "names, each with " + k.kind(*n.AdditionalProperties.node, path+".NAME")
	case n.Items != nil:
		return "list of " + k.kind(*n.Items, path+"[]")
	case n.AnyOf != nil:
		return k.either(n.AnyOf, path)
	case n.Enum != nil:
		return quoted(n.Enum...)
	case n.Const != nil:
		return "`" + string(n.Const) + "`"
	}
	return scalar(n)
}

// named returns where the keys of a mapping are, or the kind of what is none.
func (k *keys) named(name string, n node, path string) string {
	if n.Properties == nil {
		return k.kind(n, path)
	}
	if name == "route" {
		return "routes"
	}
	i := slices.IndexFunc(k.found, func(f mapping) bool { return reflect.DeepEqual(f.node, n) })
	switch {
	case i < 0:
		k.found = slices.Insert(k.found, k.next, mapping{[]string{path}, n})
		i, k.next = k.next, k.next+1
	case !slices.Contains(k.found[i].paths, path):
		k.found[i].paths = append(k.found[i].paths, path)
	}
	return "mapping `" + k.found[i].paths[0] + "`"
}

// either returns the kinds of several forms. That of a list of what stands alone
// too needs no second mention.
func (k *keys) either(forms []node, path string) string {
	var list []string
	for _, form := range forms {
		kind := k.kind(form, path)
		if form.Items != nil && slices.Contains(list, k.kind(*form.Items, path)) {
			kind = "a list"
		}
		if kind != "" && !slices.Contains(list, kind) {
			list = append(list, kind)
		}
	}
	return strings.Join(list, ", or ")
}

func quoted(values ...any) string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		list = append(list, fmt.Sprintf("`%v`", v))
	}
	return strings.Join(list, ", ")
}

// scalar returns the kind of a plain value.
func scalar(n node) string {
	switch {
	case slices.Contains(n.Type, "string"):
		return "text"
	case n.Minimum != nil && n.Maximum != nil:
		return fmt.Sprintf("number from %d to %d", *n.Minimum, *n.Maximum)
	case slices.Contains(n.Type, "integer"), slices.Contains(n.Type, "number"):
		return "number"
	}
	panic(fmt.Sprintf("the schema has a type %v that has no word", n.Type))
}

func (k *keys) text() string {
	var b strings.Builder
	for i, t := range k.tables {
		title := t.title
		if title == "" {
			title = "`" + strings.Join(k.found[t.of].paths, "`, `") + "`"
		}
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title)
		for _, row := range t.rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row[:], " | "))
		}
	}
	return b.String()
}
