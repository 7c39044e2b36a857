// The jobs `sessions` and `release`, and leases: etcd's counterpart of a session is a lease that its client keeps alive on
// a connection of its own. Owns how leases are granted, kept and given back.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/clientv3"
)

// A lease that is given back has this long: thousands are, and each costs the server an entry of its log.
const revokeTimeout = 60 * time.Second

// leaseFor grants a lease and keeps it alive until the context or the client ends. clientv3 renews it three times in its
// life, as ZooKeeper's clients do with their sessions.
func leaseFor(ctx context.Context, client *clientv3.Client, seconds int64) (clientv3.LeaseID, error) {
	lease, renewals, err := keptLease(ctx, client, seconds)
	if err == nil {
		go func() {
			for range renewals {
			}
		}()
	}
	return lease, err
}

func keptLease(ctx context.Context, client *clientv3.Client, seconds int64) (clientv3.LeaseID, <-chan *clientv3.LeaseKeepAliveResponse, error) {
	granted, err := client.Grant(ctx, seconds)
	if err != nil {
		return 0, nil, err
	}
	renewals, err := client.KeepAlive(ctx, granted.ID)
	return granted.ID, renewals, err
}

func revoke(client *clientv3.Client, lease clientv3.LeaseID) error {
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	_, err := client.Revoke(ctx, lease)
	return err
}

func (g *generator) sessions(j job) error {
	if j.Count < 1 || j.TimeoutMs < 1 {
		return errors.New("sessions need count and timeoutMs")
	}
	// A lease lasts whole seconds.
	seconds := (int64(j.TimeoutMs) + 999) / 1000
	if err := roomFor(j.Count); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clients := make([]*clientv3.Client, j.Count)
	leases := make([]clientv3.LeaseID, j.Count)
	defer closeAll(clients)
	var lost, closing int64
	say(mark{Mark: "begin"})
	began := time.Now()
	err := inParallel(j.Count, dialsAtOnce, func(i int) error {
		opened, err := g.connect(1, small()...)
		if err != nil {
			return err
		}
		clients[i] = opened[0]
		lease, renewals, err := keptLease(ctx, clients[i], seconds)
		if err != nil {
			return err
		}
		leases[i] = lease
		go func() {
			for range renewals {
			}
			if atomic.LoadInt64(&closing) == 0 {
				atomic.AddInt64(&lost, 1)
			}
		}()
		return nil
	})
	if err != nil {
		return err
	}
	say(endMark(int64(j.Count), time.Since(began).Seconds()))
	if err := g.awaitRelease(); err != nil {
		return err
	}
	atomic.StoreInt64(&closing, 1)
	if lost := atomic.LoadInt64(&lost); lost > 0 {
		return fmt.Errorf("%d of %d leases were lost", lost, j.Count)
	}
	err = inParallel(j.Count, dialsAtOnce, func(i int) error { return revoke(clients[i], leases[i]) })
	if err != nil {
		return err
	}
	say(mark{Mark: "released"})
	return nil
}

func (g *generator) awaitRelease() error {
	next, err := g.nextJob()
	if errors.Is(err, io.EOF) {
		return errors.New("stdin ended before `release`")
	}
	if err == nil && next.Job != "release" {
		err = fmt.Errorf("a job %q while sessions are held", next.Job)
	}
	return err
}
