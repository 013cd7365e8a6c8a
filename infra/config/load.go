package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-io/understudy/domain"
)

// Source is where a configuration comes from. Each part may be left out.
type Source struct {
	File    string         // a YAML file
	Text    []byte         // what that file would hold, where it is not written yet
	Environ []string       // as os.Environ gives it
	Flags   *pflag.FlagSet // with those that AddFlags adds; only changed ones count
}

// Loaded is a configuration with the origin of each of its values. It has the
// right keys and types; whether it makes sense says Config.Validate.
type Loaded struct {
	Config  Config
	origins map[string]string
	devices *yaml.Node // as the file has them; nil if it has none
}

// delimiter separates keys inside koanf. It is not the dot, because the keys of
// kafka.address_map are addresses.
const delimiter = "\x1f"

// maxFile bounds the file: ten thousand devices fit in.
const maxFile = 8 << 20

// layer is one source, read.
type layer struct {
	origin  func(key string) string
	values  *koanf.Koanf // without the devices
	devices *yaml.Node   // of the file
}

// Load reads all sources. It reports every fault of their shape at once, and if there is one
// those of meaning in the rest too.
func Load(s Source) (*Loaded, error) {
	var layers []layer // lowest precedence first
	var faults []error
	for _, read := range []func(Source) (*layer, []error){readFile, readEnviron, readFlags} {
		l, f := read(s)
		if faults = append(faults, f...); l != nil {
			layers = append(layers, *l)
		}
	}
	for _, l := range layers {
		for _, f := range checkShape("", l.values.Raw(), reflect.TypeFor[Config]()) {
			faults = append(faults, fmt.Errorf("%s: %w", l.origin(""), f))
		}
	}
	devices, deviceFaults := readDevices(layers)
	faults = append(faults, deviceFaults...)
	out, err := merge(layers)
	if err == nil {
		out.Config.Devices = devices
	}
	if len(faults) > 0 {
		if err == nil && allLocated(faults) {
			faults = append(faults, besides(faults, out.Config.faults())...)
		}
		return nil, errors.Join(faults...)
	}
	return out, err
}

// allLocated tells whether each fault says which key it is about: a source that could not be
// read at all lacks everything, and nothing is to be said about that.
func allLocated(faults []error) bool {
	return !slices.ContainsFunc(faults, func(err error) bool {
		_, is := errors.AsType[*FaultError](err)
		return !is
	})
}

// readDevices reads the list of the file.
func readDevices(layers []layer) (devices []domain.Definition, faults []error) {
	for _, l := range layers {
		if l.devices == nil {
			continue
		}
		in := newNodes()
		in.value(l.devices, &place{key: "devices"}, reflect.ValueOf(&devices).Elem())
		for _, f := range in.faults {
			faults = append(faults, fmt.Errorf("%s: %w", l.origin(""), f))
		}
	}
	shareVerbs(devices)
	return devices, faults
}

func readFile(s Source) (*layer, []error) {
	text := s.Text
	switch st, err := os.Stat(s.File); {
	case text != nil:
	case s.File == "":
		return nil, nil
	case err == nil && st.Size() > maxFile:
		return nil, []error{fmt.Errorf("read %s: it has more than %d bytes, so it is no configuration: %w", s.File, maxFile, domain.ErrInvalid)}
	default:
		if text, err = os.ReadFile(s.File); err != nil {
			return nil, []error{fmt.Errorf("read %s: %w: %w", s.File, err, domain.ErrInvalid)}
		}
	}
	rest, devices, err := split(text)
	k := koanf.New(delimiter)
	if err == nil {
		err = k.Load(values(rest), nil)
	}
	if err != nil {
		return nil, []error{fmt.Errorf("read %s: %w: %w", s.File, err, domain.ErrInvalid)}
	}
	return &layer{func(string) string { return "file " + s.File }, k, devices}, nil
}

// split takes the devices out of a file: there may be thousands.
func split(text []byte) (rest map[string]any, devices *yaml.Node, err error) {
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Content) == 0 {
		return nil, nil, err
	}
	top := file.Content[0]
	for i := 0; top.Kind == yaml.MappingNode && i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "devices" {
			if devices != nil {
				return nil, nil, fmt.Errorf("line %d: devices stands here twice: take one list away", top.Content[i].Line)
			}
			devices = top.Content[i+1]
			top.Content = slices.Delete(top.Content, i, i+2)
			i -= 2
		}
	}
	if devices != nil && devices.Tag == "!!null" {
		devices = nil
	}
	return rest, devices, top.Decode(&rest)
}

// values is a file without its devices.
type values map[string]any

// Read implements koanf.Provider.
func (v values) Read() (map[string]any, error) { return v, nil }

// ReadBytes implements koanf.Provider.
func (v values) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }

func readEnviron(s Source) (*layer, []error) {
	byVariable := make(map[string]Key)
	var variables []string
	for _, key := range Keys() {
		if key.Env != "" {
			byVariable[key.Env] = key
			variables = append(variables, key.Env)
		}
	}
	var faults []error
	k := koanf.New(delimiter)
	err := k.Load(env.Provider(delimiter, env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return s.Environ },
		TransformFunc: func(name, value string) (string, any) {
			key, known := byVariable[name]
			if !known {
				// Other parts have variables of their own; a slip of the pen is told.
				if near, ok := nearest(strings.TrimPrefix(name, envPrefix), trimmed(variables)); ok && edits(name, envPrefix+near) <= 2 {
					faults = append(faults, fault("environment: "+name, "is not a known variable; did you mean %s?", envPrefix+near))
				}
				return "", nil
			}
			return path(key.Name), parseText(key, value)
		},
	}), nil)
	if err != nil {
		faults = append(faults, fmt.Errorf("read the environment: %w: %w", err, domain.ErrInvalid))
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return &layer{func(key string) string {
		if key == "" {
			return "environment"
		}
		return "environment " + envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	}, k, nil}, faults
}

func trimmed(variables []string) []string {
	out := make([]string, len(variables))
	for i, v := range variables {
		out[i] = strings.TrimPrefix(v, envPrefix)
	}
	return out
}

func readFlags(s Source) (*layer, []error) {
	if s.Flags == nil {
		return nil, nil
	}
	known := make(map[string]Key)
	for _, key := range Keys() {
		known[key.Name] = key
	}
	k := koanf.New(delimiter)
	err := k.Load(posflag.ProviderWithFlag(s.Flags, delimiter, nil, func(f *pflag.Flag) (string, any) {
		key, ours := known[f.Name]
		if !ours || !f.Changed {
			return "", nil
		}
		return path(f.Name), parseText(key, f.Value.String())
	}), nil)
	if err != nil {
		return nil, []error{fmt.Errorf("read the flags: %w: %w", err, domain.ErrInvalid)}
	}
	return &layer{func(key string) string {
		if key == "" {
			return "flags"
		}
		return "flag --" + key
	}, k, nil}, nil
}

// path is a key as koanf has it.
func path(name string) string { return strings.ReplaceAll(name, ".", delimiter) }

// parseText takes lists and maps apart that a variable or a flag writes in one
// line: "a,b" and "from=to,from=to".
func parseText(key Key, text string) any {
	switch key.kind.Kind() {
	case reflect.Slice:
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list
	case reflect.Map:
		m := make(map[string]any)
		for part := range strings.SplitSeq(text, ",") {
			if from, to, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
				m[from] = to
			} else if part != "" {
				return text // not a map: checkShape says so
			}
		}
		return m
	}
	return text
}

// merge lays the layers over each other, and over the defaults.
func merge(layers []layer) (*Loaded, error) {
	out := &Loaded{Config: Default(), origins: make(map[string]string)}
	all := koanf.New(delimiter)
	for _, l := range layers {
		for _, key := range Keys() {
			value := l.given(key)
			if value == nil || len(checkShape(key.Name, value, key.kind)) > 0 {
				continue // Load reports it
			}
			out.origins[key.Name] = l.origin(key.Name)
			if err := all.Set(path(key.Name), value); err != nil { // a list or a map replaces the lower one as a whole
				return nil, fmt.Errorf("%s: %w", key.Name, err)
			}
		}
		if l.devices != nil {
			out.devices, out.origins["devices"] = l.devices, l.origin("devices")
		}
	}
	if all.Exists(path("kafka.brokers")) {
		out.Config.Kafka.Brokers = nil
	}
	if err := all.Unmarshal("", &out.Config); err != nil {
		return nil, fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	return out, nil
}

// shareVerbs keeps each list of verbs once: thousands of devices may be of one kind.
func shareVerbs(devices []domain.Definition) {
	lists := make(map[string][]domain.Verb)
	for i := range devices {
		d := &devices[i]
		kind := fmt.Sprintf("%#v", d.Verbs)
		if known, ok := lists[kind]; ok {
			d.Verbs = known
		}
		lists[kind] = d.Verbs
	}
}

// given is what the layer says of a key; nil if nothing.
func (l layer) given(key Key) any {
	if p := path(key.Name); key.index != nil && l.values.Exists(p) {
		return l.values.Get(p)
	}
	return nil
}
