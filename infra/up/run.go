package up

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/guard"
)

// FileName is the name of the file, in the folder, that tells what runs.
const FileName = "up.json"

// Run is what up.json tells of a landscape: all that another command needs to
// reach it. Paths are absolute.
type Run struct {
	Version        string         `json:"version"` // of the program that wrote it
	Landscape      string         `json:"landscape"`
	Dir            string         `json:"dir"`
	PortBase       int            `json:"port_base"`
	Kafka          []string       `json:"kafka"` // brokers, host:port
	Servers        []Server       `json:"servers"`
	Devices        []Device       `json:"devices"`
	Control        string         `json:"control"` // URL of the running `up`, for drills
	KeysFile       string         `json:"keys_file"`
	SigningKeyFile string         `json:"signing_key_file,omitempty"`
	TokenFile      string         `json:"token_file"` // lines "<user> <token>"
	Up             guard.Identity `json:"up"`         // the process that runs it all
	Ready          bool           `json:"ready"`
	Started        time.Time      `json:"started"`
	// Processes are those that up has started. The servers themselves are
	// started by their guards: see Server.RunFile.
	Processes []Process `json:"processes"`
}

// Server is one server of the landscape.
type Server struct {
	Name    string `json:"name"`
	Address string `json:"address"` // URL of its HTTP API
	Config  string `json:"config"`  // its configuration file
	Data    string `json:"data"`    // its data folder
	Log     string `json:"log"`     // its log file
	RunFile string `json:"run_file"`
	// DeviceSource is the address from which it reaches devices, so that a
	// simulator's record tells the servers apart; empty where the system has only
	// one loopback address.
	DeviceSource string   `json:"device_source,omitempty"`
	Relays       []string `json:"relays"` // host:port of its relays, one for each broker
}

// Device is one simulated device.
type Device struct {
	ID      string            `json:"id"`
	Driver  domain.DriverName `json:"driver"`
	Address string            `json:"address"` // where servers reach it
	Control string            `json:"control"` // URL of the simulator's control
}

// Process is one process that up has started.
type Process struct {
	Name string `json:"name"` // broker, videohub-1, gate-1, guard-A
	Kind Kind   `json:"kind"`
	guard.Identity
}

// Kind says what a process is.
type Kind string

// The kinds of processes.
const (
	KindBroker    Kind = "broker"
	KindSimulator Kind = "simulator"
	KindGuard     Kind = "guard"
	KindServer    Kind = "server" // only in what Processes answers
)

// Load reads up.json of a folder. The landscape that it tells of may have ended:
// Alive asks.
func Load(dir string) (Run, error) {
	var run Run
	path := filepath.Join(dir, FileName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return run, fmt.Errorf("no landscape in %s: %w", dir, domain.ErrNotFound)
	}
	if err != nil {
		return run, fmt.Errorf("read what runs: %w", err)
	}
	if err := json.Unmarshal(b, &run); err != nil {
		return run, fmt.Errorf("%s is damaged; end the processes of this landscape, remove the file and start again: %w: %w", path, domain.ErrCorrupt, err)
	}
	return run, nil
}

// Alive tells whether the process that runs the landscape still does.
func (r *Run) Alive() bool { return r.Up.Alive() }

// Server finds a server by its name.
func (r *Run) Server(name string) (Server, bool) {
	for _, s := range r.Servers {
		if s.Name == name {
			return s, true
		}
	}
	return Server{}, false
}

// save writes up.json so that a reader finds the old or the new one, never half.
func (r *Run) save() error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(r.Dir, FileName), append(b, '\n'), 0o644)
}

// replaceFile puts a whole new file in the place of an old one. What it has written
// outlives a power loss: a log without its keys is worth nothing.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder has the names in a folder outlive a power loss.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// OwnBroker tells whether the landscape's log is that of up's own broker,
// whether it runs or not.
func (r *Run) OwnBroker() bool {
	own := Options{PortBase: r.PortBase}
	return len(r.Kafka) == 1 && r.Kafka[0] == own.address(portBroker)
}

// Embedded tells whether up runs the broker too.
func (r *Run) Embedded() bool {
	for _, p := range r.Processes {
		if p.Kind == KindBroker {
			return true
		}
	}
	return false
}

// Partitions of the landscape's log.
func (r *Run) Partitions() int32 { return config.Default().Log.Partitions }
