package main

import "github.com/spf13/cobra"

func serverCommand() *cobra.Command {
	return &cobra.Command{Use: "server", Short: "Run one server, with its guard", Args: cobra.NoArgs}
}
