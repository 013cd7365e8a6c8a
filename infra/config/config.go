package config

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Config is all that an operator can set of a server. The doc tags are its
// reference: docs/configuration.md and the help of the flags are made of them.
type Config struct {
	Landscape      string              `koanf:"landscape" doc:"Name of the landscape; the topics are understudy.<landscape>.*"`
	Dir            string              `koanf:"dir" doc:"Folder for what this server keeps: snapshots, its run file"`
	KeysFile       string              `koanf:"keys_file" doc:"File with the landscape's keys, which all its servers share"`
	SigningKeyFile string              `koanf:"signing_key_file" doc:"File with the key that signs what the log hashes to, the same on all servers; empty: nothing is signed"`
	TokenFile      string              `koanf:"token_file" doc:"File with the users of the HTTP API, one line <user> <token> each; empty means that nobody may change anything by it"`
	Server         Server              `koanf:"server"`
	HTTP           HTTP                `koanf:"http"`
	Kafka          Kafka               `koanf:"kafka"`
	Log            Log                 `koanf:"log"`
	Election       Election            `koanf:"election"`
	Guard          Guard               `koanf:"guard"`
	Valve          string              `koanf:"valve" doc:"Whether the kernel checks the lease before bytes leave for a device: auto (where it can), required (never primary without it) or off"`
	Snapshot       Snapshot            `koanf:"snapshot"`
	Logging        Logging             `koanf:"logging"`
	Devices        []domain.Definition `koanf:"devices" doc:"The devices of the landscape; the same list on every server"`
}

// Server is who this server is.
type Server struct {
	Name       string `koanf:"name" doc:"Name of this server, unique in the landscape"`
	Advertise  string `koanf:"advertise" doc:"URL at which others reach this server's HTTP API; empty means http.listen"`
	Precedence int    `koanf:"precedence" doc:"Rank by the policy precedence: the lowest number goes first; unique in the landscape; 0 means none"`
	// DeviceSource tells the servers of one machine apart at their devices, which
	// know a client (and who holds a lock) by its address.
	DeviceSource string `koanf:"device_source" doc:"Local IP address from which devices are reached; empty lets the system choose"`
}

// HTTP is the server's API.
type HTTP struct {
	Listen string  `koanf:"listen" doc:"host:port of the HTTP API; other than loopback needs http.tls and token_file"`
	TLS    HTTPTLS `koanf:"tls"`
}

// HTTPTLS is the certificate of the API.
type HTTPTLS struct {
	Cert string `koanf:"cert" doc:"PEM file with the certificate chain of the HTTP API"`
	Key  string `koanf:"key" doc:"PEM file with its private key"`
}

// Enabled says whether the API speaks TLS.
func (t HTTPTLS) Enabled() bool { return t.Cert != "" && t.Key != "" }

// Kafka is how the log is reached.
type Kafka struct {
	Brokers        []string          `koanf:"brokers" doc:"Brokers to begin with, host:port each; the others are learnt from them"`
	ClientID       string            `koanf:"client_id" doc:"Name in the brokers' logs and quotas; empty means understudy-<server.name>"`
	AddressMap     map[string]string `koanf:"address_map" doc:"For an address that a broker advertises, the one to dial instead (NAT, relay)"`
	TLS            KafkaTLS          `koanf:"tls"`
	SASL           SASL              `koanf:"sasl"`
	DialTimeout    time.Duration     `koanf:"dial_timeout" doc:"Bound on one TCP connect"`
	ConnectTimeout time.Duration     `koanf:"connect_timeout" doc:"Bound on all that makes a connection usable: connects, TLS, SASL"`
	AppendTimeout  time.Duration     `koanf:"append_timeout" doc:"Bound on one append; after it, its fate is unknown"`
	QueryTimeout   time.Duration     `koanf:"query_timeout" doc:"Bound on questions about topics and offsets"`
	FetchGrace     time.Duration     `koanf:"fetch_grace" doc:"How much longer than its wait a fetch may take until the broker counts as gone"`
	MetadataTTL    time.Duration     `koanf:"metadata_ttl" doc:"How old the picture of the cluster may get while nothing goes wrong"`
}

// KafkaTLS encrypts the way to the brokers.
type KafkaTLS struct {
	Enabled    bool   `koanf:"enabled" doc:"Encrypt the connections to the brokers"`
	CA         string `koanf:"ca" doc:"PEM file with the authorities that sign the brokers' certificates; empty means the system's"`
	Cert       string `koanf:"cert" doc:"PEM file with this server's own certificate, where the brokers ask for one"`
	Key        string `koanf:"key" doc:"PEM file with its private key"`
	ServerName string `koanf:"server_name" doc:"Name to expect in the brokers' certificates; empty means the name that is dialled"`
}

// SASL are the credentials for the brokers.
type SASL struct {
	Mechanism    string `koanf:"mechanism" doc:"Empty for none, PLAIN or SCRAM-SHA-512"`
	User         string `koanf:"user" doc:"User at the brokers"`
	Password     string `koanf:"password" secret:"true" doc:"Password at the brokers; better in a file, or in the environment"`
	PasswordFile string `koanf:"password_file" doc:"File with the password; instead of kafka.sasl.password"`
}

// Log is the landscape's log.
type Log struct {
	Partitions int32 `koanf:"partitions" doc:"Partitions of the log topic; fixed when the landscape is created"`
}

// Election is how a primary is found.
type Election struct {
	TTL     TTL           `koanf:"ttl" doc:"Length of the lease: auto (from the log's own speed), or fixed"`
	MinTTL  time.Duration `koanf:"min_ttl" doc:"Shortest lease that auto may choose"`
	MaxTTL  time.Duration `koanf:"max_ttl" doc:"Longest lease; what a standby waits that has lost the log"`
	Policy  string        `koanf:"policy" doc:"Who comes next: longest-running (lowest seniority)"`
	Stagger time.Duration `koanf:"stagger" doc:"Pause between the claims of one rank and the next"`
}

// PolicyLongestRunning lets the server that joined first come next.
const PolicyLongestRunning = "longest-running"

// Guard is the process that sees the server end.
type Guard struct {
	Enabled    bool          `koanf:"enabled" doc:"Run the server under a guard, which reports its death and starts it again"`
	RestartMin time.Duration `koanf:"restart_min" doc:"Pause before the first restart"`
	RestartMax time.Duration `koanf:"restart_max" doc:"The pause doubles up to this"`
}

// What the valve may be.
const (
	ValveAuto     = "auto"
	ValveRequired = "required"
	ValveOff      = "off"
)

// Snapshot is how often the folded state is kept on disk.
type Snapshot struct {
	Every   time.Duration `koanf:"every" doc:"At most so long between two snapshots, if anything changed"`
	Records int           `koanf:"records" doc:"Also after so many records, while secondary; 0 means by time alone"`
}

// Logging is what the server writes about itself.
type Logging struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error"`
	Format string `koanf:"format" doc:"text or json"`
}

// TTL is the length of a lease: auto (zero), or fixed.
type TTL time.Duration

// auto is how an operator writes the zero TTL.
const auto = "auto"

// String is "auto", or the duration.
func (t TTL) String() string {
	if t == 0 {
		return auto
	}
	return time.Duration(t).String()
}

// MarshalText implements encoding.TextMarshaler.
func (t TTL) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *TTL) UnmarshalText(text []byte) error {
	if string(text) == auto {
		*t = 0
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is neither auto nor a duration such as 300ms: %w", text, domain.ErrInvalid)
	}
	*t = TTL(d)
	return nil
}

// Default is the configuration of a server that is told nothing: it lacks only
// a name and the landscape's keys.
func Default() Config {
	return Config{
		Landscape: "main",
		Dir:       "./data",
		HTTP:      HTTP{Listen: "127.0.0.1:7501"},
		Kafka: Kafka{
			Brokers:        []string{"127.0.0.1:9092"},
			DialTimeout:    time.Second,
			ConnectTimeout: 5 * time.Second,
			AppendTimeout:  5 * time.Second,
			QueryTimeout:   5 * time.Second,
			FetchGrace:     2 * time.Second,
			MetadataTTL:    time.Second,
		},
		Log:      Log{Partitions: 8},
		Election: Election{MinTTL: 60 * time.Millisecond, MaxTTL: time.Second, Policy: PolicyLongestRunning, Stagger: 20 * time.Millisecond},
		Guard:    Guard{Enabled: true, RestartMin: 100 * time.Millisecond, RestartMax: 5 * time.Second},
		Valve:    ValveAuto,
		Snapshot: Snapshot{Every: time.Minute, Records: 10_000},
		Logging:  Logging{Level: "info", Format: "text"},
	}
}

// DefaultDevice holds what a device has that its entry does not name.
func DefaultDevice() domain.Definition {
	return domain.Definition{
		ConfirmWithin:  time.Second,
		ValidAbsolute:  time.Minute,
		ValidOneShot:   10 * time.Second,
		StandbyPolling: true,
		OnReconnect:    domain.Adopt,
	}
}
