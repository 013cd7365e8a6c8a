package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/understudy-io/understudy/infra/config"
)

// A landscape at the limit of what can be configured.
func BenchmarkLoad(b *testing.B) {
	const devices = 10_000
	list := make([]map[string]any, devices)
	for i := range list {
		name := "device-" + strconv.Itoa(i)
		list[i] = map[string]any{
			"id": name, "driver": "http", "address": "http://127.0.0.1:8080/" + name,
			"verbs": []map[string]any{
				{"name": "pulse", "effect": "one-shot", "method": "POST", "url": "/pulse"},
				{
					"name": "level", "effect": "absolute", "method": "PUT", "url": "/level", "body": `{"value": {{json .level}}}`,
					"args": []string{"level"}, "target": "level", "value": "level", "read_url": "/level", "read_at": "/value",
				},
			},
		}
	}
	text, err := json.MarshalIndent(map[string]any{"server": map[string]any{"name": "A"}, "keys_file": "keys", "devices": list}, "", " ") // JSON is YAML
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "server.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		loaded, err := config.Load(config.Source{File: path})
		if err == nil {
			err = loaded.Config.Validate()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
