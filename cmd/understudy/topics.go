package main

import "github.com/spf13/cobra"

func topicsCommand() *cobra.Command {
	return group("topics", "Create or check the topics of a landscape")
}
