package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

const (
	maxPasswordFile = 4 << 10
	maxAuthorities  = 1 << 20
)

// openLog opens a connection of its own to the log, for one purpose.
func openLog(cfg config.Config, purpose string, logger *slog.Logger) (*kafka.Log, error) {
	to, err := logConfig(cfg, purpose)
	if err != nil {
		return nil, err
	}
	return kafka.Open(to, logger)
}

// logConfig is how the log is reached, for one purpose.
func logConfig(cfg config.Config, purpose string) (kafka.Config, error) {
	k := cfg.Kafka
	id := k.ClientID
	if id == "" {
		id = strings.TrimSuffix("understudy-"+cfg.Server.Name, "-")
	}
	to := kafka.Config{
		Brokers: k.Brokers, ClientID: id + "-" + purpose, AddressMap: k.AddressMap,
		DialTimeout: k.DialTimeout, ConnectTimeout: k.ConnectTimeout, AppendTimeout: k.AppendTimeout,
		QueryTimeout: k.QueryTimeout, FetchGrace: k.FetchGrace, MetadataTTL: k.MetadataTTL,
	}
	var err error
	if to.TLS, err = brokerTLS(k.TLS); err != nil {
		return to, err
	}
	to.SASL, err = credentials(k.SASL)
	return to, err
}

func credentials(s config.SASL) (kafka.SASL, error) {
	out := kafka.SASL{Mechanism: kafka.Mechanism(s.Mechanism), User: s.User, Password: s.Password}
	if s.PasswordFile != "" {
		b, err := readSmall(s.PasswordFile, maxPasswordFile)
		if err != nil {
			return out, fmt.Errorf("kafka.sasl.password_file: %w", err)
		}
		out.Password = strings.TrimRight(string(b), "\r\n")
	}
	return out, nil
}

func brokerTLS(t config.KafkaTLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		b, err := readSmall(t.CA, maxAuthorities)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("kafka.tls.ca %s holds no certificate in PEM: %w", t.CA, domain.ErrInvalid)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert and key: %w: %w", domain.ErrInvalid, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
