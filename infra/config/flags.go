package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds a flag for each key that a line can hold: --election.ttl 300ms.
// They are read by Load, as text, so that their faults are told with all others.
func AddFlags(fs *pflag.FlagSet) { addFlags(fs, "") }

// AddLogFlags adds those of AddFlags that say how the log is reached.
func AddLogFlags(fs *pflag.FlagSet) { addFlags(fs, "kafka.") }

func addFlags(fs *pflag.FlagSet, under string) {
	for _, key := range Keys() {
		if key.Env == "" || !strings.HasPrefix(key.Name, under) {
			continue
		}
		if key.secret { // a command line can be seen by everybody on the machine
			continue
		}
		f := fs.VarPF(&flagText{text: key.Default, kind: key.Type}, key.Name, "", key.Meaning)
		if key.Type == "true or false" {
			f.NoOptDefVal = "true"
		}
	}
}

// flagText is a flag's value as it was written.
type flagText struct{ text, kind string }

func (f *flagText) String() string     { return f.text }
func (f *flagText) Set(s string) error { f.text = s; return nil }

// Type is what the help shows in place of the value.
func (f *flagText) Type() string {
	switch f.kind {
	case "true or false":
		return "bool"
	case "duration", "auto or duration":
		return "duration"
	case "whole number":
		return "int"
	case "list of text", "map of text":
		return "list"
	}
	return "string"
}
