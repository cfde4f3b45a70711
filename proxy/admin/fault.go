package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"reflect"
	"strings"
)

// orderFault says what is wrong with the body of an order in the words of who
// wrote it, who knows nothing of Go.
func orderFault(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return typeFault(wrong)
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("the body is no JSON: %v", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "the body ends within its JSON value"
	}
	return fmt.Sprintf("the body is no such order: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func typeFault(e *json.UnmarshalTypeError) string {
	name := e.Field
	if name == "" {
		name = "the body"
	}
	return fmt.Sprintf("%s must be %s, not %s", name, wantedType(e.Type), givenType(e.Value))
}

func wantedType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		return fmt.Sprintf("a number from 0 to %d", ^uint64(0)>>(64-t.Bits()))
	default: // orders have no other types
		return "an object"
	}
}

// givenType is for what encoding/json calls a value: its type, for a number
// that does not fit followed by the number.
func givenType(value string) string {
	if number, ok := strings.CutPrefix(value, "number "); ok {
		return number
	}
	switch value {
	case "array", "object":
		return "an " + value
	case "bool":
		return "true or false"
	}
	return "a " + value
}
