package config

import (
	"fmt"
	"strings"
)

// Reference is docs/configuration.md: every key with its type, default and
// meaning, made from the struct itself.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	device := false
	for _, k := range Keys() {
		if strings.HasPrefix(k.Name, "devices[]") && !device {
			device = true
			b.WriteString(referenceDevices)
			b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
		}
		value := "none"
		if k.Default != "" {
			value = "`" + k.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Type, value, strings.ReplaceAll(k.Meaning, "<", `\<`))
	}
	return b.String()
}

const referenceHead = `# Configuration

A server is configured by one YAML file; deployments/sample/understudy.yaml is a
complete one. Any key can also be given as an environment variable or as a flag:

| source, strongest first | how | example |
|---|---|---|
| flag | two dashes and the key | ` + "`--election.ttl 300ms`" + ` |
| environment | ` + "`UNDERSTUDY_`" + `, the key in capitals, dots as underscores | ` + "`UNDERSTUDY_ELECTION_TTL=300ms`" + ` |
| file | nested keys | ` + "`election: {ttl: 300ms}`" + ` |
| default | | |

- Durations carry their unit: ` + "`300ms`, `10s`, `1m`" + `.
- In a flag or a variable a list is written ` + "`a,b`" + `, a map ` + "`from=to,from=to`" + `. It
  replaces the list of the file as a whole.
- The list of devices is set in the file alone. A secret has no flag, because a
  command line can be seen by everybody on the machine.
- A key that does not exist is refused, with the nearest one that does. All
  faults are reported at once.
- An address for the HTTP API other than loopback needs ` + "`http.tls` and `token_file`" + `.

## Keys

`

const referenceDevices = `
## Devices

They count only as long as the landscape has no [configuration of its own](operators.md#change-the-configuration), which is the better place for them: published
once, the same for all. In a file, the same list belongs on every server of a landscape. The primary's list counts: when its term begins, it writes
new and changed definitions to the log, and takes out the devices that the log has and its list lacks. Their waiting commands
end as ` + "`failed` (`device_removed`), new ones are refused (`unknown_device`)" + `. A server whose list is empty takes out nothing.

So to change the list of a running landscape, change it on **all** standbys first and restart them one after the other, then switch over to one
of them and change the last. A server that comes to power with an older list brings that list back: it takes out
what was added meanwhile, and adds what was taken out.

An entry needs ` + "`id`, `driver`" + `
and ` + "`address`" + `, a router its ` + "`inputs` and `outputs`" + `, an HTTP device its ` + "`verbs`" + `.

A list has at most 10,000 devices, and a partition of the log takes 4,096: with one or two partitions (` + "`log.partitions`" + `) that is the lower bound. The texts
of one device, its verbs with their bodies above all, have at most 524,288 bytes together: a definition is one record of the log. More of either is
refused at the start of a server, and when a configuration is published; ` + "`config validate FILE`" + ` does not know the partitions.

An HTTP device without a ` + "`read_url`" + ` is probed each second by a connection, so that it is known whether it is there. With more than 200 of
them a server makes 200 probes a second in all: with 10,000, each is probed every 50 s. A command finds a lost device when it is sent.

`
