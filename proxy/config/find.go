package config

import (
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// LoadAdmin reads the operators' address alone, for those who want to speak
// with a running usher: what else is wrong with the file, or missing in their
// environment, is no reason not to. The address is "" if the file has none. A
// token that cannot be read is "".
func LoadAdmin(file string) (Admin, error) {
	f, err := os.Open(file)
	if err != nil {
		return Admin{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Admin{}, err
	}
	return findAdmin(file, text, os.LookupEnv)
}

func findAdmin(file string, text []byte, env func(string) (string, bool)) (Admin, error) {
	l := &loader{file: file, env: env, claims: make(claims)}
	root, ok := l.document(text)
	if !ok {
		return Admin{}, l.errors.Sorted()
	}
	if root.node.Kind != yaml.MappingNode {
		return Admin{}, nil
	}
	for _, p := range l.pairs(root) {
		if p.key.text == "admin" {
			l.errors = nil
			a := l.admin(p.value)
			if a.Address == "" {
				return a, l.errors.Sorted()
			}
			return a, nil
		}
	}
	return Admin{}, nil
}
