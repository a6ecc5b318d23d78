//go:build race

package main

// raceDetector tells tests that this build is slower, and what for.
const raceDetector = true
