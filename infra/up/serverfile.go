package up

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"
)

//go:embed server.yaml.tmpl
var serverTemplate string

// serverFile is what the template of a server's configuration is filled with.
type serverFile struct {
	Options
	Run
	Server Server
	Listen string            // of its HTTP API, host:port
	Map    map[string]string // broker → relay
}

// writeConfig writes the configuration file of one server.
func (o *Options) writeConfig(run *Run, i int) error {
	data := serverFile{Options: *o, Run: *run, Server: run.Servers[i], Listen: o.address(portServer + i), Map: make(map[string]string)}
	for b, broker := range run.Kafka {
		data.Map[broker] = data.Server.Relays[b]
	}
	t, err := template.New("server.yaml").Option("missingkey=error").Parse(serverTemplate)
	if err != nil {
		return fmt.Errorf("template of a server's configuration: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return fmt.Errorf("configuration of server %s: %w", data.Server.Name, err)
	}
	if err := replaceFile(data.Server.Config, out.Bytes(), 0o644); err != nil {
		return explain(run.Dir, err)
	}
	return nil
}
