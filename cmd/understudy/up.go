package main

import "github.com/spf13/cobra"

func upCommand() *cobra.Command {
	return &cobra.Command{Use: "up", Short: "Run a whole landscape on this machine", Args: cobra.NoArgs}
}
