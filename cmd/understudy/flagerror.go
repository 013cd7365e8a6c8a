package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// wanted says, by the type of a flag, what it takes.
var wanted = map[string]string{
	"bool":     "true or false",
	"int":      "a whole number",
	"int32":    "a whole number",
	"int64":    "a whole number",
	"uint64":   "a whole number, 0 or more",
	"float64":  "a number",
	"duration": "a duration with its unit, such as 500ms, 10s or 1m",
}

// notSet finds the names in what the library says of flags that a command needs.
var notSet = regexp.MustCompile(`^required flag\(s\) (".+") not set$`)

// missingFlags says in our words which flags are missing.
func missingFlags(err error) error {
	found := notSet.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	names := strings.Split(strings.ReplaceAll(found[1], `"`, ""), ", ")
	return fmt.Errorf("missing --%s", strings.Join(names, " and --"))
}

// flagError says what a flag takes; the library's words are those of the parser
// that failed.
func flagError(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	name, value := wrong.GetFlag().Name, wrong.GetValue()
	if want, known := wanted[wrong.GetFlag().Value.Type()]; known {
		return fmt.Errorf("--%s %q: give %s", name, value, want)
	}
	return fmt.Errorf("--%s %q: %w", name, value, errors.Unwrap(wrong))
}
