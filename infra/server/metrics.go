package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/understudy-io/understudy/infra/clock"
)

// Metrics is the collector of a server's metrics. Names follow Prometheus'
// conventions: base units, _total for counters.
func (s *Server) Metrics() prometheus.Collector { return &metrics{server: s} }

type metrics struct{ server *Server }

var (
	descActing   = prometheus.NewDesc("understudy_acting", "1 while this server is the primary and may act.", nil, nil)
	descLease    = prometheus.NewDesc("understudy_lease_remaining_seconds", "What is left of the lease; 0 without one.", nil, nil)
	descCaughtUp = prometheus.NewDesc("understudy_caught_up", "1 once the log has been folded to its end.", nil, nil)
	descDiffers  = prometheus.NewDesc("understudy_state_differs", "1 while this server's state differs from the primary's at the same position.", nil, nil)
	descRecords  = prometheus.NewDesc("understudy_records_total", "Records folded since the start, by what the fold made of them.", []string{"verdict"}, nil)
	descForeign  = prometheus.NewDesc("understudy_foreign_changes_total", "Changes at devices that nobody asked for through the log.", nil, nil)
	descControl  = prometheus.NewDesc("understudy_control_foreign_total", "Records of the control topic, since the start, that no server of the landscape wrote.", nil, nil)
	descLosses   = prometheus.NewDesc("understudy_control_losses_total", "How often, since the start, the control topic could not be read any more.", nil, nil)
	descGaveUp   = prometheus.NewDesc("understudy_chores_given_up_total", "Dead letters, forwarded and repeated commands that this server could not append as the primary: each is left to the next one.", nil, nil)
	descPending  = prometheus.NewDesc("understudy_device_pending", "Actions without an outcome, on the primary.", []string{"device"}, nil)
	descIdle     = prometheus.NewDesc("understudy_device_idle_seconds", "How long an action has waited although nothing but this server keeps it from being sent.", []string{"device"}, nil)
	descUp       = prometheus.NewDesc("understudy_device_up", "1 while this server is connected to the device.", []string{"device"}, nil)
	descSync     = prometheus.NewDesc("understudy_sync_mode", "0 in sync, and may take over; 1 catching up; 2 has not been at the end of the log since its start.", nil, nil)
	descMissed   = prometheus.NewDesc("understudy_devices_missed", "Devices with standby_polling that this server is not connected to, or not without a break; absent until it has counted them.", nil, nil)
	descPaused   = prometheus.NewDesc("understudy_failover_paused", "1 while automatic failover is paused.", nil, nil)
	descActive   = prometheus.NewDesc("understudy_configuration_active_revision", "The revision of the configuration that the landscape is to have; 0 without one.", nil, nil)
	descApplied  = prometheus.NewDesc("understudy_configuration_applied_revision", "The last one that this server has gone over to; 0 for none since its start.", nil, nil)
	descGuarded  = prometheus.NewDesc("understudy_guarded", "1 while a guard waits for the end of this process.", nil, nil)
	descValve    = prometheus.NewDesc("understudy_valve_info", "Where the lease is checked before bytes leave.", []string{"valve"}, nil)
	descHeld     = prometheus.NewDesc("understudy_valve_packets_held_back_total", "Packets to devices, counted each time that one was about to leave after the lease and did not.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descActing, descLease, descCaughtUp, descDiffers, descRecords, descForeign, descControl, descLosses, descGaveUp,
		descPending, descIdle, descUp, descGuarded, descValve, descHeld, descSync, descMissed, descPaused, descActive, descApplied,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It reads counters that the loops
// keep, and asks none of them.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.server
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descActing, one(s.core.acting.Load()))
	gauge(descCaughtUp, one(s.core.caughtUp.Load()))
	gauge(descDiffers, one(s.core.differs.Load()))
	gauge(descSync, float64(s.control.sync.Load()))
	if missed := s.control.missed.Load(); missed >= 0 {
		gauge(descMissed, float64(missed))
	}
	gauge(descPaused, one(s.control.paused.Load()))
	gauge(descActive, float64(s.core.revision.active.Load()))
	gauge(descApplied, float64(s.core.revision.applied.Load()))
	gauge(descGuarded, one(s.isGuarded()))
	gauge(descValve, 1, where(s.options.Valve))
	if v := s.options.Valve; v != nil {
		ch <- prometheus.MustNewConstMetric(descHeld, prometheus.CounterValue, float64(v.HeldBack()))
	}
	gauge(descLease, max(0, (s.lease.End()-clock.Boot()).Seconds()))
	c := &s.core.counts
	for verdict, n := range map[string]int64{
		"all": c.records.Load(), "accepted": c.accepted.Load(), "refused": c.refused.Load(),
		"duplicate": c.duplicates.Load(), "dead": c.dead.Load(), "fenced": c.fenced.Load(), "misplaced": c.misplaced.Load(),
	} {
		ch <- prometheus.MustNewConstMetric(descRecords, prometheus.CounterValue, float64(n), verdict)
	}
	ch <- prometheus.MustNewConstMetric(descForeign, prometheus.CounterValue, float64(c.foreign.Load()))
	ch <- prometheus.MustNewConstMetric(descControl, prometheus.CounterValue, float64(s.control.foreign.Load()))
	ch <- prometheus.MustNewConstMetric(descLosses, prometheus.CounterValue, float64(s.control.losses.Load()))
	ch <- prometheus.MustNewConstMetric(descGaveUp, prometheus.CounterValue, float64(c.gaveUp.Load()))
	s.core.eachDevice(func(d *deviceLoop) {
		gauge(descPending, float64(d.pending.Load()), d.settings.Definition.Device)
		gauge(descIdle, d.idleFor().Seconds(), d.settings.Definition.Device)
		gauge(descUp, one(!d.away.Load()), d.settings.Definition.Device)
	})
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
