// Latencies, counted in buckets whose width is 1/128 of their value: a percentile is within 0.4 % of the exact one, the
// maximum is exact. Several goroutines may add at once. Never reads a clock.
package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// Each power of two is divided into 2^subBits buckets; below 2^(subBits+1) nanoseconds a bucket is one nanosecond.
	subBits = 7
	// Beyond 2^maxBits nanoseconds (137 s) everything falls into the last bucket.
	maxBits = 37
	buckets = (maxBits - subBits + 1) << subBits
)

type histogram struct {
	counts [buckets]uint32
	max    int64
}

func bucketOf(nanoseconds int64) int {
	shift := bits.Len64(uint64(nanoseconds)) - subBits - 1
	if shift < 0 {
		shift = 0
	}
	bucket := shift<<subBits + int(nanoseconds>>shift)
	if bucket >= buckets {
		return buckets - 1
	}
	return bucket
}

// middleOf is the middle of a bucket, in nanoseconds.
func middleOf(bucket int) float64 {
	shift := bucket>>subBits - 1
	if shift < 0 {
		shift = 0
	}
	low := int64(bucket-shift<<subBits) << shift
	return float64(low) + float64(int64(1)<<shift-1)/2
}

func (h *histogram) add(latency time.Duration) {
	nanoseconds := int64(latency)
	atomic.AddUint32(&h.counts[bucketOf(nanoseconds)], 1)
	for {
		max := atomic.LoadInt64(&h.max)
		if nanoseconds <= max || atomic.CompareAndSwapInt64(&h.max, max, nanoseconds) {
			return
		}
	}
}

// summary adds up histograms; an operation that ends at the same moment may still come in or not.
func summary(parts []*histogram) (operations int64, l latencies) {
	total := make([]int64, buckets)
	var max int64
	for _, part := range parts {
		for i := range part.counts {
			count := int64(atomic.LoadUint32(&part.counts[i]))
			total[i] += count
			operations += count
		}
		if partMax := atomic.LoadInt64(&part.max); partMax > max {
			max = partMax
		}
	}
	percentile := func(share float64) float64 {
		rank := int64(share * float64(operations))
		for i, count := range total {
			if rank -= count; rank < 0 {
				if middle := middleOf(i); middle < float64(max) {
					return middle / 1000
				}
				break
			}
		}
		return float64(max) / 1000
	}
	return operations, latencies{P50: percentile(0.5), P99: percentile(0.99), P999: percentile(0.999), Max: float64(max) / 1000}
}
