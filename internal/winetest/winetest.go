// Package winetest runs the program for Windows under Wine: `make test-wine`. It has no
// code but tests.
package winetest
