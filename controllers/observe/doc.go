// Package observe turns the /metrics of runtime pods into the tuner's Sample.
//
// Three steps, of which only the first does I/O: Scraper reads all pods of a pool at
// once with bounded concurrency and a short timeout each; Parse makes a Snapshot out of
// one pod's text; Memory compares each pod's Snapshot with its last one and adds the
// windows up. A pod that does not answer, or answers without the gauges that the tuner
// needs, counts as expected and not as scraped.
package observe
