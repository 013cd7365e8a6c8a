package docs_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
)

var (
	// called is a command line in a code block: behind a prompt, or a pipe.
	called = regexp.MustCompile(`^(?:\$ |.*\| *)?(?:understudy|go run \./cmd/understudy)((?: .*)?)$`)
	// mention is one in a sentence.
	mention = regexp.MustCompile("`(?:understudy|go run \\./cmd/understudy) ([^`…]*)`")
)

func TestEveryCommandLineParses(t *testing.T) {
	checked := 0
	for _, p := range pages(t) {
		p.walk(func(n int, block, line string) {
			if block == "sh" || block == "console" && strings.HasPrefix(line, "$ ") {
				if m := called.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
					checked++
					if err := built.check(t, words(m[1]), false); err != nil {
						t.Errorf("%s:%d: %v", p.path, n, err)
					}
				}
			}
			if block != "" {
				return
			}
			for _, m := range mention.FindAllStringSubmatch(line, -1) {
				checked++
				if err := built.check(t, words(m[1]), true); err != nil {
					t.Errorf("%s:%d: %v", p.path, n, err)
				}
			}
		})
	}
	if checked < 50 {
		t.Errorf("only %d command lines found", checked)
	}
}

func TestOperatorsFindEveryCommand(t *testing.T) {
	text := read(t, "docs/operators.md")
	var visit func(path []string)
	visit = func(path []string) {
		c := built.command(t, path...)
		for _, name := range c.inner {
			if name != "help" && !slices.Contains(path, "completion") {
				visit(append(slices.Clone(path), name))
			}
		}
		isGroup := len(c.inner) > 0 && !slices.Contains(path, "completion")
		if line := "`understudy " + strings.Join(path, " ") + "`"; !isGroup && !strings.Contains(text, line) {
			t.Errorf("docs/operators.md does not name %s", line)
		}
	}
	visit(nil)
}

func TestTheUnitStartsAServer(t *testing.T) {
	found := 0
	for line := range strings.Lines(read(t, "deployments/systemd/understudy.service")) {
		if _, args, ok := strings.Cut(strings.TrimSpace(line), "=/usr/local/bin/understudy "); ok {
			found++
			if err := built.check(t, words(args), false); err != nil {
				t.Errorf("understudy.service: %v", err)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d command lines of ours in the unit, not 2", found)
	}
}

func TestTheComposeFileStartsALandscape(t *testing.T) {
	file, err := yaml.Parser().Unmarshal([]byte(read(t, "deployments/compose/compose.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	services, _ := file["services"].(map[string]any)
	if len(services) < 3 {
		t.Fatalf("%d services", len(services))
	}
	for name, s := range services {
		service, _ := s.(map[string]any)
		list, _ := service["command"].([]any)
		args := make([]string, len(list))
		for i := range list {
			args[i], _ = list[i].(string)
		}
		if err := built.check(t, args, false); err != nil || len(args) == 0 {
			t.Errorf("service %s: %v, %v", name, args, err)
		}
		env, _ := service["environment"].(map[string]any)
		server, ok := env["UNDERSTUDY_SERVER_NAME"].(string)
		if !ok {
			continue
		}
		c := exec.CommandContext(t.Context(), built.binary, "config", "validate", "--config", "deployments/compose/server.yaml")
		c.Dir, c.Env = top, []string{"UNDERSTUDY_SERVER_NAME=" + server}
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("configuration of %s: %v\n%s", name, err, out)
		}
	}
}
