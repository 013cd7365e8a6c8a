package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/checkup"
)

func clusterDoctorCommand(g *globals) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Ask every server how it is, and say what is wrong and what that means",
		Long: `Ask every server of the landscape at its own address: whether it answers and hears the others,
its role, lag, state hash, build, identity, guard, valve and clock, what it stands on (disk, resolver, its own
address, the brokers' settings), and what operators have decided. It ends
with 1 if something fails; a warning is no failure.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			answers, err := s.askAll(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			findings := checkup.Of(answers)
			if err := s.show(findings, func(t *table) { s.doctorTable(t, findings, all) }); err != nil {
				return err
			}
			if checkup.Worst(findings) == checkup.Fails {
				return errors.New("not all is as it should be; what fails is said above")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also what is as it should be")
	return cmd
}

func (s *session) doctorTable(t *table, findings []checkup.Finding, all bool) {
	good := 0
	t.row("SERVER", "CHECK", "STATE", "WHAT IS WRONG")
	for _, f := range findings {
		if f.State == checkup.OK && !all {
			good++
			continue
		}
		t.row(f.Server, f.Check, f.State, s.pasteable(f.Detail))
	}
	if good > 0 {
		t.text("%d checks are as they should be; --all shows them", good)
	}
}

// askAll asks each member of the landscape, at the address that it has joined with, and
// each server of the folder: one that may not join is no member, and says why. One that has
// left is no failure, unless it runs all the same.
func (s *session) askAll(ctx context.Context) ([]checkup.Answer, error) {
	st, err := s.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	servers := s.everyServer(&st)
	left := make(map[string]bool)
	for _, m := range st.Former {
		left[m.Name] = true
		servers = withServer(servers, m.Name, m.Address)
	}
	answers := make([]checkup.Answer, len(servers))
	var asked sync.WaitGroup
	for i, m := range servers {
		asked.Go(func() {
			answers[i] = s.askOne(ctx, m)
			if left[m.Name] && answers[i].Failure != "" {
				answers[i] = checkup.Answer{Server: m.Name, Left: true}
			}
		})
	}
	asked.Wait()
	slices.SortFunc(answers, func(a, b checkup.Answer) int { return cmp.Compare(a.Server, b.Server) })
	return answers, nil
}

// everyServer are the members of the landscape, and who is none: the servers of the folder,
// or the one at --address.
func (s *session) everyServer(st *httpapi.Status) []httpapi.ServerStatus {
	all := slices.Clone(st.Servers)
	switch {
	case s.Address != "":
		all = withServer(all, st.Server.Name, s.Address)
	case s.run != nil:
		for _, own := range s.run.Servers {
			all = withServer(all, own.Name, own.Address)
		}
	}
	return all
}

// withServer adds a server that is not among them.
func withServer(all []httpapi.ServerStatus, name, address string) []httpapi.ServerStatus {
	if slices.ContainsFunc(all, func(m httpapi.ServerStatus) bool { return m.Name == name }) {
		return all
	}
	return append(all, httpapi.ServerStatus{Name: name, Address: address})
}

func (s *session) askOne(ctx context.Context, m httpapi.ServerStatus) checkup.Answer {
	a := checkup.Answer{Server: m.Name, Address: m.Address}
	began := time.Now()
	st, err := s.client.At(m.Address).Status(ctx)
	took := time.Since(began)
	switch {
	case err != nil:
		a.Failure = domain.Plain(err)
		return a
	case st.Server.Name != m.Name:
		a.Failure = fmt.Sprintf("server %s answers there", st.Server.Name)
		return a
	}
	a.Primary, a.Epoch = st.Primary, st.Epoch
	a.Ready, a.Reasons, a.Build = st.Server.Ready, st.Server.Reasons, st.Server.Build
	a.Guarded, a.Valve, a.ValveWhy, a.Suspect = st.Guarded, st.Valve, st.ValveWhy, st.ClockSuspect
	a.Clock, a.Within = st.Server.Time.Sub(began.Add(took/2)), took/2
	a.Members, a.Signs = len(st.Servers), st.Server.Signs
	for _, c := range st.Server.Checks {
		a.Checks = append(a.Checks, checkup.SelfCheck{Check: c.Check, Failure: c.Failure})
	}
	if st.Policy != nil {
		a.Limit = st.Policy.MaxMembers
	}
	if st.Paused != nil {
		a.Paused = st.Paused.By + after(": ", st.Paused.Reason)
	}
	a.Heard = make(map[string]string)
	for _, one := range st.Servers {
		if one.Name == m.Name {
			a.SyncMode, a.Lag, a.Hash, a.Falls = one.SyncMode, one.Lag, one.HashOK, one.Falls
			a.Drained, a.DrainedBy = one.Drained, one.DrainedBy
			if one.Missing != nil {
				a.Missing = *one.Missing
			}
			a.Behind, a.Identity = one.Unapplied, one.Identity
		} else if one.State == httpapi.StateSilent {
			a.Heard[one.Name] = shortMs(one.LastHeard)
		}
	}
	return a
}
