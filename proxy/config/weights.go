package config

import (
	"math"

	"go.yaml.in/yaml/v3"
)

var endpointKeys = []string{"url", "weight", "max_sessions"}

// maxWeight bounds how much more than another an endpoint may get.
const maxWeight = 1000

// weighted reads an endpoint: its URL, or a mapping that says more.
func (l *loader) weighted(v value) (e Endpoint, at word, ok bool) {
	weight, most := int64(1), int64(0)
	url := v
	if v.node.Kind == yaml.MappingNode {
		v.name = "an endpoint"
		o, isObject := l.object(v, "in an endpoint", endpointKeys)
		if !isObject {
			return e, at, false
		}
		l.count(o.field("weight"), positive, maxWeight, &weight)
		l.count(o.field("max_sessions"), positive, math.MaxInt32, &most)
		if url = l.required(o, "url", "in an endpoint"); !url.given() {
			return e, at, false
		}
	}
	if at, ok = l.scalar(url); ok {
		e, ok = l.endpoint(at)
	}
	e.Weight, e.MaxSessions = int(weight), int(most)
	return e, at, ok
}
