// Package config is the configuration of a server: one struct, read from flags,
// environment, a YAML file and defaults, in this order of precedence.
//
//	loaded, err := config.Load(config.Source{File: path, Environ: os.Environ(), Flags: cmd.Flags()})
//	if err == nil {
//		err = loaded.Config.Validate()
//	}
//
// Every fault is found at once, not one at each start, and each is a sentence
// that names the key, what is wrong and what to do. A key that nobody knows is a
// fault too, with the nearest one that exists. [Loaded.Explain] tells for each
// key what it is and where that came from.
//
// Reading it changes nothing, so there is nothing to lose on a crash.
package config
