// Package bench measures what tpmdps costs: time, TPM commands, requests, size
// and memory, of the real program on a software TPM, next to the programs that
// people use today. `make bench` runs it and prints a table.
//
// The rule: it measures and does not judge. A target that is missed is printed
// as such, since a busy machine can miss one; what fails a run is a program
// that does not do its work. What must hold on every machine (the numbers of
// commands, that nothing is written) is a test of internal/provision.
//
// There is nothing here to import: it all lives in benchmarks, for Linux.
package bench
