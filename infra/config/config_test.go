package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/understudy-io/understudy/domain"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

const sample = "../../deployments/sample/understudy.yaml"

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "understudy.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("server", pflag.ContinueOnError)
	AddFlags(fs)
	fs.String("output", "table", "a flag of somebody else")
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

// valid is the smallest configuration without a fault.
func valid() Config {
	c := Default()
	c.Server.Name, c.KeysFile = "a", "keys"
	return c
}

func TestTheSampleFileIsWithoutFault(t *testing.T) {
	l, err := Load(Source{File: sample})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	if n := len(l.Config.Devices); n != 2 {
		t.Fatalf("%d devices, want 2", n)
	}
	gate := l.Config.Devices[1]
	want := DefaultDevice()
	if gate.ConfirmWithin != want.ConfirmWithin || !gate.StandbyPolling || gate.OnReconnect != domain.Adopt || gate.PollEvery != time.Second {
		t.Errorf("the gate has not the defaults of a device: %+v", gate)
	}
	if gate.Verbs[1].Body != `{"value": {{json .level}}}` || gate.Verbs[1].ReadAt != "/value" {
		t.Errorf("the gate's verb is %+v", gate.Verbs[1])
	}
}

func TestTheDefaultsLackANameAndKeysOnly(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Error(err)
	}
	err := Default().Validate()
	if got := parts(err); len(got) != 2 {
		t.Errorf("faults %v, want server.name and keys_file", got)
	}
}

func TestAnAbsentOrEmptyFileGivesTheDefaults(t *testing.T) {
	for _, s := range []Source{{}, {File: write(t, "")}, {File: write(t, "# nothing\nelection:\n")}} {
		l, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(Default(), l.Config); d != "" {
			t.Error(d)
		}
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := write(t, `
election: {min_ttl: 100ms, max_ttl: 2s, stagger: 30ms}
kafka:
  brokers: [f1:1, f2:2, f3:3]
  address_map: {"10.0.0.1:9092": "127.0.0.1:19092"}
`)
	l, err := Load(Source{
		File: file,
		Environ: []string{
			"UNDERSTUDY_ELECTION_MAX_TTL=3s", "UNDERSTUDY_ELECTION_STAGGER=40ms", "UNDERSTUDY_KAFKA_BROKERS=e1:1, e2:2",
			"UNDERSTUDY_GUARD_ENABLED=false", "UNDERSTUDY_INCARNATION=not-ours", "PATH=/bin", "UNDERSTUDY_KAFKA_SASL_PASSWORD=s3cret",
		},
		Flags: flags(t, "--election.stagger=50ms", "--election.ttl", "300ms", "--output", "json"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Election = Election{TTL: TTL(300 * time.Millisecond), MinTTL: 100 * time.Millisecond, MaxTTL: 3 * time.Second, Stagger: 50 * time.Millisecond, Policy: PolicyLongestRunning}
	want.Kafka.Brokers = []string{"e1:1", "e2:2"}
	want.Kafka.AddressMap = map[string]string{"10.0.0.1:9092": "127.0.0.1:19092"}
	want.Kafka.SASL.Password = "s3cret"
	want.Guard.Enabled = false
	if d := cmp.Diff(want, l.Config); d != "" {
		t.Error(d)
	}
	got := make(map[string]Setting)
	for _, s := range l.Explain() {
		got[s.Key] = s
		if strings.Contains(s.Value, "s3cret") {
			t.Errorf("the password is shown: %+v", s)
		}
	}
	for _, w := range []Setting{
		{"election.stagger", "50ms", "flag --election.stagger"},
		{"election.ttl", "300ms", "flag --election.ttl"},
		{"election.max_ttl", "3s", "environment UNDERSTUDY_ELECTION_MAX_TTL"},
		{"election.min_ttl", "100ms", "file " + file},
		{"election.policy", "longest-running", "default"},
		{"kafka.brokers", "e1:1,e2:2", "environment UNDERSTUDY_KAFKA_BROKERS"},
		{"kafka.address_map", "10.0.0.1:9092=127.0.0.1:19092", "file " + file},
		{"kafka.sasl.password", redacted, "environment UNDERSTUDY_KAFKA_SASL_PASSWORD"},
		{"guard.enabled", "false", "environment UNDERSTUDY_GUARD_ENABLED"},
	} {
		if got[w.Key] != w {
			t.Errorf("explained as %+v, want %+v", got[w.Key], w)
		}
	}
}

func TestAnEmptyVariableEmptiesAList(t *testing.T) {
	l, err := Load(Source{Environ: []string{"UNDERSTUDY_KAFKA_BROKERS="}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Config.Validate(); err == nil || !strings.Contains(err.Error(), "kafka.brokers: is empty") {
		t.Errorf("brokers %q, %v", l.Config.Kafka.Brokers, err)
	}
}

func TestExplainTellsWhichValuesOfADeviceAreDefaults(t *testing.T) {
	l, err := Load(Source{File: sample})
	if err != nil {
		t.Fatal(err)
	}
	all := l.Explain()
	for _, w := range []Setting{
		{"devices[1].id", "gate-1", "file " + sample},
		{"devices[1].valid_absolute", "1m", "default"},
		{"devices[1].verbs[1].args", "level", "file " + sample},
		{"devices[1].verbs[1].timeout", "0s", "default"},
	} {
		if !slices.Contains(all, w) {
			t.Errorf("%+v is not among %+v", w, all)
		}
	}
}

func TestFaultsOfShapeAreAllReportedWithWhatToDo(t *testing.T) {
	file := write(t, `
landscpe: studio
election: {ttl: soon, min_ttl: 60, maxttl: 1s}
kafka: {brokers: {a: b}, address_map: [x], acks: 1}
log: {partitions: many}
guard: {enabled: perhaps}
http: 127.0.0.1:7501
ttl: 1s
devices:
  - {id: a, drivr: http, address: "x:1", confirm_within: 5, verbs: [{nam: x}], revision: 3}
  - just text
  -
`)
	_, err := Load(Source{File: file, Environ: []string{"UNDERSTUDY_LOG_PARTITION=4", "UNDERSTUDY_GUARD_ENABLED=maybe"}, Flags: flags(t, "--log.partitions=x")})
	if !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("err = %v", err)
	}
	for _, want := range []string{
		"landscpe: is not a known key; did you mean landscape?",
		"kafka.acks: is not a known key; there is no such choice: every append waits for all replicas that are in sync, so that no acknowledged command is lost",
		"election.ttl: soon is neither auto nor a duration",
		"election.min_ttl: 60 is not a duration: write it with its unit",
		"election.maxttl: is not a known key; did you mean election.max_ttl?",
		"kafka.brokers: must be a list of texts",
		"kafka.address_map: must be a map of texts",
		`log.partitions: "many" is not a whole number`,
		`guard.enabled: "perhaps" is neither true nor false`,
		"http: holds a single value, but has keys of its own: listen, tls",
		"ttl: is not a known key; did you mean election.ttl?",
		"devices[0].drivr: is not a known key; did you mean devices[0].driver?",
		"devices[0].confirm_within: 5 is not a duration",
		"devices[0].verbs[0].nam: is not a known key; did you mean devices[0].verbs[0].name?",
		"devices[0].revision: is not a known key",
		"devices[1]: holds a single value",
		"devices[2]: is empty",
		"UNDERSTUDY_LOG_PARTITION: is not a known variable; did you mean UNDERSTUDY_LOG_PARTITIONS?",
		`environment: guard.enabled: "maybe" is neither true nor false`,
		`flags: log.partitions: "x" is not a whole number`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s\nin:\n%v", want, err)
		}
	}
}

func TestAFileThatCannotBeReadSaysWhich(t *testing.T) {
	for _, file := range []string{filepath.Join(t.TempDir(), "absent.yaml"), write(t, "a: [1"), write(t, "- a list"), write(t, "dir: a\ndir: b\n")} {
		if _, err := Load(Source{File: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("err = %v, want one that names %s", err, file)
		}
	}
}

func TestEveryFaultOfMeaningIsFound(t *testing.T) {
	device := func(change func(*domain.Definition)) func(*Config) {
		return func(c *Config) {
			d := DefaultDevice()
			d.Device, d.Driver, d.Address, d.Inputs, d.Outputs = "r", domain.DriverVideohub, "192.0.2.1:9990", 4, 4
			change(&d)
			c.Devices = append(c.Devices, d)
		}
	}
	tests := map[string]struct {
		change func(*Config)
		want   string // empty: no fault
	}{
		"the smallest configuration":         {func(*Config) {}, ""},
		"a name with a slash":                {func(c *Config) { c.Server.Name = "a/b" }, "server.name"},
		"a landscape with a dot":             {func(c *Config) { c.Landscape = "a.b" }, "landscape"},
		"a device source that is no address": {func(c *Config) { c.Server.DeviceSource = "eth0" }, "server.device_source"},
		"no folder":                          {func(c *Config) { c.Dir = "" }, "dir"},
		"no keys":                            {func(c *Config) { c.KeysFile = "" }, "keys_file"},
		"the API open without TLS":           {func(c *Config) { c.HTTP.Listen, c.TokenFile = "192.0.2.1:7501", "t" }, "encryption"},
		"the API open without users":         {func(c *Config) { c.HTTP.Listen, c.HTTP.TLS = "192.0.2.1:7501", HTTPTLS{"c", "k"} }, "users"},
		"the API open as it should be":       {func(c *Config) { c.HTTP.Listen, c.HTTP.TLS, c.TokenFile = "192.0.2.1:7501", HTTPTLS{"c", "k"}, "t" }, ""},
		"all interfaces without advertise":   {func(c *Config) { c.HTTP.Listen, c.HTTP.TLS, c.TokenFile = ":7501", HTTPTLS{"c", "k"}, "t" }, "server.advertise"},
		"all interfaces, IPv6":               {func(c *Config) { c.HTTP.Listen = "[::]:7501" }, "encryption"},
		"a host name is not loopback":        {func(c *Config) { c.HTTP.Listen = "server-a:7501" }, "encryption"},
		"localhost is loopback":              {func(c *Config) { c.HTTP.Listen = "localhost:7501" }, ""},
		"loopback, IPv6":                     {func(c *Config) { c.HTTP.Listen = "[::1]:7501" }, ""},
		"a certificate without a key":        {func(c *Config) { c.HTTP.TLS.Cert = "c" }, "http.tls"},
		"no port":                            {func(c *Config) { c.HTTP.Listen = "127.0.0.1" }, "http.listen"},
		"advertise is no URL":                {func(c *Config) { c.Server.Advertise = "server-a:7501" }, "server.advertise"},
		"no broker":                          {func(c *Config) { c.Kafka.Brokers = nil }, "kafka.brokers"},
		"a broker without a port":            {func(c *Config) { c.Kafka.Brokers = []string{"kafka"} }, "kafka.brokers[0]"},
		"a broker twice":                     {func(c *Config) { c.Kafka.Brokers = []string{"k:1", "k:1"} }, "twice"},
		"an address map to nowhere":          {func(c *Config) { c.Kafka.AddressMap = map[string]string{"k:1": "x"} }, "kafka.address_map"},
		"TLS keys without TLS":               {func(c *Config) { c.Kafka.TLS.CA = "ca" }, "kafka.tls.enabled"},
		"PLAIN in clear text":                {func(c *Config) { c.Kafka.SASL = SASL{Mechanism: "PLAIN", User: "u", Password: "p"} }, "clear text"},
		"SCRAM in clear text is bearable":    {func(c *Config) { c.Kafka.SASL = SASL{Mechanism: "SCRAM-SHA-512", User: "u", Password: "p"} }, ""},
		"a password twice":                   {func(c *Config) { c.Kafka.SASL = SASL{"SCRAM-SHA-512", "u", "p", "f"} }, "not both"},
		"credentials without a mechanism":    {func(c *Config) { c.Kafka.SASL.User = "u" }, "kafka.sasl.mechanism"},
		"an unknown mechanism":               {func(c *Config) { c.Kafka.SASL = SASL{Mechanism: "GSSAPI", User: "u", Password: "p"} }, "GSSAPI"},
		"a dial longer than the connect":     {func(c *Config) { c.Kafka.DialTimeout = 6 * time.Second }, "kafka.dial_timeout"},
		"no append timeout":                  {func(c *Config) { c.Kafka.AppendTimeout = 0 }, "kafka.append_timeout"},
		"no partitions":                      {func(c *Config) { c.Log.Partitions = 0 }, "log.partitions"},
		"min_ttl above max_ttl":              {func(c *Config) { c.Election.MinTTL = 2 * time.Second }, "above election.max_ttl"},
		"a fixed ttl below min_ttl":          {func(c *Config) { c.Election.TTL = TTL(20 * time.Millisecond) }, "election.ttl"},
		"a lease too short to hold":          {func(c *Config) { c.Election.MinTTL = time.Millisecond }, "election.min_ttl"},
		"an unknown policy":                  {func(c *Config) { c.Election.Policy = "precedence" }, "election.policy"},
		"no stagger":                         {func(c *Config) { c.Election.Stagger = 0 }, "election.stagger"},
		"a restart without a pause":          {func(c *Config) { c.Guard.RestartMin = 0 }, "guard.restart_min"},
		"restart pauses the wrong way round": {func(c *Config) { c.Guard.RestartMax = time.Millisecond }, "above guard.restart_max"},
		"snapshots without end":              {func(c *Config) { c.Snapshot.Every = 0 }, "snapshot.every"},
		"a negative count of records":        {func(c *Config) { c.Snapshot.Records = -1 }, "snapshot.records"},
		"an unknown level":                   {func(c *Config) { c.Logging.Level = "loud" }, "logging.level"},
		"an unknown format":                  {func(c *Config) { c.Logging.Format = "xml" }, "logging.format"},
		"a router":                           {device(func(*domain.Definition) {}), ""},
		"a router too large":                 {device(func(d *domain.Definition) { d.Inputs = 289 }), "devices[0].inputs"},
		"a router with verbs":                {device(func(d *domain.Definition) { d.Verbs = make([]domain.Verb, 1) }), "devices[0].verbs"},
		"a router that is polled":            {device(func(d *domain.Definition) { d.PollEvery = time.Second }), "devices[0].poll_every"},
		"a device without an id":             {device(func(d *domain.Definition) { d.Device = "" }), "devices[0].id"},
		"an unknown driver":                  {device(func(d *domain.Definition) { d.Driver = "osc" }), "devices[0].driver"},
		"an HTTP device without verbs":       {device(func(d *domain.Definition) { d.Driver, d.Inputs, d.Outputs = domain.DriverHTTP, 0, 0 }), "0 verbs"},
		"an HTTP device with inputs":         {device(func(d *domain.Definition) { d.Driver = domain.DriverHTTP }), "inputs and outputs"},
		"a command valid for two hours":      {device(func(d *domain.Definition) { d.ValidAbsolute = 2 * time.Hour }), "devices[0].valid_absolute"},
		"no time to confirm":                 {device(func(d *domain.Definition) { d.ConfirmWithin = 0 }), "devices[0].confirm_within"},
		"an unknown reconnect rule":          {device(func(d *domain.Definition) { d.OnReconnect = "guess" }), "devices[0].on_reconnect"},
		"a device twice": {func(c *Config) {
			device(func(*domain.Definition) {})(c)
			device(func(d *domain.Definition) { d.Address = "192.0.2.2:9990" })(c)
		}, "devices[1].id"},
		"an address twice": {func(c *Config) {
			device(func(*domain.Definition) {})(c)
			device(func(d *domain.Definition) { d.Device = "r2" })(c)
		}, "devices[1].address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := valid()
			test.change(&c)
			err := c.Validate()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("reported: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, domain.ErrInvalid)):
				t.Errorf("reported %v, want something about %s", err, test.want)
			}
		})
	}
}

func TestAllFaultsOfMeaningAreReportedAtOnce(t *testing.T) {
	var c Config // nothing is set
	if n := len(parts(c.Validate())); n < 15 {
		t.Errorf("%d faults only: %v", n, c.Validate())
	}
}

func TestAdvertisedIsTheListenAddressUnlessTold(t *testing.T) {
	c := valid()
	if got := c.Advertised(); got != "http://127.0.0.1:7501" {
		t.Error(got)
	}
	c.HTTP.TLS = HTTPTLS{"c", "k"}
	if got := c.Advertised(); got != "https://127.0.0.1:7501" {
		t.Error(got)
	}
	c.Server.Advertise = "https://a.example"
	if got := c.Advertised(); got != "https://a.example" {
		t.Error(got)
	}
}

func TestEveryKeyHasAMeaningAndEveryVariableItsOwnName(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range Keys() {
		if k.Meaning == "" {
			t.Errorf("%s has no meaning: give it a doc tag", k.Name)
		}
		if k.Env != "" && seen[k.Env] {
			t.Errorf("two keys have the variable %s", k.Env)
		}
		seen[k.Env] = true
	}
	for name := range definitionMeaning {
		if !slices.ContainsFunc(Keys(), func(k Key) bool { return k.Name == name }) {
			t.Errorf("%s has a meaning, but does not exist", name)
		}
	}
}

func TestEveryKeyCanBeSetByItsVariableAndItsFlag(t *testing.T) {
	values := map[string]string{
		"text": "x", "duration": "7s", "auto or duration": "7s", "whole number": "7",
		"list of text": "x:1", "map of text": "x:1=y:2",
	}
	for _, k := range Keys() {
		if k.Env == "" {
			continue
		}
		value, ok := values[k.Type]
		if !ok { // a bool: the other one
			value = map[string]string{"true": "false", "false": "true"}[k.Default]
		}
		sources := []Source{{Environ: []string{k.Env + "=" + value}}}
		if !k.secret {
			sources = append(sources, Source{Flags: flags(t, "--"+k.Name+"="+value)})
		}
		for _, s := range sources {
			l, err := Load(s)
			if err != nil {
				t.Errorf("%s: %v", k.Name, err)
				continue
			}
			if got := show(reflect.ValueOf(l.Config).FieldByIndex(k.index)); got != value {
				t.Errorf("%s = %q, want %q", k.Name, got, value)
			}
		}
	}
}

func TestTheReferenceIsThatOfTheStruct(t *testing.T) {
	const file = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(file, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Reference(), string(got)); d != "" {
		t.Errorf("docs/configuration.md is not what the struct says; run: go test ./infra/config -update\n%s", d)
	}
}

func FuzzAnyFileGivesAConfigurationOrAnError(f *testing.F) {
	text, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("devices: [{verbs: [{args: {a: 1}}]}]"))
	f.Add([]byte("election: {ttl: -1s}\n1: 2"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Load(Source{File: write(t, string(text))})
		if err != nil {
			return
		}
		_ = l.Config.Validate()
		l.Explain()
	})
}

// Who mends a file wants to know all that is wrong: a key that is not known hides no value
// that makes no sense elsewhere. What may follow from it is not said.
func TestFaultsOfShapeHideNoFaultOfMeaning(t *testing.T) {
	_, err := Load(Source{Text: []byte(`
kafka: {acks: 1, brokers: [nonsense]}
http: {listen: here}
log: {partitions: many}
devices:
  - {id: "", drivr: http}
  - {id: a b, driver: http}
`)})
	if err == nil {
		t.Fatal("it is loaded")
	}
	for text, want := range map[string]bool{
		"kafka.acks": true, "log.partitions": true, "devices[0].drivr": true, // of shape
		"http.listen": true, "devices[1]: ": true, "server.name": true, // of meaning
		"devices[0]: ": false, "kafka.brokers": false, // may follow
	} {
		if strings.Contains(err.Error(), text) != want {
			t.Errorf("%s is said: %t, in\n%v", text, !want, err)
		}
	}
}
