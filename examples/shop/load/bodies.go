// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/heapgate/heapgate/examples/shop/order"
)

const differentBodies = 64

var (
	goods   = []string{"Espresso beans, dark roast", "Enamel mug, blue", "Paper filters, 100 pieces", "Hand grinder, steel", "Kettle with thermometer", "Cleaning brush"}
	tags    = []string{"coffee", "kitchen", "gift", "fragile", "refund-30d"}
	streets = []string{"Harbour Street", "Long Lane", "Mill Road", "Church Square"}
	cities  = []string{"Lisbon", "Utrecht", "Aarhus", "Graz", "Tampere"}
)

// newBodies encodes batches ahead of time, so that the generator's own CPU hardly disturbs the machine it measures. They
// are the same in every run.
func newBodies(orders int) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	bodies := make([][]byte, differentBodies)
	for i := range bodies {
		batch := order.Batch{Orders: make([]order.Order, orders)}
		for j := range batch.Orders {
			batch.Orders[j] = newOrder(random)
		}
		body, err := json.Marshal(batch)
		if err != nil {
			panic(err) // strings and numbers always encode
		}
		bodies[i] = body
	}
	return bodies
}

func newOrder(random *rand.Rand) order.Order {
	o := order.Order{
		Customer: 1 + random.Int64N(1_000_000),
		Ship: order.Address{
			Name:    fmt.Sprintf("Customer Number %d", random.IntN(1000)),
			Street:  fmt.Sprintf("%s %d", pick(random, streets), 1+random.IntN(200)),
			City:    pick(random, cities),
			Postal:  fmt.Sprintf("%05d", random.IntN(100_000)),
			Country: "EU",
		},
		Note: "Please ring twice and leave the parcel with the neighbour if nobody answers.",
	}
	for range 3 + random.IntN(4) {
		o.Items = append(o.Items, order.Item{
			SKU:        fmt.Sprintf("SKU-%06d", random.IntN(1_000_000)),
			Name:       pick(random, goods),
			Quantity:   1 + random.Int64N(9),
			PriceCents: 99 + random.Int64N(9_900),
			Tags:       []string{pick(random, tags), pick(random, tags)},
		})
	}
	return o
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }
