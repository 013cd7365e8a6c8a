package up

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"text/template"

	"github.com/understudy-io/understudy/infra/config"
)

//go:embed server.yaml.tmpl
var serverTemplate string

// serverFile is what the template of a server's configuration is filled with.
type serverFile struct {
	Run            Run
	Server         Server
	Precedence     int
	Listen         string            // of its HTTP API, host:port
	Map            map[string]string // broker → relay
	TTL, MinTTL    string
	KeysFile       string
	TokenFile      string
	Videohub, Gate Device
	RouterSize     int
}

// precedenceStep leaves room between the servers' numbers.
const precedenceStep = 10

// writeConfig writes the configuration file of one server, and reads it as the
// server will.
func (o *Options) writeConfig(run *Run, i int) error {
	s := run.Servers[i]
	data := serverFile{
		Run: *run, Server: s, Listen: o.address(portServer + i), Precedence: precedenceStep * (i + 1), Map: make(map[string]string),
		TTL: o.TTL, KeysFile: run.KeysFile, TokenFile: run.TokenFile,
		Videohub: run.Devices[0], Gate: run.Devices[1], RouterSize: routerSize,
	}
	if o.MinTTL > 0 {
		data.MinTTL = o.MinTTL.String()
	}
	for b, broker := range run.Kafka {
		data.Map[broker] = s.Relays[b]
	}
	t, err := template.New("server.yaml").Funcs(template.FuncMap{"yaml": quote}).Parse(serverTemplate)
	if err != nil {
		return fmt.Errorf("template of a server's configuration: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return fmt.Errorf("configuration of server %s: %w", s.Name, err)
	}
	if err := replaceFile(s.Config, out.Bytes(), 0o644); err != nil {
		return explain(run.Dir, err)
	}
	loaded, err := config.Load(config.Source{File: s.Config})
	if err == nil {
		err = loaded.Config.Validate()
	}
	if err != nil {
		return fmt.Errorf("configuration of server %s: %w", s.Name, err)
	}
	return nil
}

// quote writes a string so that YAML reads the same: JSON is YAML.
func quote(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}
