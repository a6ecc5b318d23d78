//go:build !race

package main

// raceDetector tells tests whether this build has the race detector in it.
const raceDetector = false
