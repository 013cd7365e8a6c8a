package main

import "github.com/spf13/cobra"

func configCommand() *cobra.Command {
	return group("config", "Explain or validate the configuration of a server")
}
