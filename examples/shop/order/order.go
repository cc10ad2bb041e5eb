// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package order is what the shop and its load generator say to each other.
package order

import (
	"errors"
	"fmt"
)

// Batch is the body of POST /orders.
type Batch struct {
	Orders []Order `json:"orders"`
}

// Accepted is the answer to a Batch: one id for each order, in the order of the batch.
type Accepted struct {
	IDs []int64 `json:"ids"`
}

// Order is what a customer sends.
type Order struct {
	Customer int64   `json:"customer"`
	Items    []Item  `json:"items"`
	Ship     Address `json:"ship"`
	Note     string  `json:"note,omitempty"`
}

// Item is one line of an order. Price is for one piece.
type Item struct {
	SKU        string   `json:"sku"`
	Name       string   `json:"name"`
	Quantity   int64    `json:"quantity"`
	PriceCents int64    `json:"price_cents"`
	Tags       []string `json:"tags,omitempty"`
}

// Address is where an order goes.
type Address struct {
	Name    string `json:"name"`
	Street  string `json:"street"`
	City    string `json:"city"`
	Postal  string `json:"postal"`
	Country string `json:"country"`
}

// Validate says everything that is wrong with the order at once.
func (o Order) Validate() error {
	var errs []error
	if o.Customer <= 0 {
		errs = append(errs, fmt.Errorf("customer must be positive (got %d)", o.Customer))
	}
	if len(o.Items) == 0 {
		errs = append(errs, errors.New("items must not be empty"))
	}
	for i, item := range o.Items {
		if item.Quantity <= 0 {
			errs = append(errs, fmt.Errorf("items[%d].quantity must be positive (got %d)", i, item.Quantity))
		}
		if item.PriceCents < 0 {
			errs = append(errs, fmt.Errorf("items[%d].price_cents must not be negative (got %d)", i, item.PriceCents))
		}
	}
	return errors.Join(errs...)
}

// TotalCents is the sum of all lines.
func (o Order) TotalCents() int64 {
	var total int64
	for _, item := range o.Items {
		total += item.Quantity * item.PriceCents
	}
	return total
}
