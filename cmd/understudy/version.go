package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
)

// version is the release that this tree is of. The linker can set another one
// (-X main.version=0.1.1).
var version = "0.1.0"

// build says what this program was built from.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"` // of the revision
	Modified bool   `json:"modified"`       // the tree had changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	return b
}

// String is the form in which servers tell each other their build.
func (b build) String() string {
	s := b.Version
	if len(b.Revision) >= 12 {
		s += "+" + b.Revision[:12]
	}
	if b.Modified {
		s += ".modified"
	}
	return s
}

func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "version", Short: "Say which build this is", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printVersion(cmd.OutOrStdout(), thisBuild(), output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printVersion(w io.Writer, b build, output string) error {
	switch output {
	case "table":
		_, err := fmt.Fprintf(w, "understudy %s (%s, %s)\n", b, b.Go, b.Platform)
		return err
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(b)
	}
	return withExit(exitUsage, fmt.Errorf("output %q: give table or json: %w", output, domain.ErrInvalid))
}
