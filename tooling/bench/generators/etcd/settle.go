// Brings a server back to rest between loads, outside of the measured time, so that a load does not pay for the one
// before it. Never used while something is measured.
package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/clientv3"
)

// The server writes what it buffers to its backend every 100 ms; this leaves it the time for one such interval.
const commitInterval = 250 * time.Millisecond

// settle lets the server drop its buffer of recent puts. etcd 3.4 copies that buffer for every read, at the size that the
// most puts in one interval ever gave it, and lets go of it only after an interval that wrote something but no key: a get
// after a load of sets cost 600 to 2,200 µs of the server's time instead of about 100. Granting a lease is such a write.
func settle(ctx context.Context, client *clientv3.Client) error {
	if err := pause(ctx); err != nil {
		return err
	}
	granted, err := client.Grant(ctx, loadLeaseSeconds)
	if err != nil {
		return err
	}
	if err := pause(ctx); err != nil {
		return err
	}
	return revoke(client, granted.ID)
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(commitInterval):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
