// Names and values of the keys that every generator knows. Never talks to a server.
package main

import (
	"fmt"
	"strings"
)

const (
	valueBytes        = 100
	childrenPerParent = 1000
	rootKey           = "/bench"
	putsPerMulti      = 10
)

var value = strings.Repeat("v", valueBytes)

func keyOf(number int) string {
	return fmt.Sprintf("/bench/p%d/n%06d", number/childrenPerParent, number%childrenPerParent)
}

func multiKey(number int) string {
	return fmt.Sprintf("/bench/m%d", number)
}

func watchedKey(number int) string {
	return fmt.Sprintf("/bench/w%d", number)
}

// ephemeralKey: each goroutine of a load has a name of its own and creates it again and again, as a member of a group does.
func ephemeralKey(connection, slot int) string {
	return fmt.Sprintf("/bench/e%d-%d", connection, slot)
}
