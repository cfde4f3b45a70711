package help

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// node is what is read of a JSON Schema.
type node struct {
	Ref                  string `json:"$ref"`
	Description          string
	Type                 kinds
	Default              json.RawMessage
	Const                json.RawMessage
	Enum                 []any
	Minimum, Maximum     *int64
	AnyOf                []node
	Properties           properties
	AdditionalProperties additional
	Items                *node
	Required             []string
	Defs                 map[string]node `json:"$defs"`
}

// properties are in the order of the file, which a map would lose.
type properties []property

type property struct {
	name string
	node
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *properties) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil { // {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		one := property{name: fmt.Sprint(name)}
		if err := d.Decode(&one.node); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}

// kinds is one type, or a list of them.
type kinds []string

// UnmarshalJSON implements json.Unmarshaler.
func (k *kinds) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(k))
	}
	var one string
	err := json.Unmarshal(text, &one)
	*k = kinds{one}
	return err
}

// additional is what names that are the user's own stand for: nil where there
// are none.
type additional struct{ *node }

// UnmarshalJSON implements json.Unmarshaler.
func (a *additional) UnmarshalJSON(text []byte) error {
	if text[0] != '{' { // false
		return nil
	}
	a.node = &node{}
	return json.Unmarshal(text, a.node)
}
