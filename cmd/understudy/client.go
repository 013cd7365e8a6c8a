package main

import "github.com/spf13/cobra"

// clientCommands are the commands that talk to a running landscape.
func clientCommands(_ *globals) []*cobra.Command { return nil }
